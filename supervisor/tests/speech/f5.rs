//! F5-TTS end to end: a small random model in the files of a real one, through the whole server.

use std::{fs, path::Path};

use ishowtts::environments::Environments;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    harness::{Server, eventually, ishowtts_in, pcm},
    sound::Sound,
    state_dir, torch,
};

/// A server with this table for the engine, its interpreter aside, and a voice for both languages.
async fn server(dir: TempDir, table: &str) -> Server {
    let environments = Environments::new(&state_dir(), None).await.unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../python/tests_engines");
    let python = torch::on_the_cpu(&environments, "f5-reference", &tests.join("f5-reference.txt")).await;
    let made = Command::new(&python)
        .arg(tests.join("f5_package.py"))
        .arg(dir.path().join("model"))
        .env("PYTHONPATH", tests.join("../src"))
        .output()
        .await
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let config = format!(
        "[engines.f5]\nenabled = true\npython = \"{}\"\n{table}\n\
         [voices.walter]\nengines = {{ en = \"f5:basic-en\", zh = \"f5:basic-zh\" }}\n\
         [defaults]\nvoices = {{ en = \"walter\", zh = \"walter\" }}\n",
        python.display()
    );
    fs::write(dir.path().join("ishowtts.toml"), config).unwrap();
    let command = ishowtts_in(dir.path(), &dir.path().join("state"));
    Server::launch(dir, command, "Listening").await
}

const MODEL: &str = "model = \"./model/model.yaml\"\ncheckpoint = \"./model/model.safetensors\"\n\
                     vocoder = \"./model/vocos\"\ndevice = \"cpu\"";

#[tokio::test]
async fn a_small_model_speaks_both_languages_through_the_server() {
    let server = server(TempDir::new().unwrap(), MODEL).await.ready().await;
    let status = server.get("/api/status").await["engines"]["f5"].clone();
    assert_eq!((&status["tier"], &status["max_batch"]), (&json!("eager"), &json!(1)));
    for (text, seconds) in [
        ("I have 12 apples, and you do not care what I call them.", 2.0..6.0),
        ("今天天气很好，我们去公园散步。", 1.5..7.0),
        ("我用 iPhone 拍了很多照片，然后发给朋友。", 2.0..12.0),
    ] {
        let answer = server.speak(json!({ "text": text, "seed": 5 })).await;
        assert_eq!((answer.header("x-engine"), answer.header("x-sample-rate")), ("f5", "24000"));
        let sound = Sound::new(answer.wav(), 24_000);
        assert!(seconds.contains(&sound.seconds()), "{text}: {} s", sound.seconds());
        assert!((-25.0..-15.0).contains(&sound.level_db()), "{text}: {} dB", sound.level_db());
        let again = json!({ "text": text, "seed": 5, "stream": true, "format": "pcm" });
        let streamed = server.post(&again).header("cache-control", "no-cache").send().await.unwrap();
        assert!(pcm(&streamed.bytes().await.unwrap()) == answer.wav(), "{text}: streamed it differs");
    }
    let steps = |count: u32| json!({ "text": "Hello.", "engine_options": { "f5": { "nfe_step": count } } });
    assert_eq!(server.speak(steps(12)).await.status, 200);
    assert_eq!(server.speak(steps(100)).await.status, 422);
    assert_eq!(server.metric("ishowtts_worker_recompiles_total{engine=\"f5\",replica=\"0\"}").await, 0.0);
}

/// So many seconds of a voice that is none: a hum that comes and goes as syllables do, as a WAV file.
fn hum(seconds: u32) -> Vec<u8> {
    let rate = 24_000_u32;
    let sample = |at: u32| {
        let time = at as f32 / rate as f32;
        let hum: f32 = (1..8_i16)
            .map(|n| (time * 140.0 * std::f32::consts::TAU * f32::from(n)).sin() / f32::from(n))
            .sum();
        (hum * (0.6 + 0.4 * (time * 25.0).sin()) * 6_000.0) as i16
    };
    let data: Vec<u8> = (0..seconds * rate).flat_map(|at| sample(at).to_le_bytes()).collect();
    let size = |size: usize| u32::try_from(size).unwrap().to_le_bytes();
    let format = [
        &b"WAVEfmt "[..],
        &size(16),
        &[1, 0, 1, 0],
        &rate.to_le_bytes(),
        &(rate * 2).to_le_bytes(),
        &[2, 0, 16, 0],
    ];
    [&b"RIFF"[..], &size(data.len() + 36), &format.concat(), b"data", &size(data.len()), &data].concat()
}

#[tokio::test]
async fn a_voice_that_is_sent_is_imitated_until_it_is_removed() {
    let server = server(TempDir::new().unwrap(), MODEL).await.ready().await;
    let client = reqwest::Client::new();
    let form = reqwest::multipart::Form::new()
        .text("id", "mine")
        .text("language", "en")
        .text("engine", "f5")
        .text("transcript", "What is said here is nothing but a hum.")
        .part("audio", reqwest::multipart::Part::bytes(hum(3)).file_name("hum.wav"));
    let sent = client.post(format!("{}/api/voices", server.url)).multipart(form).send().await.unwrap();
    assert_eq!(sent.status(), 201, "{}", sent.text().await.unwrap());
    let body =
        |voice: &str| json!({ "text": "I speak as somebody else does.", "voice_id": voice, "seed": 5 });
    // It waits for a worker that knows the voice.
    let imitated = server.speak(body("mine")).await;
    assert_eq!((imitated.status, imitated.header("x-voice")), (200, "mine"), "{:?}", imitated.body);
    let sound = Sound::new(imitated.wav(), 24_000);
    assert!((0.8..6.0).contains(&sound.seconds()), "{} s", sound.seconds());
    assert!((-25.0..-15.0).contains(&sound.level_db()), "{} dB", sound.level_db());
    assert!(imitated.wav() != server.speak(body("walter")).await.wav(), "it is a voice of its own");
    let voice = server.get("/api/voices/mine").await;
    assert_eq!((&voice["state"], &voice["kind"]), (&json!("ready"), &json!("cloned")), "{voice}");
    let preview = reqwest::get(format!("{}/api/voices/mine/preview", server.url)).await.unwrap();
    assert_eq!(preview.status(), 200);
    let removed = client.delete(format!("{}/api/voices/mine", server.url)).send().await.unwrap();
    assert_eq!(removed.status(), 200);
    assert_eq!(server.speak(body("mine")).await.error().1, "unknown_voice");
    eventually("its recording is gone", async || {
        (!server.dir.path().join("state/voices/f5/mine").exists()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_f5_lacks_is_told_in_one_line() {
    let failure = async |table: &str| {
        let server = server(TempDir::new().unwrap(), table).await;
        eventually("it has failed", async || {
            let failure = &server.get("/api/status").await["engines"]["f5"]["failure"];
            failure.as_str().map(str::to_owned)
        })
        .await
    };
    let without_files = failure("device = \"cpu\"").await;
    assert!(without_files.contains("checkpoint of engine 'f5' is not set"), "{without_files}");
    let without_gpu = failure(&MODEL.replace("\"cpu\"", "\"cuda:0\"")).await;
    assert!(without_gpu.contains("finds no GPU"), "{without_gpu}");
    for told in [without_files, without_gpu] {
        assert!(!told.contains('\n'), "{told}");
    }
}
