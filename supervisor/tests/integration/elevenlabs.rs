//! What `ElevenLabs`' clients call, over HTTP.

use serde_json::{Value, json};

use crate::harness::{Answer, Server, pcm, soon, supervisor, tone};

async fn post(server: &Server, path: &str, body: &Value) -> Answer {
    soon("the answer", async {
        let request = reqwest::Client::new().post(format!("{}/v1/text-to-speech/{path}", server.url));
        let response = request.json(body).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.bytes().await.map_err(|error| error.to_string()) }
    })
    .await
}

#[tokio::test]
async fn a_text_is_spoken_as_a_file_and_as_a_stream() {
    let server = supervisor().start().await.ready().await;
    let body = json!({ "text": "Hello there.", "model_id": "eleven_flash_v2_5",
        "voice_settings": { "stability": 0.5 }, "seed": 7 });
    let file = post(&server, "walter?output_format=pcm_24000", &body).await;
    assert_eq!((file.status, file.header("x-sample-rate")), (200, "24000"));
    assert_eq!(pcm(file.bytes()), tone::of("Hello there."));
    let streamed = post(&server, "walter/stream?output_format=pcm_24000", &body).await;
    assert_eq!(streamed.header("transfer-encoding"), "chunked");
    assert_eq!(streamed.bytes(), file.bytes());
    for (format, media_type) in [
        ("mp3_44100_128", "audio/mpeg"),
        ("mp3_22050_32", "audio/mpeg"),
        ("opus_48000_64", "audio/ogg; codecs=opus"),
        ("pcm_16000", "audio/pcm;rate=16000;encoding=signed-int;bits=16"),
        ("wav_44100", "audio/wav"),
    ] {
        let answer = post(&server, &format!("walter?output_format={format}"), &body).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, media_type), "{format}");
        let rate = format.split('_').nth(1).unwrap();
        assert_eq!(answer.header("x-sample-rate"), rate, "{format}");
    }
    assert_eq!(post(&server, "walter", &body).await.header("content-type"), "audio/mpeg", "as usual there");
    let fast = json!({ "text": "Hello there.", "voice_settings": { "speed": 2 } });
    let fast = post(&server, "walter?output_format=pcm_24000", &fast).await;
    assert!(fast.bytes().len() < file.bytes().len() * 2 / 3, "speed counts");
    let counted = "ishowtts_requests_total{engine=\"tone\",outcome=\"ok\",surface=\"elevenlabs\"}";
    assert_eq!(server.metric(counted).await, 9.0);
}

#[tokio::test]
async fn a_break_in_a_text_is_a_silence_of_its_length() {
    let server = supervisor().start().await.ready().await;
    let silent = async |time: &str| {
        let body = json!({ "text": format!("Hello <break time=\"{time}\"/> there.") });
        let answer = post(&server, "walter?output_format=pcm_24000", &body).await;
        let samples = pcm(answer.bytes());
        samples.iter().filter(|sample| **sample == 0).count()
    };
    let (one, two) = (silent("1.0s").await, silent("2.0s").await);
    assert_eq!(two - one, 24_000);
}

#[tokio::test]
async fn telephones_get_a_byte_for_each_sample() {
    let server = supervisor().start().await.ready().await;
    let body = json!({ "text": "Hello there." });
    let plain = post(&server, "walter?output_format=pcm_8000", &body).await;
    let plain = pcm(plain.bytes());
    for (law, media_type, code) in [
        ("ulaw", "audio/PCMU;rate=8000", from_ulaw as fn(u8) -> i32),
        ("alaw", "audio/PCMA;rate=8000", from_alaw),
    ] {
        for path in ["walter", "walter/stream"] {
            let answer = post(&server, &format!("{path}?output_format={law}_8000"), &body).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, media_type), "{path}");
            assert_eq!(answer.header("x-sample-rate"), "8000");
            assert_eq!(answer.bytes().len(), plain.len(), "{law} {path}");
            for (byte, sample) in answer.bytes().iter().zip(&plain) {
                let (heard, made) = (code(*byte), i32::from(*sample));
                assert!((heard - made).abs() <= made.abs() / 32 + 16, "{law}: {heard} for {made}");
            }
        }
    }
}

/// What a byte of G.711 stands for (ITU-T G.711, tables 2b and 1b).
fn from_ulaw(byte: u8) -> i32 {
    let code = i32::from(!byte);
    let magnitude = (((((code & 0x0f) << 1) + 33) << (code >> 4 & 7)) - 33) * 4;
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

fn from_alaw(byte: u8) -> i32 {
    let code = i32::from(byte ^ 0x55);
    let (segment, step) = (code >> 4 & 7, code & 0x0f);
    let magnitude = if segment == 0 { step * 2 + 1 } else { (step * 2 + 33) << (segment - 1) } * 8;
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

#[tokio::test]
async fn errors_are_told_in_both_shapes() {
    let server = supervisor().start().await.ready().await;
    for (path, body, expected) in [
        ("nobody", json!({ "text": "hi" }), (404, "unknown_voice", Some("voice_id"))),
        (&*"x".repeat(257), json!({ "text": "hi" }), (422, "invalid_field", Some("voice_id"))),
        ("walter", json!({ "text": "" }), (422, "invalid_field", Some("text"))),
        ("walter", json!({ "text": "…" }), (422, "nothing_to_speak", Some("text"))),
        (
            "walter?output_format=ulaw_16000",
            json!({ "text": "hi" }),
            (422, "invalid_field", Some("output_format")),
        ),
        (
            "walter/stream",
            json!({ "text": "hi", "voice_settings": { "speed": 9 } }),
            (422, "invalid_field", Some("voice_settings.speed")),
        ),
        ("walter", json!([]), (400, "invalid_json", None)),
        ("%ff", json!({ "text": "hi" }), (404, "no_such_route", None)),
        ("walter/with-timestamps", json!({ "text": "hi" }), (422, "no_alignment", None)),
        ("walter/stream/with-timestamps", json!({ "text": "hi" }), (422, "no_alignment", None)),
    ] {
        let answer = post(&server, path, &body).await;
        let (status, code, param) = answer.error();
        assert_eq!((status, &*code, param.as_deref()), expected, "{path} {body}");
        let told: Value = serde_json::from_slice(answer.bytes()).unwrap();
        assert_eq!(told["detail"]["status"], code);
        assert_eq!(told["detail"]["message"], told["error"]["message"]);
    }
    let (status, told) = server.status_of("/v1/text-to-speech/walter/stream-input").await;
    assert_eq!((status, &told["error"]["param"]), (422, &json!("upgrade")));
}

#[tokio::test]
async fn voices_are_listed_as_these_clients_read_them() {
    let server = supervisor().start().await.ready().await;
    let all = server.get("/v1/voices").await;
    let walter =
        all["voices"].as_array().unwrap().iter().find(|voice| voice["voice_id"] == "walter").unwrap();
    assert_eq!((&walter["name"], &walter["category"]), (&json!("walter"), &json!("premade")));
    assert_eq!(&server.get("/v1/voices/walter").await, walter);
    assert_eq!(server.status_of("/v1/voices/nobody").await.0, 404);
    let page = server.get("/v2/voices?search=WALT&page_size=5").await;
    assert_eq!((&page["total_count"], &page["has_more"]), (&json!(1), &json!(false)));
    assert_eq!(&page["voices"][0], walter);
}
