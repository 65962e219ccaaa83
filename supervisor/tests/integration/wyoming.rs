//! Wyoming, as its clients speak it and as nobody should. What the official client makes of it is in `tests/python`.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::harness::{Server, eventually, ishowtts, pcm, soon, supervisor, tone};

/// A client.
struct Client(BufReader<TcpStream>);

/// What a client hears.
#[derive(Debug)]
struct Event {
    kind: String,
    data: Value,
    payload: Vec<u8>,
}

impl Client {
    async fn connect(server: &Server) -> Self {
        Self(BufReader::new(TcpStream::connect(server.wyoming().await).await.unwrap()))
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Says something, with its data in the line.
    async fn say(&mut self, kind: &str, data: Value) {
        self.write(format!("{}\n", json!({ "type": kind, "data": data })).as_bytes()).await;
    }

    /// Says the same as the official client does, with its data behind the line.
    async fn say_behind(&mut self, kind: &str, data: Value) {
        let data = data.to_string();
        let line = json!({ "type": kind, "version": "1.10.2", "data_length": data.len() });
        self.write(format!("{line}\n{data}").as_bytes()).await;
    }

    /// The next event, or `None` at the end of the connection.
    async fn event(&mut self) -> Option<Event> {
        soon("an event", async {
            let mut line = Vec::new();
            loop {
                match self.0.read_u8().await {
                    Ok(b'\n') => break,
                    Ok(byte) => line.push(byte),
                    Err(_) => {
                        assert!(line.is_empty(), "a line is cut: {}", String::from_utf8_lossy(&line));
                        return None;
                    }
                }
            }
            let line: Value = serde_json::from_slice(&line).unwrap();
            let length = |key: &str| line[key].as_u64().unwrap_or(0) as usize;
            let mut data = vec![0; length("data_length")];
            self.0.read_exact(&mut data).await.unwrap();
            let mut payload = vec![0; length("payload_length")];
            self.0.read_exact(&mut payload).await.unwrap();
            let data = if data.is_empty() { Value::Null } else { serde_json::from_slice(&data).unwrap() };
            Some(Event { kind: line["type"].as_str().unwrap().to_owned(), data, payload })
        })
        .await
    }

    async fn expect(&mut self, kind: &str) -> Event {
        let event = self.event().await.unwrap_or_else(|| panic!("{kind}, not the end"));
        assert_eq!(event.kind, kind, "{}", event.data);
        event
    }

    /// One utterance's audio, from its start to its stop.
    async fn audio(&mut self) -> Vec<i16> {
        let start = self.expect("audio-start").await;
        let format =
            |event: &Event| ["rate", "width", "channels"].map(|key| event.data[key].as_u64().unwrap());
        assert_eq!(format(&start), [24_000, 2, 1]);
        let mut samples = Vec::new();
        loop {
            let event = self.event().await.unwrap();
            match event.kind.as_str() {
                "audio-chunk" => {
                    assert_eq!(format(&event), [24_000, 2, 1]);
                    assert_eq!(event.data["timestamp"], samples.len() / 24, "in milliseconds");
                    samples.extend(pcm(&event.payload));
                }
                "audio-stop" => return samples,
                other => panic!("{other}: {}", event.data),
            }
        }
    }

    /// The code of the error that comes now, and then nothing else.
    async fn error(&mut self) -> String {
        let error = self.expect("error").await;
        assert!(error.data["text"].as_str().is_some_and(|text| !text.is_empty()), "{}", error.data);
        assert!(self.event().await.is_none(), "an error ends the connection");
        error.data["code"].as_str().unwrap().to_owned()
    }
}

fn requests(outcome: &str) -> String {
    let engine = if outcome == "invalid" { "none" } else { "tone" };
    format!("ishowtts_requests_total{{engine=\"{engine}\",outcome=\"{outcome}\",surface=\"wyoming\"}}")
}

#[tokio::test]
async fn a_text_is_spoken_to_the_last_sample_in_both_ways_to_write_it() {
    let server = supervisor().start().await.ready().await;
    let mut client = Client::connect(&server).await;
    for voice in [
        Value::Null,
        json!({ "name": "walter" }),
        json!({ "language": "zh-CN" }),
        json!({ "name": "tone", "speaker": "tone" }),
    ] {
        client.say("synthesize", json!({ "text": "hello", "voice": voice })).await;
        assert_eq!(client.audio().await, tone::of("hello"));
        client.say_behind("synthesize", json!({ "text": "你好", "voice": voice })).await;
        assert_eq!(client.audio().await, tone::of("你好"));
    }
    // Several at once are answered one after the other.
    for text in ["one", "two"] {
        client.say("synthesize", json!({ "text": text })).await;
    }
    assert_eq!(client.audio().await.len() + client.audio().await.len(), tone::of("one").len() * 2);
    assert_eq!(server.metric(&requests("ok")).await, 10.0);
    let line = server.logged("Request finished").await;
    assert_eq!((&line["surface"], &line["client"]), (&json!("wyoming"), &json!("127.0.0.1")));
    assert!(line["ttfa_ms"].as_f64().unwrap() > 0.0 && !line["request_id"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn a_break_in_ssml_is_a_silence_of_its_length() {
    let server = supervisor().start().await.ready().await;
    let mut client = Client::connect(&server).await;
    let mut silent = async |time: &str| {
        let text = format!("<speak>Hello <break time='{time}'/> there.</speak>");
        client.say("synthesize", json!({ "text": text, "text_format": "ssml" })).await;
        client.audio().await.iter().filter(|sample| **sample == 0).count()
    };
    let (one, two) = (silent("1s").await, silent("2s").await);
    assert_eq!(two - one, 24_000);
}

#[tokio::test]
async fn what_there_is_is_told_before_any_engine_is_ready_and_in_full_afterwards() {
    let server = supervisor().script("slow").start().await;
    server.noted("loading").await;
    let names = async || {
        let mut client = Client::connect(&server).await;
        client.say("describe", Value::Null).await;
        let info = client.expect("info").await.data;
        let program = &info["tts"][0];
        assert_eq!(
            (&program["installed"], &program["supports_synthesize_streaming"]),
            (&json!(true), &json!(true))
        );
        assert!(program["version"].is_string());
        let voices = program["voices"].as_array().unwrap();
        let told = |voice: &Value| (voice["name"].as_str().unwrap().to_owned(), voice["languages"].clone());
        voices.iter().map(told).collect::<Vec<_>>()
    };
    let walter = ("walter".to_owned(), json!(["en", "zh"]));
    assert_eq!(names().await, std::slice::from_ref(&walter));
    // Who asks for speech meanwhile gets it once there can be some.
    let mut client = Client::connect(&server).await;
    client.say("synthesize", json!({ "text": "normal" })).await;
    server.go();
    assert_eq!(client.audio().await.len(), 2400);
    assert_eq!(names().await, [walter, ("tone:tone".to_owned(), json!(["en"]))]);
}

#[tokio::test]
async fn a_text_is_spoken_while_it_is_written_and_the_copy_of_it_is_passed_over() {
    let server = supervisor().start().await.ready().await;
    let mut client = Client::connect(&server).await;
    // Twice on one connection: nothing of the first is left when the second comes.
    for _ in 0..2 {
        client.say_behind("synthesize-start", json!({ "voice": { "name": "walter" } })).await;
        client.say_behind("synthesize-chunk", json!({ "text": "This is the first sentence. And th" })).await;
        client.expect("audio-start").await;
        let mut heard = client.expect("audio-chunk").await.payload.len();
        client.say_behind("synthesize-chunk", json!({ "text": "is is the second one." })).await;
        let copy = "This is the first sentence. And this is the second one.";
        client.say_behind("synthesize", json!({ "text": copy })).await;
        client.say_behind("synthesize-stop", json!({})).await;
        loop {
            let event = client.event().await.unwrap();
            if event.kind == "audio-stop" {
                break;
            }
            assert_eq!(event.kind, "audio-chunk", "{}", event.data);
            heard += event.payload.len();
        }
        client.expect("synthesize-stopped").await;
        let (least, once) = (2 * 1920 * 48, 2 * 1920 * copy.len());
        assert!(heard >= least && heard < once + once / 2, "all of it, once: {heard} bytes");
    }
    assert_eq!(server.metric(&requests("ok")).await, 2.0);
    // A text that comes to nothing ends all the same, and leaves nothing behind.
    client.say("synthesize-start", Value::Null).await;
    client.say("synthesize-chunk", json!({ "text": " 🎉 " })).await;
    client.say("synthesize-stop", Value::Null).await;
    // Home Assistant takes an answer without audio for one that failed.
    let silence = client.audio().await;
    assert!(!silence.is_empty() && silence.iter().all(|sample| *sample == 0), "{silence:?}");
    client.expect("synthesize-stopped").await;
    client.say("synthesize", json!({ "text": "hello" })).await;
    assert_eq!(client.audio().await, tone::of("hello"));
}

#[tokio::test]
async fn a_socket_that_closes_cancels_what_is_spoken_on_it_and_what_waits() {
    let server = supervisor().script("ready").start().await.ready().await;
    for is_written in [false, true] {
        let before = server.notes().len();
        let mut client = Client::connect(&server).await;
        if is_written {
            client.say("synthesize-start", Value::Null).await;
            client.say("synthesize-chunk", json!({ "text": "endless one. And" })).await;
        } else {
            client.say("synthesize", json!({ "text": "endless" })).await;
            client.say("synthesize", json!({ "text": "unheard" })).await;
        }
        client.expect("audio-start").await;
        client.expect("audio-chunk").await;
        drop(client);
        eventually("the worker was told, and stopped", async || {
            server.notes()[before..].iter().any(|note| note == "cancelled").then_some(())
        })
        .await;
        server.quiet().await;
    }
    assert_eq!(server.metric(&requests("gone")).await, 2.0);
    let mut client = Client::connect(&server).await;
    client.say("synthesize", json!({ "text": "normal" })).await;
    assert_eq!(client.audio().await.len(), 2400);
    assert!(!server.notes().contains(&"speak unheard".to_owned()), "{:?}", server.notes());
    assert_eq!(server.worker(0).await["restarts"], 0, "nobody had to be killed for it");
}

#[tokio::test]
async fn a_text_that_is_begun_anew_is_given_up() {
    let server = supervisor().script("ready").start().await.ready().await;
    let mut client = Client::connect(&server).await;
    client.say("synthesize-start", Value::Null).await;
    client.say("synthesize-chunk", json!({ "text": "endless one. And" })).await;
    client.expect("audio-start").await;
    client.say("synthesize-start", Value::Null).await;
    server.noted("cancelled").await;
    client.say("synthesize-chunk", json!({ "text": "normal" })).await;
    client.say("synthesize-stop", Value::Null).await;
    while client.event().await.unwrap().kind != "audio-stop" {}
    assert_eq!(client.audio().await.len(), 2400);
    client.expect("synthesize-stopped").await;
}

#[tokio::test]
async fn who_pings_is_answered_while_others_and_itself_are_spoken_for() {
    let server = supervisor().script("ready").start().await.ready().await;
    let mut client = Client::connect(&server).await;
    client.say("synthesize", json!({ "text": "endless" })).await;
    client.expect("audio-start").await;
    client.say("audio-chunk", json!({ "rate": 16_000 })).await;
    client.say("ping", json!({ "text": "there?" })).await;
    let pong = loop {
        let event = client.event().await.unwrap();
        if event.kind != "audio-chunk" {
            break event;
        }
    };
    assert_eq!((pong.kind.as_str(), &pong.data["text"]), ("pong", &json!("there?")));
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_told_and_ends_the_connection() {
    let limits = "[limits]\nmax_text_chars = 20\nmax_body_bytes = 2000\n";
    let server = supervisor().config(limits).start().await.ready().await;
    for (kind, data, code) in [
        ("synthesize", json!({ "text": "hi", "voice": { "name": "nobody" } }), "unknown_voice"),
        (
            "synthesize",
            json!({ "text": "hi", "voice": { "name": "walter", "speaker": "5" } }),
            "unknown_voice",
        ),
        ("synthesize", json!({ "text": "hi", "voice": { "language": "tlh" } }), "invalid_field"),
        ("synthesize", json!({ "text": ["hi"] }), "invalid_field"),
        ("synthesize", json!({ "text": "…!" }), "nothing_to_speak"),
        ("synthesize", json!({ "text": "a".repeat(21) }), "text_too_long"),
        ("synthesize", json!({ "text": "a".repeat(2000) }), "event_too_large"),
        ("synthesize-start", json!({ "voice": { "name": "nobody" } }), "unknown_voice"),
        ("synthesize", json!({ "text": "hi", "voice": { "name": "x".repeat(257) } }), "invalid_field"),
        ("synthesize-start", json!({ "voice": { "name": "x".repeat(257) } }), "invalid_field"),
        ("synthesize-stop", Value::Null, "event_out_of_order"),
    ] {
        let mut client = Client::connect(&server).await;
        client.say(kind, data.clone()).await;
        assert_eq!(client.error().await, code, "{kind} {data}");
    }
    assert_eq!(server.metric(&requests("invalid")).await, 11.0);
    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\n",
        b"\n",
        b"[[[[\n",
        b"{\"type\":\"synthesize\",\"data_length\":5}\nhello",
    ] {
        let mut client = Client::connect(&server).await;
        client.write(garbage).await;
        assert_eq!(client.error().await, "invalid_event");
    }
    let mut client = Client::connect(&server).await;
    client.write(&b"x".repeat(100_000)).await;
    assert_eq!(client.error().await, "event_too_large");
    for half in [&b"{\"type\":\"ping\"}"[..], b"{\"type\":\"ping\",\"data_length\":5}\n{"] {
        let mut client = Client::connect(&server).await;
        client.write(half).await;
    }
    let mut client = Client::connect(&server).await;
    client.say("ping", Value::Null).await;
    client.expect("pong").await;
    server.quiet().await;
}

#[tokio::test]
async fn an_engine_that_fails_in_the_middle_never_looks_like_the_end() {
    let server = supervisor().script("ready").start().await.ready().await;
    for (text, code) in [("refuse", "invalid_field"), ("garbled", "garbled_audio")] {
        let mut client = Client::connect(&server).await;
        client.say("synthesize", json!({ "text": text })).await;
        let mut last = None;
        while let Some(event) = client.event().await {
            assert_ne!(event.kind, "audio-stop", "{text}");
            last = Some(event);
        }
        let last = last.unwrap();
        assert_eq!((last.kind.as_str(), last.data["code"].as_str()), ("error", Some(code)));
    }
}

#[tokio::test]
async fn nobody_is_waited_for_without_end() {
    let limits = "[limits]\nbody_timeout_s = 1\nkeep_alive_s = 1\nslow_reader_s = 1\n";
    let server = supervisor().config(limits).start().await.ready().await;
    let mut idle = Client::connect(&server).await;
    assert!(idle.event().await.is_none(), "it is closed without a word");
    let mut half = Client::connect(&server).await;
    half.write(b"{\"type\":").await;
    assert_eq!(half.error().await, "event_too_slow");
    let mut writing = Client::connect(&server).await;
    writing.say("synthesize-start", Value::Null).await;
    assert_eq!(writing.error().await, "event_too_slow");
    // More than all buffers between us hold, and nobody takes it.
    let mut deaf = Client::connect(&server).await;
    deaf.say("synthesize", json!({ "text": "a".repeat(5000) })).await;
    let line = server.logged("Request finished").await;
    assert_eq!((&line["surface"], &line["outcome"]), (&json!("wyoming"), &json!("gone")), "{line}");
    server.quiet().await;
}

#[tokio::test]
async fn there_are_so_many_connections_and_who_is_too_many_hears_why() {
    let wyoming = "[wyoming]\nmax_connections_per_client = 2\n";
    let server = supervisor().config(wyoming).start().await.ready().await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(&server).await;
        client.say("ping", Value::Null).await;
        client.expect("pong").await;
        held.push(client);
    }
    assert_eq!(Client::connect(&server).await.error().await, "too_many_connections");
    server.logged("Refused a Wyoming connection").await;
    drop(held.pop());
    eventually("there is room again", async || {
        let mut client = Client::connect(&server).await;
        client.say("ping", Value::Null).await;
        (client.event().await.unwrap().kind == "pong").then_some(())
    })
    .await;
    // A reload raises it.
    server.rewrite("max_connections_per_client = 2", "max_connections_per_client = 9");
    let reloaded = server.command(&["reload"]).await;
    let told = String::from_utf8_lossy(&reloaded.stdout).into_owned();
    assert!(told.contains("wyoming.max_connections_per_client"), "{told}");
    for _ in 0..4 {
        let mut client = Client::connect(&server).await;
        client.say("ping", Value::Null).await;
        client.expect("pong").await;
        held.push(client);
    }
    // And a queue is no place to hide in.
    let mut greedy = Client::connect(&server).await;
    let bodies: String = (0..40).map(|_| "{\"type\":\"synthesize\",\"data\":{\"text\":\"hi\"}}\n").collect();
    greedy.write(bodies.as_bytes()).await;
    loop {
        let event = greedy.event().await.unwrap();
        if event.kind == "error" {
            assert_eq!(event.data["code"], "too_many_requests");
            break;
        }
    }
}

#[tokio::test]
async fn the_end_waits_for_what_is_spoken_and_lets_nobody_in() {
    let mut server = supervisor().start().await.ready().await;
    let mut idle = Client::connect(&server).await;
    let mut client = Client::connect(&server).await;
    client.say("synthesize-start", Value::Null).await;
    client.say("synthesize-chunk", json!({ "text": "The first sentence is here. The sec" })).await;
    client.expect("audio-start").await;
    server.signal("SIGTERM");
    server.logged("Draining").await;
    assert!(idle.event().await.is_none());
    let address = server.wyoming().await;
    eventually("nobody is let in", async || TcpStream::connect(&address).await.err()).await;
    client.say("synthesize-chunk", json!({ "text": "ond one follows." })).await;
    client.say("synthesize-stop", Value::Null).await;
    while client.event().await.unwrap().kind != "audio-stop" {}
    client.expect("synthesize-stopped").await;
    assert!(client.event().await.is_none());
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn an_address_that_is_taken_or_public_is_refused_with_the_key_that_mends_it() {
    let server = supervisor().start().await;
    let address = server.wyoming().await;
    let run = async |arguments: &[&str]| {
        let mut command = ishowtts(server.dir.path());
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        let output = soon("its end", command.output()).await.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = run(&["--wyoming-listen", &address]).await;
    assert!(code == Some(1) && told.contains(&format!("could not listen on {address}")), "{told}");
    assert!(told.contains("`listen` under [wyoming]"), "{told}");
    let (code, told) = run(&["--wyoming-listen", "0.0.0.0:0"]).await;
    assert!(code == Some(2) && told.contains("--wyoming-listen: 0.0.0.0:0 can be reached"), "{told}");
    assert!(told.contains("`allow_without_keys = true` under [wyoming]"), "{told}");
    let (code, told) = run(&["--wyoming-listen", "nowhere"]).await;
    assert!(code == Some(2) && told.contains("--wyoming-listen: must be an address and a port"), "{told}");
}
