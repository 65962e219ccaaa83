//! Traces of requests, as a collector of OpenTelemetry is told them.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::harness::{
    Builder,
    collector::{Collector, Span},
    kill, soon, supervisor,
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// Spans leave soon after they have ended.
fn hurried() -> Builder {
    supervisor().variables(&["OTEL_BSP_SCHEDULE_DELAY=50"])
}

fn names(spans: &[Span]) -> Vec<&str> {
    let mut names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_request_is_one_span_with_its_segments_and_its_codec_under_it() {
    let collector = Collector::start().await;
    let server = hurried().config(&collector.config()).start().await.ready().await;
    // More than a segment may be long.
    let text = "The first sentence of a text that is too long for one segment. ".repeat(4);
    let answer = server.speak(json!({ "text": text, "format": "flac", "stream": true })).await;
    assert_eq!(answer.status, 200);
    let id = answer.header("x-request-id").to_owned();
    // The codec's span ends with the answer, behind the request's.
    let encode = collector.span("the codec's span", |span| span.name == "encode").await;
    let (request, parts) = collector.request(&id).await;
    assert_eq!((&*request.service, request.kind, &*request.parent), ("ishowtts", 2, ""), "{request:?}");
    for (name, value) in
        [("surface", "api"), ("outcome", "ok"), ("engine", "tone"), ("voice", "walter"), ("cache", "miss")]
    {
        assert_eq!(request.attribute(name), value, "{request:?}");
    }
    assert_eq!(request.events, ["first audio"]);
    assert_eq!(request.failure, None);
    let segments = parts.iter().filter(|span| span.name == "segment").count();
    assert!(segments > 1, "{:?}", names(&parts));
    assert_eq!(parts.iter().filter(|span| span.name == "queue").count(), segments);
    assert_eq!(parts.len(), 2 * segments + 1, "{:?}", names(&parts));
    for part in &parts {
        assert_eq!(part.trace, request.trace);
        assert!(part.start <= part.end, "{part:?}");
        // Clocks of two kinds are converted, each time anew.
        assert!(part.start + 1_000_000 >= request.start, "{part:?} {request:?}");
    }
    for number in 0..segments {
        let number = number.to_string();
        let of = |name: &str| {
            parts.iter().find(|part| part.name == name && part.attribute("segment") == number).unwrap()
        };
        let (queue, segment) = (of("queue"), of("segment"));
        assert_eq!((segment.attribute("engine"), segment.attribute("tries")), ("tone", "1"));
        assert!(queue.end.abs_diff(segment.start) < 1_000_000, "it is spoken when it has waited");
        assert!(segment.end <= request.end + 1_000_000);
    }
    assert_eq!((encode.parent, encode.attributes["ishowtts.format"].as_str()), (request.id, "flac"));
    let line = server.logged("Request finished").await;
    assert_eq!(line["trace_id"], request.trace, "the log leads to the trace");
}

#[tokio::test]
async fn the_clients_trace_goes_on_and_its_word_on_sampling_holds() {
    let collector = Collector::start().await;
    // Of its own accord it traces nothing.
    let config = format!("{}sample = 0\nservice_name = \"box\"\n", collector.config());
    let server = hurried().config(&config).start().await.ready().await;
    let ask = async |traceparent: Option<&str>| {
        let mut request = server.post(&json!({ "text": "Whose trace is it?", "format": "pcm" }));
        if let Some(traceparent) = traceparent {
            request = request.header("traceparent", traceparent).header("tracestate", "a=b");
        }
        let answer = soon("the answer", request.send()).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    ask(None).await;
    ask(Some("nonsense")).await;
    ask(Some(&format!("00-{TRACE}-{PARENT}-00"))).await;
    let traced = ask(Some(&format!("00-{TRACE}-{PARENT}-01"))).await;
    let (request, parts) = collector.request(&traced).await;
    assert_eq!((&*request.trace, &*request.parent, &*request.service), (TRACE, PARENT, "box"));
    // Nothing was computed for the later ones: their audio was there.
    assert_eq!(request.attribute("cache"), "hit");
    assert!(parts.is_empty(), "{:?}", names(&parts));
    let requests: Vec<Span> = collector.spans().into_iter().filter(|span| span.name == "speak").collect();
    assert_eq!(requests.len(), 1, "{requests:?}");
}

#[tokio::test]
async fn failures_retries_and_clients_that_leave_show() {
    let collector = Collector::start().await;
    let server = hurried().script("ready").config(&collector.config()).start().await.ready().await;
    let ask = async |text: &str| {
        let answer = server.speak(json!({ "text": text, "format": "pcm" })).await;
        let id = answer.header("x-request-id").to_owned();
        let (request, parts) = collector.request(&id).await;
        (answer.status, request, parts)
    };
    let (status, request, parts) = ask("zeros").await;
    assert_eq!(status, 502);
    assert_eq!(request.attribute("outcome"), "failed");
    assert!(request.failure.is_some() && !request.attribute("error").is_empty(), "{request:?}");
    let segment = parts.iter().find(|span| span.name == "segment").unwrap();
    assert!(segment.failure.is_some(), "{segment:?}");

    let (status, request, parts) = ask("crash 1").await;
    assert_eq!((status, request.attribute("outcome")), (200, "ok"));
    let segment = parts.iter().find(|span| span.name == "segment").unwrap();
    assert_eq!((segment.attribute("tries"), &segment.events[..]), ("2", &["begun anew".to_owned()][..]));

    // A mistake is the client's, and no failure of ours.
    let (status, request, _) = ask("").await;
    assert_eq!((status, request.attribute("outcome"), &request.failure), (422, "invalid", &None));

    let mut body =
        server.post(&json!({ "text": "endless", "stream": true })).send().await.unwrap().bytes_stream();
    soon("audio", body.next()).await.unwrap().unwrap();
    drop(body);
    let request = collector.span("it has left", |span| span.attribute("outcome") == "gone").await;
    let given_up = |span: &Span| span.parent == request.id && span.attribute("given_up") == "true";
    collector.span("its segment was given up", given_up).await;
}

#[tokio::test]
async fn a_text_that_is_still_being_written_is_traced_clause_by_clause() {
    let collector = Collector::start().await;
    let server = hurried().config(&collector.config()).start().await.ready().await;
    let address =
        format!("ws://{}/v1/text-to-speech/walter/stream-input?output_format=pcm_24000", server.address);
    let mut request = address.into_client_request().unwrap();
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    request.headers_mut().insert("traceparent", traceparent.parse().unwrap());
    let (mut socket, _) = soon("the handshake", connect_async(request)).await.unwrap();
    // What comes after the first audio is a clause of its own.
    let mut later = vec!["", "and the second one. "];
    for text in [" ", "The first clause of two, "] {
        socket.send(Message::text(json!({ "text": text }).to_string())).await.unwrap();
    }
    while let Some(Ok(message)) = soon("a message", socket.next()).await {
        let Message::Text(heard) = message else { continue };
        let heard: Value = serde_json::from_str(&heard).unwrap();
        if heard["isFinal"] == true {
            break;
        }
        while let Some(text) = later.pop() {
            socket.send(Message::text(json!({ "text": text }).to_string())).await.unwrap();
        }
    }
    let is_it = |span: &Span| span.attribute("surface") == "elevenlabs";
    let request = collector.span("the request's span", is_it).await;
    assert_eq!((&*request.trace, &*request.parent), (TRACE, PARENT));
    let parts: Vec<Span> = collector.spans().into_iter().filter(|span| span.parent == request.id).collect();
    let segments: Vec<&Span> = parts.iter().filter(|span| span.name == "segment").collect();
    assert!(segments.len() > 1, "{:?}", names(&parts));
}

#[tokio::test]
async fn a_collector_that_is_away_or_silent_costs_no_request_and_holds_up_no_end() {
    let away = Collector::start().await;
    let address = away.address;
    drop(away);
    // It takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for collector in [address, silent.local_addr().unwrap()] {
        let config = format!("[telemetry]\notlp_endpoint = \"http://{collector}\"\n");
        // A queue that is full at once: what does not fit is let go.
        let variables =
            ["OTEL_BSP_SCHEDULE_DELAY=50", "OTEL_BSP_MAX_QUEUE_SIZE=8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4"];
        let mut server = supervisor().variables(&variables).config(&config).start().await.ready().await;
        for number in 0..30 {
            let answer = server.speak(json!({ "text": format!("Number {number}"), "format": "mp3" })).await;
            assert_eq!(answer.status, 200, "{collector}");
        }
        if collector == address {
            server.logged("Spans could not be sent").await;
        }
        kill(server.pid(), "SIGTERM");
        assert!(server.ended().await.success(), "{collector}: {}", server.log_text());
    }
}

#[tokio::test]
async fn a_collector_that_comes_back_is_told_what_comes_then_with_the_headers_that_it_wants() {
    let away = Collector::start().await;
    let (address, config) = (away.address, away.config());
    drop(away);
    let variables = ["OTEL_BSP_SCHEDULE_DELAY=50", "OTEL_EXPORTER_OTLP_HEADERS=x-team=speech"];
    let mut server = supervisor().variables(&variables).config(&config).start().await.ready().await;
    server.speak(json!({ "text": "Nobody is told." })).await;
    server.logged("Spans could not be sent").await;
    let collector = Collector::start_at(address).await;
    let answer = server.speak(json!({ "text": "Somebody is told." })).await;
    collector.request(answer.header("x-request-id")).await;
    assert!(collector.headers().iter().all(|headers| headers["x-team"] == "speech"));
    // What has ended just before the end is told, too.
    let answer = server.speak(json!({ "text": "The last words." })).await;
    kill(server.pid(), "SIGTERM");
    assert!(server.ended().await.success());
    let id = answer.header("x-request-id");
    assert!(collector.spans().iter().any(|span| span.attribute("request_id") == id));
}

#[tokio::test]
async fn without_a_collector_nothing_is_traced() {
    let server = supervisor().start().await.ready().await;
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let request = server.post(&json!({ "text": "Off." })).header("traceparent", traceparent);
    assert_eq!(soon("the answer", request.send()).await.unwrap().status(), 200);
    let line = server.logged("Request finished").await;
    assert!(line.get("trace_id").is_none(), "{line}");
    assert!(!server.log_text().contains("Tracing requests"));
}
