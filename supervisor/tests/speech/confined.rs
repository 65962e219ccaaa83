//! The engines that the other tests of speech leave out, inside of the sandbox that each worker runs in.

use std::{fs, path::Path};

use ishowtts::environments::Environments;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    harness::{Server, ishowtts_in},
    state_dir, torch,
};

const FOLDER: &str = "import sys, pathlib, indextts_tiny as tiny\n\
                      made = tiny.make(pathlib.Path(sys.argv[1]))\n\
                      tiny.record(made / 'me.wav', seed=1)";

#[tokio::test]
async fn kokoro_and_indextts_speak_inside_of_the_sandbox() {
    let dir = TempDir::new().unwrap();
    let environments = Environments::new(&state_dir(), None).await.unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../python/tests_engines");
    let lock = tests.join("../src/ishowtts_worker/engines/indextts/requirements.txt");
    let python = torch::on_the_cpu(&environments, "indextts-reference", &lock).await;
    fs::create_dir(dir.path().join("model")).unwrap();
    let paths = std::env::join_paths([&tests, &tests.join("../src")]).unwrap();
    let made = Command::new(&python)
        .args(["-c", FOLDER])
        .arg(dir.path().join("model"))
        .env("PYTHONPATH", paths)
        .output()
        .await
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let config = format!(
        "[engines.kokoro]\nenabled = true\n\
         [engines.indextts]\nenabled = true\ndevice = \"cpu\"\npython = {:?}\nmodel_dir = \"./model\"\n\
         max_tokens = 60\ndiffusion_steps = 3\nsegment_tokens = 20\n\
         [voices.me]\nengine = \"indextts\"\nlanguage = \"en\"\nreference = \"./model/me.wav\"\ntranscript = \"whatever\"\n\
         [voices.ja]\nengine = \"kokoro\"\nlanguage = \"ja\"\n",
        python.display()
    );
    fs::write(dir.path().join("ishowtts.toml"), config).unwrap();
    let command = ishowtts_in(dir.path(), &state_dir());
    let server = Server::launch(dir, command, "Listening").await.ready().await;
    for (text, voice) in [("Hello there, my three friends.", "me"), ("こんにちは、世界。", "ja")] {
        let answer = server.speak(json!({ "text": text, "voice_id": voice })).await;
        assert_eq!(answer.status, 200, "{voice}: {:?}", answer.body);
        assert!(answer.wav().len() > 5_000, "{voice}");
    }
    let status = server.get("/api/status").await;
    assert_eq!(status["sandbox"]["enabled"], true);
    for engine in ["kokoro", "indextts"] {
        let pid = &status["engines"][engine]["workers"][0]["pid"];
        let held = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(held.lines().any(|line| line == "NoNewPrivs:\t1"), "{engine}: {held}");
    }
}
