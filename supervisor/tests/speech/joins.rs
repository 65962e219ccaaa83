//! A text in short segments, joined as a stream joins them, and the stream itself, beside the same text spoken by its
//! engines in one piece.

use std::ops::Range;

use ishowtts::speech::{Budget, Part, Pause, cut, is_speakable};
use serde_json::json;

use crate::{
    engines::{Engines, Seam},
    harness::{Server, pcm},
    plain, server, set_up,
    sound::{Silence, Sound},
};

/// A clause first, then about what the server gives an engine of middling speed. (Its shortest is the default.)
const USUAL: Budget = Budget { first_ms: 1500, most_ms: 3200 };

/// How far from the audio in one piece it may be.
struct Leeway {
    /// How many times as long.
    duration: Range<f64>,
    /// How much louder or quieter.
    level_db: f64,
    /// Its steepest sound, anywhere, in parts of the steepest in one piece.
    jump: f64,
}

/// Measured for every budget that the server has: 0.967 to 1.083 times as long, -0.3 to 0.65 dB, 1.03 times as steep.
/// Two lives of Piper differ by 0.1 dB besides, since each levels itself by what it said while it warmed up.
const WITH_MARKS: Leeway = Leeway { duration: 0.95..1.1, level_db: 1.0, jump: 1.06 };
/// A long sentence without a mark grows quieter until its end, and segments of it do so each, slowly. Measured: up to
/// 1.18 times as long, 1.6 dB louder, and a word that begins a segment 1.66 times as steep as the same in the middle.
const WITHOUT_MARKS: Leeway = Leeway { duration: 0.95..1.2, level_db: 1.75, jump: 1.75 };

fn segments(parts: &[Part], budget: Budget) -> Vec<Part> {
    let mut segments = Vec::new();
    for part in parts {
        let first_ms = if segments.is_empty() { budget.first_ms } else { budget.most_ms };
        let texts = cut(&part.text, Budget { first_ms, ..budget }).into_iter();
        segments.extend(
            texts.filter(|text| is_speakable(text)).map(|text| Part { text: text.into(), ..part.clone() }),
        );
    }
    segments
}

async fn streamed(server: &Server, text: &str) -> Sound {
    let answer = server
        .speak(json!({
            "text": text, "voice_id": "walter", "engine_options": plain(), "stream": true, "format": "pcm"
        }))
        .await;
    assert_eq!(answer.status, 200, "{text}: {:?}", answer.body);
    Sound::new(pcm(answer.bytes()), answer.header("x-sample-rate").parse().unwrap())
}

/// Wherever its seams may be.
fn sounds_as_in_one_piece(text: &str, ours: &Sound, one: &Sound, leeway: &Leeway) {
    assert_eq!(ours.rate, one.rate, "{text}");
    let ratio = ours.seconds() / one.seconds();
    assert!(leeway.duration.contains(&ratio), "{text}: {ratio} times as long");
    let louder = ours.level_db() - one.level_db();
    assert!(louder.abs() < leeway.level_db, "{text}: {louder} dB louder");
    // Pauses that anybody notices, all together: no shorter and no longer.
    let rests = |sound: &Sound| {
        sound.silences().iter().map(Silence::seconds).filter(|seconds| *seconds > 0.1).sum::<f64>()
    };
    let (own, rests) = (rests(one), rests(ours));
    assert!((own * 0.8..own * 1.3 + 0.1).contains(&rests), "{text}: rests for {rests} s, not for {own} s");
    for rest in ours.silences() {
        // Measured: 0.09 s from its place at most, and 0.01 s longer.
        let there = |own: &Silence| (own.start * ratio - rest.start).abs() < 0.2;
        let same = |own: &Silence| there(own) && own.seconds() > rest.seconds() - 0.03;
        assert!(rest.seconds() <= 0.4 || one.silences().iter().any(same), "{text}: {rest:?}");
        // Every seam is at a rest. Measured: 0.48 times the steepest sound, in one piece too.
        let jump = ours.greatest_jump_within(rest.start - 0.02, rest.end + 0.02);
        assert!(jump < one.greatest_jump() * 0.6, "{text}: a click: {jump} at {rest:?}");
    }
    let jump = ours.greatest_jump() / one.greatest_jump();
    assert!(jump < leeway.jump, "{text}: {jump} times as steep");
    // Measured: 0.014, as in one piece.
    assert!(ours.greatest_edge() < 0.02, "{text}: cut off: {}", ours.greatest_edge());
}

fn rests_as_it_should(joined: &Sound, Seam { at, before }: &Seam) {
    let at = *at as f64 / f64::from(joined.rate);
    let silences = joined.silences();
    // A sound that dies away may be quiet to the ear before its last sample is, and sound up once more.
    let silence = silences.iter().rfind(|silence| (silence.start - 0.03..silence.end).contains(&at));
    let silence = silence.unwrap_or_else(|| panic!("{before}: no rest at {at} s: {silences:?}"));
    let Pause { least_ms, most_ms } = Pause::after(before);
    // What is quiet before and behind it counts too, by ear.
    let fits = f64::from(least_ms) / 1000.0 - 0.03..f64::from(most_ms) / 1000.0 + 0.05;
    assert!(fits.contains(&silence.seconds()), "{before}: rests for {} s", silence.seconds());
    // Measured: 0.02 where a voice that speaks in one piece falls silent.
    let edge = joined.greatest_jump_within(at - 0.003, at + 0.01);
    assert!(edge < 0.03, "{before}: cut off: {edge}");
}

const ENGLISH: [&str; 3] = [
    "When the sun came up over the hills, the whole valley was still covered in a thin white mist. \
     Nobody had slept much. We made coffee, packed our bags, and walked down to the river.",
    "Well, what do you think? I thought it was great, although the ending, to be honest, was a bit too long! \
     She said \"never again\" (and she meant it); then she laughed.",
    "First a heading\nThen the text of it: one thing, another thing, and a third. Is that all? Yes... it is.",
];
const CHINESE: [&str; 3] = [
    "今天天气很好，我们一起去公园散步吧。公园里有很多人，有的在跑步，有的在唱歌。你想去吗？我觉得很有意思！",
    "他说：“我们明天再来吧。”然后就走了……谁也不知道他去了哪里（也许回家了），不过大家都很担心。",
    "标题在这里\n苹果、香蕉、西瓜和葡萄，都是我喜欢吃的水果；不过最近价格涨了不少。真没办法。",
];
const MIXED: [&str; 3] = [
    "我喜欢用Python写程序，因为它很简单。Hello everybody, 欢迎来到我的直播间！Today we will play a game, 大家准备好了吗？",
    "这个iPhone的价格是九百九十九美元，比Android贵多了。OK, 我们来看下一个。",
    "谢谢John的礼物！Thank you so much, 我真的很感动。他说“Never give up”，我们都笑了。",
];

const WITHOUT_A_MARK: [&str; 2] = [
    "there is no punctuation in this at all it just goes on and on and on without a rest for as long as \
     anybody cares to listen to it",
    "我们今天下午一起去北京大学图书馆学习中国历史然后再去学校门口的小饭馆吃晚饭最后坐地铁回家休息",
];

#[tokio::test]
async fn segments_sound_as_the_same_text_in_one_piece() {
    drop(set_up().await);
    let engines = Engines::start().await;
    let check = async |text: &str, budget: Budget, leeway: &Leeway| {
        let parts = engines.parts(text);
        let (one, _) = engines.joined(&parts).await;
        let (joined, seams) = engines.joined(&segments(&parts, budget)).await;
        assert!(!seams.is_empty(), "{text}: is one segment");
        sounds_as_in_one_piece(text, &joined, &one, leeway);
        for seam in &seams {
            rests_as_it_should(&joined, seam);
        }
    };
    for text in [ENGLISH, CHINESE, MIXED].into_iter().flatten() {
        check(text, USUAL, &Leeway { duration: 0.95..1.08, ..WITH_MARKS }).await;
        check(text, Budget::default(), &WITH_MARKS).await;
    }
    for text in WITHOUT_A_MARK {
        check(text, USUAL, &Leeway { duration: 0.95..1.08, level_db: 1.5, ..WITHOUT_MARKS }).await;
        check(text, Budget::default(), &WITHOUT_MARKS).await;
    }
    engines.stop().await;
}

#[tokio::test]
async fn a_stream_sounds_as_the_same_text_in_one_piece() {
    let server = server().await;
    let engines = Engines::start().await;
    let check = async |text: &str, leeway: &Leeway| {
        let (one, _) = engines.joined(&engines.parts(text)).await;
        sounds_as_in_one_piece(text, &streamed(&server, text).await, &one, leeway);
    };
    for texts in [ENGLISH, CHINESE, MIXED] {
        for text in texts {
            check(text, &WITH_MARKS).await;
        }
        // So long that it is cut for the fastest engine.
        check(&texts.join("\n\n"), &WITH_MARKS).await;
    }
    for text in WITHOUT_A_MARK {
        check(text, &WITHOUT_MARKS).await;
    }
    engines.stop().await;
}
