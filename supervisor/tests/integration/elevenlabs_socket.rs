//! Text in as it is written, over a WebSocket.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use crate::harness::{Server, eventually, pcm, second::piper, soon, supervisor, tone};

const KEY: &str = "ishow-0123456789";

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn try_open(server: &Server, query: &str, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let path = format!("ws://{}/v1/text-to-speech/{query}", server.address);
        let mut request = path.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        soon("the handshake", connect_async(request)).await.map(|(socket, _)| Self(socket))
    }

    async fn open(server: &Server, query: &str) -> Self {
        Self::try_open(server, query, &[]).await.unwrap()
    }

    /// One that wants bare samples at the engine's rate.
    async fn pcm(server: &Server) -> Self {
        Self::open(server, "walter/stream-input?output_format=pcm_24000").await
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn text(&mut self, text: &str) {
        self.say(json!({ "text": text })).await;
    }

    /// The next message, or the code that the connection was closed with.
    async fn next(&mut self) -> Result<Value, u16> {
        loop {
            match soon("a message", self.0.next()).await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(0, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }

    /// The next piece of audio.
    async fn audio(&mut self) -> Vec<u8> {
        let message = self.next().await.unwrap();
        assert!(message["isFinal"].is_null() && message["alignment"].is_null(), "{message}");
        audio(&message)
    }

    /// At least so many samples of audio.
    async fn samples(&mut self, least: usize) -> Vec<i16> {
        let mut bytes = Vec::new();
        while bytes.len() < least * 2 {
            bytes.extend(self.audio().await);
        }
        pcm(&bytes)
    }

    /// All audio to the end, which is a good one.
    async fn rest(&mut self) -> Vec<i16> {
        let mut bytes = Vec::new();
        loop {
            let message = self.next().await.unwrap();
            if message["isFinal"] == true {
                break;
            }
            bytes.extend(audio(&message));
        }
        assert_eq!(self.next().await.unwrap_err(), 1000);
        pcm(&bytes)
    }

    /// The error and the code that the connection ends with.
    async fn refused(&mut self) -> (String, u16) {
        loop {
            let message = self.next().await.unwrap();
            if let Some(error) = message["error"].as_str() {
                assert!(message["message"].as_str().is_some_and(|told| !told.is_empty()), "{message}");
                let code = self.next().await.unwrap_err();
                assert_eq!(message["code"], code);
                return (error.to_owned(), code);
            }
        }
    }
}

fn audio(message: &Value) -> Vec<u8> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD.decode(message["audio"].as_str().unwrap_or_else(|| panic!("{message}"))).unwrap()
}

/// Whether the samples of a text's tone are heard in there.
fn has(heard: &[i16], text: &str) -> bool {
    let tone = tone::of(text);
    // The rest of it may fade at a seam.
    let middle = &tone[480..tone.len() - 480];
    heard.windows(middle.len()).any(|window| window == middle)
}

#[tokio::test]
async fn a_clause_is_spoken_before_the_next_one_is_written() {
    let server = supervisor().start().await.ready().await;
    let mut client = Client::pcm(&server).await;
    client.text(" ").await;
    for word in ["Hello ", "there ", "everybody, "] {
        client.text(word).await;
    }
    let mut heard = client.samples(tone::of("Hello there everybody,").len()).await;
    assert!(has(&heard, "Hello there everybody,"));
    // It has run dry, and goes on as if nothing had been.
    client.text("this is").await;
    client.text(" 3.5 times better. ").await;
    client.text("").await;
    heard.extend(client.rest().await);
    assert!(has(&heard, "this is 3.5 times better."), "nothing is cut inside a number");
    let line = server.logged("Request finished").await;
    assert_eq!((&line["surface"], &line["outcome"]), (&json!("elevenlabs"), &json!("ok")));
    let silent = "ishowtts_stream_underrun_ms_sum{engine=\"tone\"}";
    assert!(server.metric(silent).await < 100.0, "waiting for text is no underrun");
    server.quiet().await;
}

#[tokio::test]
async fn what_is_not_complete_waits_for_a_flush_or_the_end() {
    let server = supervisor().start().await.ready().await;
    let mut client = Client::pcm(&server).await;
    client.text(" ").await;
    client.text("no mark here").await;
    client.say(json!({ "text": " at all", "flush": true })).await;
    let mut heard = client.samples(tone::of("no mark here at all").len()).await;
    client.text(" and the tail").await;
    client.text("").await;
    heard.extend(client.rest().await);
    assert!(has(&heard, "no mark here at all"));
    assert!(has(&heard, "and the tail"));
}

#[tokio::test]
async fn a_text_written_at_once_sounds_like_one_that_was_sent_whole() {
    let server = supervisor().start().await.ready().await;
    let text = "One clause only";
    let mut client = Client::pcm(&server).await;
    client.text(text).await;
    client.text("").await;
    assert_eq!(client.rest().await, tone::of(text));
}

#[tokio::test]
async fn a_text_without_a_sound_ends_without_audio() {
    let server = supervisor().start().await.ready().await;
    for said in [" ", "… ", "<break time=\"1s\"/>"] {
        let mut client = Client::pcm(&server).await;
        client.text(said).await;
        client.text("").await;
        assert!(client.rest().await.is_empty(), "{said:?}");
    }
}

#[tokio::test]
async fn a_break_is_a_silence_wherever_its_tag_is_cut() {
    let server = supervisor().start().await.ready().await;
    let heard = async |pieces: &[&str]| {
        let mut client = Client::pcm(&server).await;
        for piece in pieces {
            client.text(piece).await;
        }
        client.text("").await;
        client.rest().await
    };
    let silent = |samples: &[i16]| samples.iter().filter(|sample| **sample == 0).count();
    let whole = heard(&["Hello there <break time=\"1.0s\" /> everybody."]).await;
    assert!(has(&whole, "Hello there") && has(&whole, "everybody."));
    for pieces in [
        &["Hello there <break time=\"2.0s\" /> everybody."][..],
        &["Hello there ", "<", "break time=\"2.", "0s\" /> everybody."],
        &["Hello there <bre", "ak time=\"1.5s\" /", "><break time=\"0.5s\"/>", " every", "body."],
    ] {
        let samples = heard(pieces).await;
        assert_eq!(silent(&samples) - silent(&whole), 24_000, "{pieces:?}");
        assert_eq!(samples.len() - whole.len(), 24_000, "{pieces:?}");
    }
    // At the beginning and at the end, exactly so long.
    let ends = heard(&["<break time=\"0.5s\"/>", "Hello", "<break time=\"0.25s\"/>"]).await;
    assert!(ends[..11_900].iter().all(|sample| *sample == 0) && ends[12_200] != 0);
    assert!(ends[ends.len() - 6_000..].iter().all(|sample| *sample == 0));
}

#[tokio::test]
async fn what_stands_before_a_break_is_spoken_before_the_text_goes_on() {
    let server = supervisor().start().await.ready().await;
    let mut client = Client::pcm(&server).await;
    client.text("no mark here <break ti").await;
    client.text("me=\"1s\"/>").await;
    let heard = client.samples(tone::of("no mark here").len() - 200).await;
    assert!(has(&heard, "no mark here"));
}

#[tokio::test]
async fn whoever_hangs_up_frees_the_worker() {
    let server = supervisor().script("ready").start().await.ready().await;
    for politely in [true, false] {
        let before = server.notes().len();
        let mut client = Client::pcm(&server).await;
        client.text("endless talk, ").await;
        client.text("and more").await;
        client.audio().await;
        if politely {
            client.0.close(None).await.unwrap();
        }
        drop(client);
        eventually("the worker was told, and stopped", async || {
            server.notes()[before..].iter().any(|note| note == "cancelled").then_some(())
        })
        .await;
        server.quiet().await;
        server.worker_is("ready").await;
    }
    assert!(!server.notes().iter().any(|note| note == "speak and"), "{:?}", server.notes());
    let gone = "ishowtts_requests_total{engine=\"tone\",outcome=\"gone\",surface=\"elevenlabs\"}";
    assert_eq!(server.metric(gone).await, 2.0);
    assert_eq!(server.worker(0).await["restarts"], 0, "nobody had to be killed for it");
}

#[tokio::test]
async fn a_worker_that_dies_on_the_way_is_not_heard() {
    let server = supervisor().script("ready").start().await.ready().await;
    let mut client = Client::pcm(&server).await;
    client.text("crash-later 1 indeed, ").await;
    client.text("normal again. ").await;
    client.text("").await;
    // Three chunks of the clause, each once, and the one of the next.
    let heard = client.rest().await;
    let of = |number: i16| heard.iter().filter(|sample| **sample == 0x1000 + number).count();
    assert_eq!((of(2), of(3)), (2400, 2400));
}

#[tokio::test]
async fn a_key_may_come_in_the_first_message_and_nothing_is_said_before() {
    let server = supervisor().key("agent", KEY).start().await;
    let path = "walter/stream-input?output_format=pcm_24000";
    for (first, expected) in [
        (json!({ "text": " " }), "unauthorised"),
        (json!({ "text": " ", "xi_api_key": "wrong" }), "unauthorised"),
        (json!(5), "unauthorised"),
    ] {
        let mut client = Client::open(&server, path).await;
        client.say(first.clone()).await;
        assert_eq!(client.refused().await, (expected.into(), 1008), "{first}");
    }
    let refused = Client::try_open(&server, path, &[("xi-api-key", "wrong")]).await;
    assert!(matches!(refused.err(), Some(Error::Http(response)) if response.status() == 401));
    let refused = Client::try_open(&server, "walter/other", &[]).await;
    assert!(matches!(refused.err(), Some(Error::Http(response)) if response.status() == 401));
    let hello = json!({ "text": "Hello " });
    let mut ways: Vec<(Client, Value)> = vec![
        (Client::open(&server, path).await, json!({ "text": "Hello ", "xi_api_key": KEY })),
        (
            Client::open(&server, path).await,
            json!({ "text": "Hello ", "authorization": format!("Bearer {KEY}") }),
        ),
        (Client::open(&server, &format!("{path}&authorization={KEY}")).await, hello.clone()),
        (Client::try_open(&server, path, &[("xi-api-key", KEY)]).await.ok().unwrap(), hello),
    ];
    for (client, first) in &mut ways {
        client.say(first.clone()).await;
        client.text("").await;
        assert_eq!(client.rest().await, tone::of("Hello"));
    }
    assert!(server.log_text().contains("key:agent"));
}

#[tokio::test]
async fn a_page_of_another_site_cannot_open_one() {
    let server = supervisor().start().await;
    let path = "walter/stream-input";
    for headers in [[("origin", "https://evil.example")], [("host", "evil.example")]] {
        let refused = Client::try_open(&server, path, &headers).await;
        assert!(
            matches!(refused.err(), Some(Error::Http(response)) if response.status() == 403),
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_before_the_connection_is_closed() {
    let server = supervisor()
        .config("[limits]\nmax_text_chars = 30\nmax_body_bytes = 2000\n")
        .start()
        .await
        .ready()
        .await;
    for (query, said, expected) in [
        ("nobody/stream-input", vec![json!({ "text": "hi" })], "unknown_voice"),
        (&*format!("{}/stream-input", "x".repeat(257)), vec![json!({ "text": "hi" })], "invalid_field"),
        ("walter/stream-input?output_format=ulaw_16000", vec![json!({ "text": "hi" })], "invalid_field"),
        ("walter/stream-input?inactivity_timeout=1000", vec![json!({ "text": "hi" })], "invalid_field"),
        ("walter/stream-input", vec![json!({ "text": 5 })], "invalid_field"),
        ("walter/stream-input", vec![json!({ "text": "hi " }), json!([])], "invalid_json"),
        (
            "walter/stream-input",
            vec![json!({ "text": "hi " }), json!({ "text": "x".repeat(40) })],
            "text_too_long",
        ),
        ("walter/stream-input", vec![json!({ "text": "<break time=\"99s\"/>" })], "invalid_ssml"),
        ("walter/stream-input?inactivity_timeout=1", vec![json!({ "text": "hi " })], "invalid_field"),
    ] {
        let mut client = Client::open(&server, query).await;
        for said in said.clone() {
            client.say(said).await;
        }
        assert_eq!(client.refused().await, (expected.into(), 1008), "{query} {said:?}");
    }
    server.quiet().await;
}

#[tokio::test]
async fn a_conversation_lasts_longer_than_a_request_may_take_to_arrive() {
    let server =
        supervisor().config("[limits]\nheader_timeout_s = 1\nkeep_alive_s = 1\n").start().await.ready().await;
    let mut client = Client::pcm(&server).await;
    client.text("Hello ").await;
    let began = tokio::time::Instant::now();
    eventually("that much time has passed", async || (began.elapsed().as_secs() >= 3).then_some(())).await;
    client.text("").await;
    assert_eq!(client.rest().await, tone::of("Hello"));
}

#[tokio::test]
async fn a_text_that_is_still_arriving_keeps_its_share_until_it_ends() {
    // Two like this are more than its one worker can do.
    let server = supervisor().engine("rtf", 0.7).start().await.ready().await;
    let talk = async |client: &mut Client| client.text("Hello there everybody, and").await;
    let mut first = Client::pcm(&server).await;
    talk(&mut first).await;
    first.samples(tone::of("Hello there everybody,").len()).await;
    // It has nothing to do now, and whoever comes would be in its way as soon as its text goes on.
    let mut second = Client::pcm(&server).await;
    talk(&mut second).await;
    let error = second.next().await.unwrap();
    assert_eq!((&error["error"], &error["code"]), (&json!("no_capacity"), &json!(1013)), "{error}");
    first.text("").await;
    first.rest().await;
    server.quiet().await;
    let mut third = Client::pcm(&server).await;
    talk(&mut third).await;
    third.samples(tone::of("Hello there everybody,").len()).await;
}

#[tokio::test]
async fn a_text_that_is_still_arriving_is_spoken_to_its_end_by_an_engine_that_is_switched_off() {
    let notes = tempfile::TempDir::new().unwrap();
    let other = piper(notes.path(), "ready").await;
    let server = supervisor().config(&other).start().await.ready().await;
    let mut client = Client::pcm(&server).await;
    client.text("It has begun to speak. ").await;
    let mut heard = client.samples(tone::of("It has begun to speak.").len()).await;
    server.rewrite("enabled = true", "enabled = false");
    let going = async {
        eventually("nobody else is let in", async || {
            (server.speak(json!({ "text": "too late" })).await.status == 503).then_some(())
        })
        .await;
        client.text("And it goes on. ").await;
        client.text("").await;
        client.rest().await
    };
    let (reload, rest) = tokio::join!(server.command(&["reload"]), going);
    heard.extend(rest);
    assert!(has(&heard, "And it goes on."));
    assert!(reload.status.success(), "{reload:?}");
}

#[tokio::test]
async fn who_sends_too_much_at_once_hears_so() {
    let server = supervisor().config("[limits]\nmax_body_bytes = 2048\n").start().await.ready().await;
    let mut client = Client::pcm(&server).await;
    // More follows than anybody reads: the answer is not lost by it.
    drop(client.0.send(Message::text("a".repeat(400_000))).await);
    assert_eq!(client.refused().await, ("body_too_large".into(), 1009));
    let mut client = Client::pcm(&server).await;
    // Reserved bits that nobody agreed upon.
    let MaybeTlsStream::Plain(stream) = client.0.get_mut() else { panic!("it is plain") };
    tokio::io::AsyncWriteExt::write_all(stream, &[0xf1, 0x80, 0, 0, 0, 0]).await.unwrap();
    assert_eq!(client.refused().await, ("invalid_message".into(), 1002));
    server.quiet().await;
}

#[tokio::test]
async fn a_handshake_needs_a_key() {
    let server = supervisor().start().await.ready().await;
    let wrong =
        [None, Some(""), Some("abc"), Some("AAAAAAAAAAAAAAAAAAAAAAAA"), Some("AAAAAAAAAAAAAAAAAAAAAA==")];
    for key in wrong {
        let url = format!("http://{}/v1/text-to-speech/walter/stream-input", server.address);
        let mut request = reqwest::Client::new().get(url);
        let handshake =
            [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];
        for (name, value) in handshake.into_iter().chain(key.map(|key| ("sec-websocket-key", key))) {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        let is_right = key.is_some_and(|key| key.ends_with("=="));
        assert_eq!(answer.status().as_u16(), if is_right { 101 } else { 400 }, "{key:?}");
        if !is_right {
            let told: Value = answer.json().await.unwrap();
            assert_eq!(told["error"]["code"], "invalid_handshake");
        }
    }
}
