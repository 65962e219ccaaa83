//! A text in short segments, joined as a stream joins them, beside the same text spoken in one piece.

use bytes::Bytes;
use ishowtts::speech::{Budget, Join, Pause, Writing, cut, runs};
use serde_json::json;

use crate::{
    harness::{Server, pcm},
    plain, server,
    sound::{Silence, Sound},
};

/// As short as segments will be where somebody waits for the first.
const BUDGET: Budget = Budget { first_ms: 1500, most_ms: 3200 };

/// A place where two segments meet: where the sound before it ends, in samples, and the text before it.
struct Seam {
    at: usize,
    before: String,
}

/// The joined sound beside the one that was spoken in one piece.
struct Heard {
    one: Sound,
    joined: Sound,
    seams: Vec<Seam>,
}

async fn spoken(server: &Server, text: &str, voice: &str, rate: u32) -> Vec<i16> {
    let request = json!({
        "text": text, "voice_id": voice, "sample_rate": rate, "engine_options": plain()
    });
    let answer = server.speak(request).await;
    assert_eq!(answer.status, 200, "{text}: {:?}", answer.body);
    answer.wav()
}

/// The segments with the engine that speaks each.
fn segments(text: &str) -> Vec<(&str, &'static str)> {
    let engine = |writing| if writing == Some(Writing::Chinese) { "fastspeech2" } else { "piper" };
    let pieces = |(text, engine)| cut(text, BUDGET).into_iter().map(move |piece| (piece, engine));
    runs(text, false).into_iter().map(|run| (run.text, engine(run.writing))).flat_map(pieces).collect()
}

async fn heard(server: &Server, text: &str, rate: u32) -> Heard {
    let mut join = Join::new(rate);
    let (mut out, mut seams) = (Vec::<Bytes>::new(), Vec::new());
    for (piece, engine) in segments(text) {
        for chunk in spoken(server, piece, engine, rate).await.chunks(2400) {
            join.push(chunk.iter().flat_map(|sample| sample.to_le_bytes()).collect(), &mut out);
        }
        seams.push(Seam { at: out.iter().map(Bytes::len).sum::<usize>() / 2, before: piece.to_owned() });
        join.end_segment(Pause::after(piece));
    }
    seams.pop();
    join.finish(&mut out);
    let one = Sound::new(spoken(server, text, "walter", rate).await, rate);
    Heard { one, joined: Sound::new(pcm(&out.concat()), rate), seams }
}

/// `level_db`: how much louder or quieter the segments may be. A long sentence without a mark grows quieter until its
/// end, and segments of it do so each.
fn sounds_as_in_one_piece(text: &str, Heard { one, joined, seams }: &Heard, level_db: f64) {
    assert!(!seams.is_empty(), "{text}: is one segment");
    let ratio = joined.seconds() / one.seconds();
    assert!((0.93..1.08).contains(&ratio), "{text}: {ratio} times as long");
    let louder = joined.level_db() - one.level_db();
    assert!(louder.abs() < level_db, "{text}: {louder} dB louder");
    // Pauses that anybody notices, all together: no shorter and no longer.
    let rests = |sound: &Sound| {
        sound.silences().iter().map(Silence::seconds).filter(|seconds| *seconds > 0.1).sum::<f64>()
    };
    let (own, ours) = (rests(one), rests(joined));
    assert!((own * 0.8..own * 1.3 + 0.1).contains(&ours), "{text}: rests for {ours} s, not for {own} s");
    for long in joined.silences().iter().filter(|silence| silence.seconds() > 0.4) {
        let there = |own: &Silence| (own.start / one.seconds() - long.start / joined.seconds()).abs() < 0.1;
        let same = one.silences().iter().any(|own| there(own) && own.seconds() > long.seconds() - 0.05);
        assert!(same, "{text}: {long:?}");
    }
    for Seam { at, before } in seams {
        let at = *at as f64 / f64::from(joined.rate);
        let silences = joined.silences();
        let silence = silences.iter().find(|silence| (silence.start - at).abs() < 0.03);
        let silence = silence.unwrap_or_else(|| panic!("{before}: no rest at {at} s: {silences:?}"));
        let Pause { least_ms, most_ms } = Pause::after(before);
        // What is quiet before and behind it counts too, by ear.
        let fits = f64::from(least_ms) / 1000.0 - 0.03..f64::from(most_ms) / 1000.0 + 0.05;
        assert!(fits.contains(&silence.seconds()), "{before}: rests for {} s", silence.seconds());
        let jump = joined.greatest_jump_within(silence.start - 0.02, silence.end + 0.02);
        assert!(jump <= one.greatest_jump(), "{before}: a click: {jump}");
        // Measured: 0.02 where a voice that speaks in one piece falls silent.
        let edge = joined.greatest_jump_within(at - 0.003, at + 0.01);
        assert!(edge < 0.03, "{before}: cut off: {edge}");
    }
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

const WITHOUT_A_MARK: [(&str, u32); 2] = [
    (
        "there is no punctuation in this at all it just goes on and on and on without a rest for as long as \
         anybody cares to listen to it",
        22_050,
    ),
    ("我们今天下午一起去北京大学图书馆学习中国历史然后再去学校门口的小饭馆吃晚饭最后坐地铁回家休息", 24_000),
];

#[tokio::test]
async fn segments_sound_as_the_same_text_in_one_piece() {
    let server = server().await;
    let texts = ENGLISH.map(|text| (text, 22_050)).into_iter();
    let texts = texts.chain(CHINESE.map(|text| (text, 24_000))).chain(MIXED.map(|text| (text, 24_000)));
    for (text, rate) in texts {
        sounds_as_in_one_piece(text, &heard(&server, text, rate).await, 1.0);
    }
    for (text, rate) in WITHOUT_A_MARK {
        sounds_as_in_one_piece(text, &heard(&server, text, rate).await, 1.5);
    }
}
