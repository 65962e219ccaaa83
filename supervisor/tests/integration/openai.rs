//! What clients of `OpenAI`'s speech API ask for; the official client's own tests are in `clients`.

use futures_util::StreamExt;
use reqwest::Response;
use serde_json::{Value, json};

use crate::harness::{Server, pcm, soon, supervisor, tone};

async fn speech(server: &Server, body: Value) -> Response {
    let request = reqwest::Client::new().post(format!("{}/v1/audio/speech", server.url)).json(&body);
    soon("an answer", request.send()).await.unwrap()
}

/// Status, code and param of an error.
async fn refused(server: &Server, body: Value) -> (u16, String, Option<String>) {
    let response = speech(server, body).await;
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    assert!(body["error"]["type"].is_string() && body["error"]["message"].is_string(), "{body}");
    let param = body["error"]["param"].as_str().map(str::to_owned);
    (status, body["error"]["code"].as_str().unwrap().to_owned(), param)
}

fn error(status: u16, code: &str, param: &str) -> (u16, String, Option<String>) {
    (status, code.to_owned(), Some(param.to_owned()))
}

/// The events of an answer, as far as they came.
async fn events(response: Response) -> (Vec<Value>, bool) {
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let (mut body, mut text, mut is_whole) = (response.bytes_stream(), Vec::new(), true);
    while let Some(piece) = soon("a piece", body.next()).await {
        match piece {
            Ok(piece) => text.extend_from_slice(&piece),
            Err(_) => is_whole = false,
        }
    }
    let text = String::from_utf8(text).unwrap();
    let events = text.split_terminator("\n\n").map(|event| {
        let data = event.strip_prefix("data: ").unwrap_or_else(|| panic!("an event: {event:?}"));
        serde_json::from_str(data).unwrap()
    });
    (events.collect(), is_whole)
}

#[tokio::test]
async fn every_format_is_what_our_own_route_streams() {
    let server = supervisor().start().await.ready().await;
    let text = "Hello in every format";
    for (format, media_type) in [
        ("mp3", "audio/mpeg"),
        ("opus", "audio/ogg; codecs=opus"),
        ("aac", "audio/aac"),
        ("flac", "audio/flac"),
        ("wav", "audio/wav"),
        ("pcm", "audio/pcm;rate=24000;encoding=signed-int;bits=16"),
    ] {
        let ours = server.speak(json!({ "text": text, "format": format, "stream": true })).await;
        let body = json!({ "input": text, "model": "tts-1", "voice": "alloy", "response_format": format });
        let theirs = speech(&server, body).await;
        assert_eq!(theirs.headers()["content-type"], media_type);
        assert_eq!(
            (&theirs.headers()["x-voice"], &theirs.headers()["x-engine"]),
            (&"walter".parse().unwrap(), &"tone".parse().unwrap())
        );
        assert!(theirs.headers().contains_key("x-request-id"));
        assert!(theirs.bytes().await.unwrap() == ours.bytes(), "{format}");
    }
    let usual = speech(&server, json!({ "input": text })).await;
    assert_eq!(usual.headers()["content-type"], "audio/mpeg");
}

#[tokio::test]
async fn pcm_has_24_kilohertz_whatever_the_engine_has() {
    // The scripted worker says that its engine has 8 kHz.
    let server = supervisor().script("ready").env("FAKE_RATE", "8000").start().await.ready().await;
    let body = json!({ "input": "normal", "response_format": "pcm" });
    let spoken = speech(&server, body).await;
    assert_eq!(spoken.headers()["x-sample-rate"], "24000");
    let audio = pcm(&spoken.bytes().await.unwrap()).len();
    let own = server.speak(json!({ "text": "normal", "format": "pcm" })).await;
    assert_eq!(own.header("x-sample-rate"), "8000");
    assert_eq!(audio, pcm(own.bytes()).len() * 3);
}

#[tokio::test]
async fn audio_comes_before_the_synthesis_is_complete() {
    let server = supervisor().script("ready").start().await.ready().await;
    let body = json!({ "input": "endless", "response_format": "wav" });
    let response = speech(&server, body).await;
    assert_eq!(response.headers()["transfer-encoding"], "chunked");
    let mut body = response.bytes_stream();
    assert_eq!(&soon("the first bytes", body.next()).await.unwrap().unwrap()[..4], b"RIFF");
    assert_eq!(server.get("/api/status").await["requests_in_flight"], 1);
}

#[tokio::test]
async fn events_carry_the_same_audio_and_end_with_what_it_took() {
    let server = supervisor().start().await.ready().await;
    let text = "The same, in events: 你好";
    for format in ["pcm", "mp3", "wav"] {
        let body =
            |stream: &str| json!({ "input": text, "response_format": format, "stream_format": stream });
        let plain = speech(&server, body("audio")).await.bytes().await.unwrap();
        let (events, is_whole) = events(speech(&server, body("sse")).await).await;
        assert!(is_whole);
        let (done, deltas) = events.split_last().unwrap();
        let audio: Vec<u8> = deltas
            .iter()
            .flat_map(|delta| {
                assert_eq!(delta["type"], "speech.audio.delta");
                base64(delta["audio"].as_str().unwrap())
            })
            .collect();
        assert!(audio == plain, "{format}");
        // 80 ms for each character, 50 ms for each token.
        let characters = text.chars().count();
        let spoken = if format == "pcm" { pcm(&plain).len() } else { tone::of(text).len() };
        let tokens = spoken.div_ceil(1200);
        let usage = json!({ "input_tokens": characters, "output_tokens": tokens, "total_tokens": characters + tokens });
        assert_eq!(*done, json!({ "type": "speech.audio.done", "usage": usage }));
    }
}

#[tokio::test]
async fn events_that_break_off_say_why_and_never_that_they_are_done() {
    let server = supervisor().script("ready").start().await.ready().await;
    let (events, is_whole) =
        events(speech(&server, json!({ "input": "crash-midway", "stream_format": "sse" })).await).await;
    assert!(!is_whole, "it ends without its final chunk");
    let last = events.last().unwrap();
    assert_eq!(last["error"]["code"], "poison", "{last}");
    assert!(events.iter().all(|event| event["type"] != "speech.audio.done"), "{events:?}");
}

#[tokio::test]
async fn what_cannot_be_spoken_is_told_with_openais_names_of_the_fields() {
    let server = supervisor().config("[limits]\nmax_text_chars = 20\n").start().await.ready().await;
    for (body, expected) in [
        (json!({ "input": "hi", "voice": "nobody" }), error(404, "unknown_voice", "voice")),
        (json!({ "input": "hi", "voice": { "id": "nobody" } }), error(404, "unknown_voice", "voice")),
        (json!({ "input": "hi", "voice": "x".repeat(257) }), error(422, "invalid_field", "voice")),
        (json!({ "input": "hi", "model": "gpt-9" }), error(404, "model_not_found", "model")),
        (json!({ "input": "a text that is too long" }), error(422, "text_too_long", "input")),
        (json!({ "input": "…" }), error(422, "nothing_to_speak", "input")),
        (json!({ "text": "hi" }), error(422, "invalid_field", "input")),
        (json!({ "input": "hi", "response_format": "ogg" }), error(422, "invalid_field", "response_format")),
        (json!({ "input": "hi", "voice": 5 }), error(422, "invalid_field", "voice")),
    ] {
        assert_eq!(refused(&server, body.clone()).await, expected, "{body}");
    }
    let spoken =
        speech(&server, json!({ "input": "hi", "text": 5, "temperature": "hot", "response_format": "pcm" }))
            .await;
    assert_eq!(pcm(&spoken.bytes().await.unwrap()), tone::of("hi"), "what nobody knows is ignored");
    server.quiet().await;
    let count = async |outcome: &str, engine: &str| {
        let labels = format!("{{engine=\"{engine}\",outcome=\"{outcome}\",surface=\"openai\"}}");
        server.metric(&format!("ishowtts_requests_total{labels}")).await
    };
    assert_eq!((count("invalid", "none").await, count("ok", "tone").await), (9.0, 1.0));
    assert_eq!(server.logged("Request finished").await["surface"], "openai");
}

#[tokio::test]
async fn models_and_voices_are_listed_under_all_their_names() {
    let server = supervisor()
        .config("[openai]\nmodels = { reader = \"tone\" }\nvoices = { tim = \"walter\" }\n")
        .start()
        .await
        .ready()
        .await;
    let ids = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let models = server.get("/v1/models").await;
    assert_eq!(models["object"], "list");
    let expected = ["gpt-4o-mini-tts", "reader", "tone", "tts-1", "tts-1-hd"];
    assert_eq!(ids(&models["data"]), expected);
    assert_eq!(ids(&server.get("/v1/audio/models").await["models"]), expected);
    for (index, name) in expected.into_iter().enumerate() {
        let model = server.get(&format!("/v1/models/{name}")).await;
        assert_eq!(model, models["data"][index]);
        assert_eq!((&model["object"], &model["owned_by"]), (&json!("model"), &json!("ishowtts")));
    }
    let (status, told) = server.status_of("/v1/models/gpt-9").await;
    assert_eq!((status, &told["error"]["code"]), (404, &json!("model_not_found")));
    let voices = server.get("/v1/audio/voices").await["voices"].clone();
    let voices_ids = ids(&voices);
    assert_eq!(voices_ids[0], "walter");
    for name in [
        "tim", "alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer",
        "verse", "marin", "cedar",
    ] {
        assert!(voices_ids.iter().any(|id| id == name), "{name} is among {voices_ids:?}");
    }
    assert!(voices.as_array().unwrap().iter().all(|voice| voice["name"].is_string()), "{voices}");
}

#[tokio::test]
async fn names_are_given_by_the_configuration_and_given_anew_by_a_reload() {
    let voices = "[voices.anna]\nengines = { en = \"tone\" }\n[voices.onyx]\nengines = { en = \"tone\" }\n";
    let server = supervisor()
        .config(&format!("{voices}[openai]\nvoices = {{ nova = \"anna\" }}\n"))
        .start()
        .await
        .ready()
        .await;
    let speaks = async |voice: Value| {
        let spoken = speech(&server, json!({ "input": "hi", "model": "tts-1-hd", "voice": voice })).await;
        spoken.headers().get("x-voice").map_or("nobody".into(), |voice| voice.to_str().unwrap().to_owned())
    };
    for (voice, expected) in [
        ("nova", "anna"),
        ("onyx", "onyx"),
        ("alloy", "walter"),
        ("anna", "anna"),
        ("tone", "tone"),
        ("tim", "nobody"),
    ] {
        assert_eq!(speaks(json!(voice)).await, expected, "{voice}");
    }
    server.rewrite("{ nova = \"anna\" }", "{ tim = \"anna\" }\nmodels = { tts-1-hd = \"tone\" }");
    let told = server.command(&["reload"]).await;
    assert_eq!(String::from_utf8(told.stdout).unwrap(), "applied: openai.models, openai.voices\n");
    for (voice, expected) in [("tim", "anna"), ("nova", "tone"), ("alloy", "tone"), ("walter", "walter")] {
        assert_eq!(speaks(json!(voice)).await, expected, "{voice}");
    }
    server.rewrite("{ tim = \"anna\" }", "{ tim = \"nobody\" }");
    let told = server.command(&["reload"]).await;
    let told = String::from_utf8(told.stderr).unwrap();
    assert!(told.contains("openai.voices.tim: there is no voice \"nobody\" in this file"), "{told}");
}

/// Base64 as RFC 4648 has it, read a second way.
fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: Vec<u32> =
        text.trim_end_matches('=').chars().map(|c| ALPHABET.find(c).unwrap().try_into().unwrap()).collect();
    assert_eq!(text.len() % 4, 0, "it is padded");
    let bytes = digits.chunks(4).flat_map(|four| {
        let bits = four.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - four.len()));
        bits.to_be_bytes()[1..four.len()].to_vec()
    });
    bytes.collect()
}
