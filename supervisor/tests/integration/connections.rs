//! Clients that misuse their connection: they lose it, and nobody else notices.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, Instant, sleep},
};

use crate::harness::{Server, eventually, soon, supervisor};

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(&server.address).await.unwrap()
}

/// Reads to the end, however it comes.
async fn rest(socket: &mut TcpStream) -> String {
    let mut read = Vec::new();
    // Closed with unread bytes of ours in it, a connection ends with an error.
    drop(soon("the end of the connection", socket.read_to_end(&mut read)).await);
    String::from_utf8_lossy(&read).into_owned()
}

/// Reads one answer that has a length.
async fn answer(socket: &mut TcpStream) -> String {
    let mut read = Vec::new();
    soon("an answer", async {
        while !read.windows(4).any(|end| end == b"\r\n\r\n") {
            read.push(socket.read_u8().await.unwrap());
        }
        let head = String::from_utf8_lossy(&read).to_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        socket.read_exact(&mut body).await.unwrap();
        read.extend(body);
    })
    .await;
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn headers_that_come_slowly_or_not_at_all_are_not_waited_for() {
    let server = supervisor().config("[limits]\nheader_timeout_s = 1\n").start().await.ready().await;
    let mut silent = connect(&server).await;
    assert_eq!(rest(&mut silent).await, "");

    let mut dribble = connect(&server).await;
    let began = Instant::now();
    let (mut reader, mut writer) = dribble.split();
    let drip = async {
        writer.write_all(b"GET /healthz HTTP/1.1\r\nX-Slow: ").await.unwrap();
        // Each byte comes long before a second has gone by.
        while writer.write_all(b"a").await.is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let mut end = Vec::new();
    let cut = async { drop(reader.read_to_end(&mut end).await) };
    soon("the end of the connection", async {
        tokio::select! { () = drip => {}, () = cut => {} }
    })
    .await;
    assert!(began.elapsed() >= Duration::from_millis(900), "not before its time: {:?}", began.elapsed());

    // So is the head of a second request.
    let mut second = connect(&server).await;
    second.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(answer(&mut second).await.ends_with("ok\n"));
    second.write_all(b"GET /heal").await.unwrap();
    let left = rest(&mut second).await;
    assert!(!left.contains("200 OK"), "{left}");
    assert_eq!(server.speak(json!({ "text": "still here" })).await.status, 200);
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request_and_not_for_ever() {
    let limits = "[limits]\nheader_timeout_s = 3600\nkeep_alive_s = 1\n";
    let server = supervisor().config(limits).start().await.ready().await;
    let mut socket = connect(&server).await;
    for _ in 0..3 {
        socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        assert!(answer(&mut socket).await.ends_with("ok\n"));
    }
    assert_eq!(rest(&mut socket).await, "", "a second without a request");
}

#[tokio::test]
async fn an_answer_that_takes_long_is_no_idle_connection() {
    let limits = "[limits]\nheader_timeout_s = 1\nkeep_alive_s = 1\nslow_reader_s = 1\n";
    let server = supervisor().engine("rtf", 1.0).config(limits).start().await.ready().await;
    // 2.4 s of audio, in two ways.
    for stream in [false, true] {
        let answer = server.speak(json!({ "text": "a".repeat(30), "stream": stream, "format": "pcm" })).await;
        assert_eq!((answer.status, answer.bytes().len()), (200, 30 * 3840));
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_let_go_and_its_work_freed() {
    let server = supervisor().config("[limits]\nslow_reader_s = 1\n").start().await.ready().await;
    // More than all buffers between us hold.
    let body = json!({ "text": "a".repeat(5000), "stream": true, "format": "pcm" }).to_string();
    let mut socket = connect(&server).await;
    let head = "POST /api/tts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut start = [0; 15];
    soon("an answer", socket.read_exact(&mut start)).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    let line = server.logged("Request finished").await;
    assert_eq!(line["outcome"], "gone", "{line}");
    server.quiet().await;
    assert_eq!(server.speak(json!({ "text": "still here" })).await.status, 200);
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_hears_why() {
    let server =
        supervisor().config("[limits]\nmax_connections_per_client = 3\n").start().await.ready().await;
    let fill = async || {
        let mut held = Vec::new();
        for _ in 0..3 {
            let mut socket = connect(&server).await;
            socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.ok()?;
            let mut status = [0; 12];
            soon("an answer", socket.read_exact(&mut status)).await.ok()?;
            if &status != b"HTTP/1.1 200" {
                return None;
            }
            held.push(socket);
        }
        Some(held)
    };
    // Those of the start may not have closed yet.
    let mut held = eventually("there is room for three", fill).await;
    let mut fourth = connect(&server).await;
    fourth.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let told = rest(&mut fourth).await;
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("\r\nRetry-After: 1\r\n"), "{told}");
    let body: Value = serde_json::from_str(told.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["error"]["code"], "too_many_connections");
    server.logged("max_connections_per_client are open").await;

    drop(held.pop());
    eventually("there is room again", async || {
        let answer = reqwest::get(format!("{}/healthz", server.url)).await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_crowd_that_comes_while_the_server_is_busy_waits_at_the_door() {
    let server = supervisor().start().await.ready().await;
    // Busier than it ever is by itself.
    server.signal("SIGSTOP");
    let mut crowd = Vec::new();
    for _ in 0..300 {
        crowd.push(soon("a place to wait", connect(&server)).await);
    }
    server.signal("SIGCONT");
    for mut visitor in crowd {
        visitor.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        assert!(answer(&mut visitor).await.ends_with("ok\n"));
    }
}

#[tokio::test]
async fn headers_have_a_longest_size() {
    let server = supervisor().config("[limits]\nmax_header_bytes = 2000\n").start().await.ready().await;
    let with = async |length: usize| {
        let request = reqwest::Client::new().get(format!("{}/api/status", server.url));
        request.header("x-long", "x".repeat(length)).send().await.unwrap()
    };
    assert_eq!(with(1000).await.status(), 200);
    let told = with(3000).await;
    assert_eq!(told.status(), 431);
    assert_eq!(told.json::<Value>().await.unwrap()["error"]["code"], "headers_too_large");
    assert_eq!(with(300_000).await.status(), 431, "far beyond it too, if with fewer words");
    let path = reqwest::get(format!("{}/{}", server.url, "x".repeat(3000))).await.unwrap();
    assert_eq!(path.status(), 431);
}

#[tokio::test]
async fn what_is_not_http_is_answered_400_or_closed_and_the_server_goes_on() {
    let server = supervisor().start().await.ready().await;
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /api/tts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /api/tts HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/tts HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\nBad Header\r\n\r\n",
        b"GET \xff HTTP/1.1\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
    ] {
        let mut socket = connect(&server).await;
        socket.write_all(garbage).await.unwrap();
        socket.shutdown().await.unwrap();
        let told = rest(&mut socket).await;
        assert!(
            told.is_empty() || told.starts_with("HTTP/1.1 4"),
            "{:?}: {told}",
            String::from_utf8_lossy(garbage)
        );
    }
    assert_eq!(server.get("/healthz").await, "ok\n");
}

#[tokio::test]
async fn an_id_that_is_fit_to_be_logged_is_kept() {
    let server = supervisor().start().await.ready().await;
    let sent = async |id: &str| {
        let request =
            reqwest::Client::new().get(format!("{}/healthz", server.url)).header("x-request-id", id);
        request.send().await.unwrap().headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    for good in ["a", "01HV:abc/def=+~@x.y_z-1", &"x".repeat(128)] {
        assert_eq!(sent(good).await, good);
    }
    for bad in ["a b", "\"a\"", "a\\b", &"x".repeat(129)] {
        assert_ne!(sent(bad).await, bad);
    }
}
