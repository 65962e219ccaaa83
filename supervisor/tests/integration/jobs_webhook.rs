//! Webhooks: whoever asked for it is told of the end of a job, signed, at hosts that the configuration names, until he says that
//! he knows.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode, Uri, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    harness::{Builder, Server, eventually, supervisor},
    jobs::sentences,
    jobs_crash::killed,
};

const SECRETS: [&[u8]; 2] = [b"the newer secret of this test", b"the older secret of this test"];

/// A message as it came.
#[derive(Clone, Debug)]
struct Message {
    uri: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Message {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn job(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether it is signed by these secrets, in this order.
    fn is_signed_by(&self, secrets: &[&[u8]]) -> bool {
        let signed = [self.header("webhook-id"), self.header("webhook-timestamp")].join(".");
        let signature = |secret: &&[u8]| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
            mac.update(format!("{signed}.").as_bytes());
            mac.update(&self.body);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        };
        self.header("webhook-signature") == secrets.iter().map(signature).collect::<Vec<_>>().join(" ")
    }
}

/// Takes messages, and answers with these statuses, then with 204; 0 is no answer at all. It listens until it is dropped.
struct Receiver {
    address: SocketAddr,
    messages: Arc<Mutex<Vec<Message>>>,
    task: JoinHandle<()>,
}

impl Receiver {
    async fn answering(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let messages = Arc::<Mutex<Vec<Message>>>::default();
        let (kept, statuses) =
            (Arc::clone(&messages), Arc::new(Mutex::new(statuses.iter().copied().collect::<VecDeque<_>>())));
        let take = move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
            kept.lock().unwrap().push(Message { uri: uri.to_string(), headers, body });
            let status = statuses.lock().unwrap().pop_front().unwrap_or(204);
            if status == 0 {
                std::future::pending::<()>().await;
            }
            (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, "/elsewhere")])
        };
        let router = Router::new().fallback(take);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, messages, task }
    }

    fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    fn url(&self, rest: &str) -> String {
        format!("http://{}{rest}", self.address)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server that may call this host.
fn calling(host: &str) -> Builder {
    let lines = SECRETS.map(|secret| format!("whsec_{}\n", STANDARD.encode(secret)));
    let config = format!("[jobs]\nwebhook_hosts = [\"{host}\"]\nwebhook_secret_file = \"secrets\"\n");
    supervisor().file("secrets", lines.concat()).config(&config)
}

/// Waits until it is known of a job how far it is with telling somebody.
async fn webhook_is(server: &Server, id: &str, state: &str, attempts: u64) -> Value {
    eventually(state, async || {
        let webhook = server.job(id).await["webhook"].clone();
        (webhook["state"] == state && webhook["attempts"] == attempts).then_some(webhook)
    })
    .await
}

#[tokio::test]
async fn the_end_of_a_job_is_told_in_a_signed_message() {
    let receiver = Receiver::answering(&[]).await;
    let server = calling(&receiver.address.to_string()).start().await.ready().await;
    let url = receiver.url("/done?for=me");
    let id = server.submit(json!({ "text": "All of it.", "title": "Mine", "webhook": url })).await;
    let webhook = webhook_is(&server, &id, "delivered", 1).await;
    assert_eq!(
        (&webhook["url"], &webhook["next_ms"], &webhook["error"]),
        (&json!(url), &Value::Null, &Value::Null)
    );
    let messages = receiver.messages();
    assert_eq!(messages.len(), 1);
    let message = &messages[0];
    assert_eq!((message.uri.as_str(), message.header("content-type")), ("/done?for=me", "application/json"));
    assert_eq!(
        (message.header("host"), message.header("webhook-id")),
        (receiver.address.to_string().as_str(), &*id)
    );
    assert!(message.is_signed_by(&SECRETS), "{message:?}");
    assert!(!message.is_signed_by(&SECRETS[..1]));
    let (mut told, mut job) = (message.job(), server.job(&id).await);
    assert_eq!(told["webhook"].take()["state"], "pending");
    job["webhook"].take();
    assert_eq!(told, job, "it says what is answered");

    // The other ends.
    let other = calling(&receiver.address.to_string()).script("ready").start().await.ready().await;
    let id = other.submit(json!({ "text": "refuse this", "webhook": receiver.url("/failed") })).await;
    webhook_is(&other, &id, "delivered", 1).await;
    let slow = json!({ "rtf": 1.0 });
    let long =
        json!({ "text": sentences(50), "engine_options": slow, "webhook": receiver.url("/cancelled") });
    let id = server.submit(long).await;
    assert_eq!(server.job_is(&id, "running").await["webhook"]["state"], "waiting");
    server.ask(Method::DELETE, &format!("/api/jobs/{id}"), &[], None).await;
    webhook_is(&server, &id, "delivered", 1).await;
    for message in &receiver.messages()[1..] {
        assert_eq!(message.uri, format!("/{}", message.job()["state"].as_str().unwrap()));
        assert!(message.is_signed_by(&SECRETS));
    }
    // Nobody asked for it.
    let id = server.submit(json!({ "text": "Quiet." })).await;
    assert_eq!(server.job_is(&id, "done").await["webhook"], Value::Null);
    assert_eq!(receiver.messages().len(), 3);
}

#[tokio::test]
async fn what_was_not_taken_is_told_again_after_a_restart() {
    let receiver = Receiver::answering(&[500]).await;
    let server = calling(&receiver.address.to_string()).start().await.ready().await;
    // Until somebody was told it stays, however little may be kept.
    server.rewrite("[jobs]\n", "[jobs]\nkeep_mb = 0\n");
    let id = server.submit(json!({ "text": "Over soon.", "webhook": receiver.url("/") })).await;
    let webhook = webhook_is(&server, &id, "pending", 1).await;
    assert!(webhook["error"].as_str().unwrap().contains("500"), "{webhook}");
    assert!(webhook["next_ms"].as_u64().is_some());
    let (server, ()) = killed(server, |_| ()).await;
    let messages = eventually("it is told again", async || {
        let messages = receiver.messages();
        (messages.len() > 1).then_some(messages)
    })
    .await;
    let timestamp = |at: usize| messages[at].header("webhook-timestamp").parse::<u64>().unwrap();
    assert!(timestamp(1) >= timestamp(0) + 4, "not before it is due");
    assert_eq!(messages[0].header("webhook-id"), messages[1].header("webhook-id"));
    assert!(messages.iter().all(|message| message.is_signed_by(&SECRETS)));
    assert_eq!(messages[1].job()["webhook"]["attempts"], 1);
    eventually("that is known, and it may go", async || {
        let job = server.job(&id).await;
        let is_told = job["webhook"]["state"] == "delivered" && job["webhook"]["attempts"] == 2;
        (is_told || job["error"]["code"] == "unknown_job").then_some(())
    })
    .await;
    assert_eq!(receiver.messages().len(), 2);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_gone_is_the_end() {
    let receiver = Receiver::answering(&[302, 410]).await;
    let server = calling(&receiver.address.to_string()).start().await.ready().await;
    let id = server.submit(json!({ "text": "One.", "webhook": receiver.url("/one") })).await;
    let webhook = webhook_is(&server, &id, "pending", 1).await;
    assert!(webhook["error"].as_str().unwrap().contains("redirects are not followed"), "{webhook}");
    let id = server.submit(json!({ "text": "Two.", "webhook": receiver.url("/two") })).await;
    let webhook = webhook_is(&server, &id, "given_up", 1).await;
    assert!(webhook["error"].as_str().unwrap().contains("410"), "{webhook}");
    assert_eq!(webhook["next_ms"], Value::Null);
    let asked: Vec<_> = receiver.messages().into_iter().map(|message| message.uri).collect();
    assert_eq!(asked, ["/one", "/two"]);
    let line = server.logged("A webhook was not delivered, and is given up").await;
    assert!(!line.to_string().contains("/two"), "addresses may be secrets: {line}");
}

#[tokio::test]
async fn a_host_that_is_not_named_any_more_is_not_called() {
    let receiver = Receiver::answering(&[0]).await;
    let host = receiver.address.to_string();
    let server = calling(&host).start().await.ready().await;
    let id = server.submit(json!({ "text": "One.", "webhook": receiver.url("/one") })).await;
    eventually("it is on its way", async || (receiver.messages().len() == 1).then_some(())).await;
    webhook_is(&server, &id, "pending", 0).await;
    server.rewrite(&host, "hooks.example");
    let (server, ()) = killed(server, |_| ()).await;
    let webhook = webhook_is(&server, &id, "given_up", 1).await;
    assert!(webhook["error"].as_str().unwrap().contains("does not name its host"), "{webhook}");
    assert_eq!(receiver.messages().len(), 1);
}

#[tokio::test]
async fn nobody_makes_the_server_call_another_place() {
    let server = calling("hooks.example:8443").start().await.ready().await;
    for webhook in [
        "http://hooks.example:8443/",
        "https://hooks.example/",
        "https://other.example:8443/",
        "https://hooks.example:8443@other.example/",
        "https://me:secret@hooks.example:8443/",
        "http://127.0.0.1:8443/",
        "ftp://hooks.example:8443/",
        "file:///etc/passwd",
        "hooks.example:8443",
        "",
    ] {
        let body = json!({ "text": "One.", "webhook": webhook });
        let answer = server.ask(Method::POST, "/api/jobs", &[], Some(&body)).await;
        assert_eq!(answer.error(), (422, "invalid_field".into(), Some("webhook".into())), "{webhook}");
    }
    for (path, told) in [
        ("a".repeat(2000), "has 2027 bytes; at most 2000"),
        ("a b".into(), "neither blanks nor control characters"),
        ("a\nb".into(), "neither blanks nor control characters"),
        ("a\u{0}".into(), "neither blanks nor control characters"),
    ] {
        let body = json!({ "text": "One.", "webhook": format!("https://hooks.example:8443/{path}") });
        let answer = server.ask(Method::POST, "/api/jobs", &[], Some(&body)).await;
        assert_eq!(answer.error(), (422, "invalid_field".into(), Some("webhook".into())), "{told}");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(told), "{message}");
    }
    for (written, instead, told) in [
        ("\"hooks.example:8443\"", "\"https://hooks.example/path\"", "must be HOST, HOST:PORT"),
        ("webhook_secret_file = \"secrets\"", "", "webhook_secret_file"),
        ("\"secrets\"", "\"nowhere\"", "could not read"),
        ("\"secrets\"", "\"ishowtts.toml\"", "line 1 is no secret"),
    ] {
        server.rewrite(written, instead);
        let output = server.command(&["check-config"]).await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && error.contains(told), "{error}");
        if instead.is_empty() {
            server.rewrite("[jobs]\n", "[jobs]\nwebhook_secret_file = \"secrets\"\n");
        } else {
            server.rewrite(instead, written);
        }
    }
}

#[tokio::test]
async fn a_receiver_has_to_be_who_its_certificate_says() {
    // A server of ours takes no such body, but what it answers came over TLS.
    let (cert, key) = crate::tls::made();
    let tls = "[server]\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n";
    let receiver = supervisor().file("cert.pem", &*cert).file("key.pem", key).config(tls).start().await;
    let port = receiver.address.rsplit(':').next().unwrap();
    let trusted = tempfile::NamedTempFile::new().unwrap();
    for (certificate, told) in [(cert, "answered with 422"), (crate::tls::made().0, "certificate")] {
        std::fs::write(trusted.path(), certificate).unwrap();
        let trust = format!("SSL_CERT_FILE={}", trusted.path().display());
        let server = calling(&format!("localhost:{port}")).variables(&[&trust]).start().await.ready().await;
        let url = format!("https://localhost:{port}/api/jobs");
        let id = server.submit(json!({ "text": "One.", "webhook": url })).await;
        let webhook = webhook_is(&server, &id, "pending", 1).await;
        assert!(webhook["error"].as_str().unwrap().contains(told), "{webhook}");
    }
}
