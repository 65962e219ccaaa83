//! Browsers: a page of another site gets nowhere, and the pages that were named get everywhere.

use reqwest::{Response, header::HeaderMap};
use serde_json::{Value, json};

use crate::harness::{Server, soon, supervisor};

async fn send(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = reqwest::Client::new().request(method.parse().unwrap(), format!("{}{path}", server.url));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let request = if method == "POST" { request.json(&json!({ "text": "hi" })) } else { request };
    soon("an answer", request.send()).await.unwrap()
}

async fn code(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, response.json::<Value>().await.unwrap()["error"]["code"].clone())
}

fn allowed(headers: &HeaderMap) -> Option<&str> {
    headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn without_keys_only_our_own_names_and_pages_get_anywhere() {
    let server = supervisor().config("[server]\nhosts = [\"tts.lan\"]\n").start().await.ready().await;
    let host = async |host: &str| send(&server, "GET", "/api/status", &[("host", host)]).await;
    for good in ["localhost", "tts.lan:27121", "10.1.2.3"] {
        assert_eq!(host(good).await.status(), 200, "{good}");
    }
    assert_eq!(code(host("evil.example").await).await, (403, json!("host_not_allowed")));
    let nowhere = send(&server, "GET", "/nothing", &[("host", "evil.example")]).await;
    assert_eq!(code(nowhere).await, (403, json!("host_not_allowed")));
    assert_eq!(send(&server, "GET", "/healthz", &[("host", "evil.example")]).await.status(), 200);

    let foreign = send(&server, "POST", "/api/tts", &[("origin", "https://evil.example")]).await;
    assert_eq!(allowed(foreign.headers()), None);
    assert_eq!(code(foreign).await, (403, json!("origin_not_allowed")));
    let restart = send(&server, "POST", "/api/engines/tone/restart", &[("origin", "null")]).await;
    assert_eq!(code(restart).await, (403, json!("origin_not_allowed")));
    let own = send(&server, "POST", "/api/tts", &[("origin", &*server.url)]).await;
    assert_eq!(own.status(), 200);
    assert_eq!(server.worker(0).await["restarts"], 0);
}

#[tokio::test]
async fn pages_that_were_named_may_ask_and_read() {
    let server =
        supervisor().config("[cors]\norigins = [\"https://app.example\"]\n").start().await.ready().await;
    let origin = ("origin", "https://app.example");
    let spoken = send(&server, "POST", "/api/tts", &[origin]).await;
    assert_eq!(spoken.status(), 200);
    assert_eq!(allowed(spoken.headers()), Some("https://app.example"));
    let exposed = spoken.headers()["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.contains("x-sample-rate") && exposed.contains("x-request-id"), "{exposed}");
    assert!(spoken.headers()["vary"].to_str().unwrap().contains("origin"));
    let plain = send(&server, "POST", "/api/tts", &[]).await;
    assert!(
        plain.headers().keys().all(|name| !name.as_str().starts_with("access-control")),
        "no browser, no words for it"
    );
    let options = send(&server, "OPTIONS", "/api/tts", &[]).await;
    assert_eq!(code(options).await, (405, json!("method_not_allowed")));
    let wrong = send(&server, "GET", "/nothing", &[origin]).await;
    assert_eq!((wrong.status().as_u16(), allowed(wrong.headers())), (404, Some("https://app.example")));
}

#[tokio::test]
async fn a_preflight_needs_no_key_and_what_follows_does() {
    let server = supervisor()
        .key("home", "a key")
        .config("[cors]\norigins = [\"https://app.example\"]\n")
        .start()
        .await
        .ready()
        .await;
    let asks = ("access-control-request-method", "POST");
    let names = ("access-control-request-headers", "authorization,content-type");
    let origin = ("origin", "https://app.example");
    let preflight = send(&server, "OPTIONS", "/api/tts", &[origin, asks, names]).await;
    assert_eq!(
        (preflight.status().as_u16(), allowed(preflight.headers())),
        (200, Some("https://app.example"))
    );
    let headers = preflight.headers()["access-control-allow-headers"].to_str().unwrap();
    assert_eq!(headers, "authorization,content-type");

    let foreign = send(&server, "OPTIONS", "/api/tts", &[("origin", "https://evil.example"), asks]).await;
    assert_eq!((foreign.status().as_u16(), allowed(foreign.headers())), (401, None));
    let bare = send(&server, "OPTIONS", "/api/tts", &[origin]).await;
    assert_eq!(bare.status(), 401, "no browser asks like that");

    let refused = send(&server, "POST", "/api/tts", &[origin]).await;
    assert_eq!(allowed(refused.headers()), Some("https://app.example"), "the page can read why");
    assert_eq!(code(refused).await, (401, json!("unauthorised")));
    let spoken = send(&server, "POST", "/api/tts", &[origin, ("x-api-key", "a key")]).await;
    assert_eq!(spoken.status(), 200);
}
