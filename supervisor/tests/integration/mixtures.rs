//! Voices that are mixed of others, by an engine that can; and those that are not.

use serde_json::{Value, json};

use crate::harness::{Server, interpreter, supervisor};

/// A server with the scripted worker as an engine that mixes, with two voices, and `tone`, which does not.
async fn server() -> Server {
    let python = interpreter().await;
    let builder = supervisor().named("kokoro").script("ready").env("FAKE_VOICES", "anna rosa");
    let more = "[engines.tone]\nenabled = true\n\
                [voices.soft]\nengine = \"kokoro:rosa\"\nlanguage = \"en\"\n\
                [voices.plain]\nengine = \"tone\"\nlanguage = \"en\"\n";
    builder.engine("python", python).engine("device", "cpu").config(more).start().await.ready().await
}

/// What a request for a voice is answered: status, code and param, and the message.
async fn told(server: &Server, voice: &str) -> ((u16, String, Option<String>), String) {
    let answer = server.speak(json!({ "text": "normal", "voice_id": voice })).await;
    let body: Value = serde_json::from_slice(answer.bytes()).unwrap();
    (answer.error(), body["error"]["message"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn voices_are_mixed_by_their_names_alone() {
    let server = server().await;
    for (voice, mixed) in [
        ("anna+rosa", "anna+rosa"),
        ("anna(2)+rosa(1)", "anna(2)+rosa(1)"),
        ("kokoro:anna+rosa", "anna+rosa"),
        ("soft(3)+anna", "rosa(3)+anna(1)"),
    ] {
        let answer = server.speak(json!({ "text": "normal", "voice_id": voice })).await;
        assert_eq!((answer.status, answer.header("x-voice")), (200, voice), "{:?}", answer.body);
        assert!(server.notes().contains(&format!("mixed {mixed}")), "{voice}: {:?}", server.notes());
    }
    // On every surface, as any voice.
    let body = json!({ "input": "normal", "model": "tts-1", "voice": "rosa+anna", "response_format": "pcm" });
    let request = reqwest::Client::new().post(format!("{}/v1/audio/speech", server.url)).json(&body);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let path = format!("{}/v1/text-to-speech/rosa+anna?output_format=pcm_24000", server.url);
    let request = reqwest::Client::new().post(path).json(&json!({ "text": "normal" }));
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_cannot_be_mixed_is_told_with_its_reason() {
    let server = server().await;
    let wrong = (422, "invalid_field".to_owned(), Some("voice_id".to_owned()));
    for (voice, reason) in [
        ("tone:tone+tone", "tone cannot mix voices; kokoro can"),
        ("anna+plain", "only voices of one engine can be mixed"),
        ("anna+tone:tone", "only voices of one engine can be mixed"),
        ("anna(0)+rosa", "the weight of \"anna\" is 0; it must be above 0"),
        ("anna+", "one(2)+other(1)"),
        ("anna(two)+rosa", "one(2)+other(1)"),
        ("walter+anna", "none of its voices"),
    ] {
        let (error, message) = told(&server, voice).await;
        assert_eq!(error, wrong, "{voice}: {message}");
        assert!(message.contains(reason), "{voice}: {message}");
    }
    let (error, message) = told(&server, "anna+nobody").await;
    assert_eq!(error, (404, "unknown_voice".into(), Some("voice_id".into())), "{message}");
    assert!(message.contains("\"nobody\""), "{message}");
}
