//! Real speech, end to end: the engines of the configuration that we ship, over HTTP. Their environments are built
//! once, under the target directory, and kept.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "a test that cannot go on has failed"
)]

mod confined;
mod engines;
mod f5;
#[path = "../integration/harness/mod.rs"]
#[expect(dead_code, reason = "each test binary uses a part of it")]
mod harness;
mod joins;
mod sound;
#[path = "../torch/mod.rs"]
mod torch;

use std::path::{Path, PathBuf};

use futures_util::{StreamExt, future::join_all};
use harness::{Server, eventually, ishowtts_in, kill, pcm, soon};
use serde_json::{Value, json};
use sound::Sound;
use tempfile::TempDir;

/// Piper without its noise: the same samples each time.
fn plain() -> Value {
    json!({ "piper": { "noise_scale": 0, "noise_w_scale": 0 } })
}

fn state_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("state")
}

fn command(dir: &Path) -> tokio::process::Command {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/ishowtts.toml");
    std::fs::copy(ours, dir.join("ishowtts.toml")).unwrap();
    ishowtts_in(dir, &state_dir())
}

/// Building environments takes as long as the network takes; starting does not.
async fn set_up() -> TempDir {
    let dir = TempDir::new().unwrap();
    let setup = command(dir.path()).arg("setup").output().await.unwrap();
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    dir
}

async fn server() -> Server {
    let dir = set_up().await;
    let command = command(dir.path());
    Server::launch(dir, command, "Listening").await.ready().await
}

#[tokio::test]
async fn both_languages_are_spoken_at_the_house_level() {
    let server = server().await;
    for (text, engine, rate, seconds) in [
        ("The quick brown fox jumps over the lazy dog.", "piper", 22_050, 2.0..4.5),
        ("今天天气很好，我们一起去公园散步吧。", "fastspeech2", 24_000, 2.5..5.5),
    ] {
        let answer = server.speak(json!({ "text": text, "voice_id": "walter" })).await;
        assert_eq!(
            (answer.header("x-engine"), answer.header("x-sample-rate")),
            (engine, rate.to_string().as_str())
        );
        let sound = Sound::new(answer.wav(), rate);
        assert!(seconds.contains(&sound.seconds()), "{engine}: {} s", sound.seconds());
        let level = sound.level_db();
        assert!((-23.0..-17.0).contains(&level), "{engine}: {level} dB");
        assert!(sound.peak() < 0.95, "{engine} clips: {}", sound.peak());
        assert!(sound.longest_silence() < 0.6, "{engine}: {} s of silence", sound.longest_silence());
    }
}

#[tokio::test]
async fn latin_words_in_chinese_text_are_spoken_by_the_english_engine() {
    let server = server().await;
    let speak = async |text: &str, voice: &str| {
        let answer =
            server.speak(json!({ "text": text, "voice_id": voice, "engine_options": plain() })).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        let rate = answer.header("x-sample-rate").parse().unwrap();
        (answer.header("x-engine").to_owned(), Sound::new(answer.wav(), rate))
    };
    for voice in ["walter", "auto", "fastspeech2:baker"] {
        let (engines, mixed) = speak("我喜欢用Python写程序。", voice).await;
        assert_eq!(engines, "fastspeech2,piper", "{voice}");
        assert_eq!(mixed.rate, 24_000);
        let mut alone = 0.0;
        for text in ["我喜欢用", "Python", "写程序。"] {
            alone += speak(text, "walter").await.1.seconds();
        }
        // Nothing is dropped and nothing is said twice; only the silence at the seams is made shorter.
        let ratio = mixed.seconds() / alone;
        assert!((0.7..1.05).contains(&ratio), "{voice}: {ratio}");
        assert!(mixed.longest_silence() < 0.4, "{voice}: {} s", mixed.longest_silence());
        assert!(mixed.greatest_jump() < 0.5, "a click: {}", mixed.greatest_jump());
    }
    let (_, chinese) = speak("今天天气很好我们去公园。", "walter").await;
    let (_, english) = speak("Today the weather is fine.", "walter").await;
    let difference = (chinese.level_db() - english.level_db()).abs();
    assert!(difference < 3.0, "the two voices differ by {difference} dB");
}

#[tokio::test]
async fn texts_asked_at_the_same_time_get_their_own_audio_each_exactly() {
    let server = server().await;
    let texts = [
        "The first listener hears this.",
        "第一位听众听到这一句。",
        "A second one asked for something else entirely!",
        "第二位要的是另外一句话。",
        "一二三四五。",
        "Three words only.",
    ];
    let request = |text: &str| json!({ "text": text, "engine_options": plain() });
    let mut alone = Vec::new();
    for text in texts {
        alone.push(server.speak(request(text)).await.wav());
    }
    for _ in 0..3 {
        let together = join_all(texts.iter().map(|text| server.speak(request(text)))).await;
        for ((text, alone), together) in texts.iter().zip(&alone).zip(together) {
            assert!(*alone == together.wav(), "{text}: not the audio of its own text");
        }
    }
}

#[tokio::test]
async fn both_engines_stream_and_give_the_same_audio() {
    let server = server().await;
    for text in [
        "One sentence. And another one. And a third.",
        "这是一个比较长的句子，里面有好几个部分，可以一边合成一边播放。",
    ] {
        let whole = server.speak(json!({ "text": text, "engine_options": plain() })).await;
        let request = json!({ "text": text, "engine_options": plain(), "stream": true, "format": "pcm" });
        let mut body = server.post(&request).send().await.unwrap().bytes_stream();
        let mut streamed = Vec::new();
        let mut pieces = 0;
        while let Some(piece) = soon("a piece", body.next()).await {
            streamed.extend_from_slice(&piece.unwrap());
            pieces += 1;
        }
        assert!(pieces > 1, "{text}: came in one piece");
        assert!(pcm(&streamed) == whole.wav(), "{text}");
    }
}

#[tokio::test]
async fn speed_changes_the_duration_and_not_the_words() {
    let server = server().await;
    for text in ["This sentence is said faster and slower.", "这句话说得快一点或者慢一点。"] {
        let seconds = async |speed: f64| {
            let answer =
                server.speak(json!({ "text": text, "speed": speed, "engine_options": plain() })).await;
            answer.header("x-audio-ms").parse::<f64>().unwrap()
        };
        let (slow, usual, fast) = (seconds(0.5).await, seconds(1.0).await, seconds(2.0).await);
        assert!((1.6..2.2).contains(&(slow / usual)), "{text}: {slow} against {usual}");
        assert!((0.42..0.62).contains(&(fast / usual)), "{text}: {fast} against {usual}");
    }
}

#[tokio::test]
async fn odd_texts_are_spoken_or_told() {
    let server = server().await;
    for text in [
        "你好👋，Hello🎉！",
        "兙兡嗧桛烪瓧 这些字很少见",
        "Привет, мир! Hello.",
        "价格是99.5元，涨了3.14%，气温-5度。",
        "No punctuation at all just a very long line of words that goes on and on ",
        "A\u{0}B\u{7}C",
        "１２３ ｆｕｌｌ ｗｉｄｔｈ",
        "¿Qué tal? Äpfel, naïve café",
    ] {
        let answer = server.speak(json!({ "text": text.repeat(3) })).await;
        assert_eq!(answer.status, 200, "{text}: {:?}", answer.body);
        assert!(!answer.wav().is_empty());
    }
    for text in ["🎉", "…", "\u{200d}"] {
        assert_eq!(server.speak(json!({ "text": text })).await.error().1, "nothing_to_speak", "{text:?}");
    }
    let skipped = server.speak(json!({ "text": "嗧嗧你好", "voice_id": "walter" })).await;
    assert_eq!(skipped.header("x-skipped-characters"), "2");
}

#[tokio::test]
async fn long_texts_are_spoken_to_their_end() {
    let server = server().await;
    let english = "It was a bright cold day in April, and the clocks were striking thirteen. ".repeat(12);
    let chinese = "从前有座山，山里有座庙，庙里有个老和尚在讲故事。".repeat(12);
    for text in [english, chinese] {
        let answer = server.speak(json!({ "text": text })).await;
        let once = server.speak(json!({ "text": text.get(..text.len() / 12).unwrap() })).await;
        let milliseconds = |answer: &harness::Answer| answer.header("x-audio-ms").parse::<f64>().unwrap();
        let ratio = milliseconds(&answer) / milliseconds(&once);
        assert!((10.0..14.5).contains(&ratio), "{ratio} times as long");
    }
}

#[tokio::test]
async fn a_killed_engine_comes_back() {
    let server = server().await;
    let text = "A rather long sentence, so that there is time to do something about it. ".repeat(8);
    let request = tokio::spawn(server.post(&json!({ "text": text })).send());
    let status = async || server.get("/api/status").await["engines"]["piper"]["workers"][0].clone();
    let busy = eventually("piper speaks", async || {
        let worker = status().await;
        (worker["state"] == "busy").then_some(worker)
    })
    .await;
    kill(busy["pid"].as_u64().unwrap().try_into().unwrap(), "SIGKILL");
    assert_eq!(request.await.unwrap().unwrap().status(), 200, "what was lost is spoken again");
    assert_eq!(server.speak(json!({ "text": "And on it goes." })).await.status, 200);
    assert_eq!(server.speak(json!({ "text": "另一个引擎什么也没发现。" })).await.status, 200);
    assert_eq!(server.metric("ishowtts_worker_restarts_total{engine=\"piper\",reason=\"exit\"}").await, 1.0);
}

#[tokio::test]
async fn say_speaks_without_a_server() {
    drop(server().await);
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("hello.wav");
    let output =
        command(dir.path()).args(["say", "Hello from iShowTTS", "-o"]).arg(&file).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = std::fs::read(file).unwrap();
    let sound = Sound::new(pcm(&written[44..]), 22_050);
    assert!((0.8..3.0).contains(&sound.seconds()) && sound.level_db() > -25.0);
}
