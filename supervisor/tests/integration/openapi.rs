//! The description of the routes, and the page that shows it.

use serde_json::Value;

use crate::harness::{Server, soon, supervisor};

const KEY: &str = "ishowtts_a-key-of-this-test";

/// Status, media type and text.
async fn get(server: &Server, path: &str) -> (u16, String, String) {
    let response = soon("an answer", reqwest::get(format!("{}{path}", server.url))).await.unwrap();
    let status = response.status().as_u16();
    let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    (status, media_type, response.text().await.unwrap())
}

#[tokio::test]
async fn the_description_is_json_and_tells_of_the_routes() {
    let server = supervisor().start().await;
    let (status, media_type, text) = get(&server, "/openapi.json").await;
    assert_eq!((status, media_type.as_str()), (200, "application/json"));
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    for (method, path) in [("post", "/api/tts"), ("post", "/v1/audio/speech"), ("get", "/v1/models/{model}")]
    {
        assert!(document["paths"][path][method]["responses"]["200"].is_object(), "{method} {path}");
    }
}

#[tokio::test]
async fn the_page_brings_everything_that_it_loads() {
    let server = supervisor().start().await;
    // Its address without a slash leads to it.
    let (status, media_type, page) = get(&server, "/docs").await;
    assert_eq!((status, media_type.as_str()), (200, "text/html"));
    let sources = page
        .split(['"', '\''])
        .filter(|text| [".js", ".css", ".png"].iter().any(|ending| text.ends_with(ending)));
    let sources: Vec<&str> = sources.collect();
    assert!(sources.len() >= 4, "{page}");
    for source in sources {
        assert!(!source.contains("//"), "{source} is loaded from elsewhere");
        let path = format!("/docs/{}", source.trim_start_matches("./"));
        assert_eq!(
            soon("a file", reqwest::get(format!("{}{path}", server.url))).await.unwrap().status(),
            200,
            "{path}"
        );
    }
    let (_, _, script) = get(&server, "/docs/swagger-initializer.js").await;
    assert!(script.contains("\"url\": \"/openapi.json\""), "{script}");
    let policy = reqwest::get(format!("{}/docs/", server.url)).await.unwrap();
    let policy = policy.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'self';"), "{policy}");
    for path in ["/docs/nothing.js", "/docs/../openapi", "/docs/%2e%2e%2fCargo.toml", "/docs/%ff"] {
        let (status, _, text) = get(&server, path).await;
        assert_eq!(status, 404, "{path}: {text}");
    }
}

#[tokio::test]
async fn both_need_a_key_where_there_are_keys() {
    let server = supervisor().key("reader", KEY).start().await;
    for path in ["/openapi.json", "/docs", "/docs/", "/docs/swagger-ui.css"] {
        assert_eq!(get(&server, path).await.0, 401, "{path}");
        let request = reqwest::Client::new().get(format!("{}{path}", server.url)).bearer_auth(KEY);
        assert_eq!(soon("an answer", request.send()).await.unwrap().status(), 200, "{path}");
    }
}
