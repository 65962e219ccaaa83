//! Wyoming, as its clients speak it and as nobody should. What the official client makes of it is in `tests/python`.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::harness::{Server, ishowtts, pcm, soon, supervisor, tone};

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
