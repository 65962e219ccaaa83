//! The console's page and its files: there for everybody, kept by browsers, and held to its own policy. What it does in a
//! browser is told by `tests_clients/test_console.py`.

use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::harness::{Server, eventually, soon, supervisor};

const KEY: &str = "ishowtts_a-key-of-this-test";

async fn get(server: &Server, path: &str, known: Option<&str>) -> Response {
    let mut request = Client::new().get(format!("{}{path}", server.url));
    if let Some(etag) = known {
        request = request.header("if-none-match", etag);
    }
    soon("an answer", request.send()).await.unwrap()
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
}

/// Addresses of the files that the page names, as it names them.
fn named(page: &str) -> Vec<&str> {
    page.split('"').filter(|text| text.starts_with("console/")).collect()
}

#[tokio::test]
async fn the_page_and_its_files_need_no_key_and_nothing_else_comes_with_them() {
    let server = supervisor().key("home", KEY).start().await;
    let page = get(&server, "/", None).await;
    assert_eq!(
        (page.status().as_u16(), header(&page, "content-type")),
        (200, "text/html; charset=utf-8".into())
    );
    let page = page.text().await.unwrap();
    let files = named(&page);
    assert!(files.len() >= 4, "{page}");
    for file in &files {
        let answer = get(&server, &format!("/{file}"), None).await;
        assert_eq!(answer.status(), 200, "{file}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        let media_type = header(&answer, "content-type");
        let expected = match file.rsplit_once('.').unwrap().1 {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(media_type, expected, "{file}");
    }
    for path in ["/api/status", "/api/voices", "/docs/", "/metrics"] {
        assert_eq!(get(&server, path, None).await.status(), 401, "{path}");
    }
}

#[tokio::test]
async fn modules_of_the_page_are_there_under_its_version_and_under_no_other() {
    let server = supervisor().start().await;
    let page = get(&server, "/", None).await.text().await.unwrap();
    let files = named(&page);
    let main = files.iter().find(|file| file.ends_with("/main.js")).unwrap();
    let folder = main.strip_suffix("main.js").unwrap();
    let script = get(&server, &format!("/{main}"), None).await.text().await.unwrap();
    let modules: Vec<&str> = script.split('"').filter_map(|text| text.strip_prefix("./")).collect();
    assert!(modules.len() >= 5, "{script}");
    for module in modules {
        assert_eq!(get(&server, &format!("/{folder}{module}"), None).await.status(), 200, "{module}");
    }
    for path in [
        format!("/{folder}index.html"),
        format!("/{folder}nothing.js"),
        format!("/{folder}..%2fmod.rs"),
        format!("/{folder}%ff.js"),
        "/console/0/main.js".into(),
        "/console/".into(),
    ] {
        let answer = get(&server, &path, None).await;
        assert_eq!(answer.status(), 404, "{path}");
        let told: Value = answer.json().await.unwrap();
        assert_eq!(told["error"]["code"], "no_such_route", "{path}");
    }
}

#[tokio::test]
async fn browsers_ask_for_the_page_again_and_keep_its_files() {
    let server = supervisor().start().await;
    let page = get(&server, "/", None).await;
    assert_eq!(header(&page, "cache-control"), "no-cache");
    let etag = header(&page, "etag");
    let text = page.text().await.unwrap();
    let again = get(&server, "/", Some(&etag)).await;
    assert_eq!((again.status().as_u16(), header(&again, "etag")), (304, etag.clone()));
    assert!(!header(&again, "content-security-policy").is_empty());
    assert!(again.bytes().await.unwrap().is_empty());
    assert_eq!(get(&server, "/", Some("\"another\"")).await.status(), 200);

    let file = format!("/{}", named(&text).first().unwrap());
    let answer = get(&server, &file, None).await;
    assert_eq!(header(&answer, "cache-control"), "public, max-age=31536000, immutable");
    assert_ne!(header(&answer, "etag"), etag);
    assert_eq!(get(&server, &file, Some(&header(&answer, "etag"))).await.status(), 304);
}

#[tokio::test]
async fn the_page_may_run_its_own_scripts_and_nothing_else() {
    let server = supervisor().start().await;
    let page = get(&server, "/", None).await;
    let policy = header(&page, "content-security-policy");
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.split(';').any(|found| found.trim() == rule), "{rule} in {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    assert_eq!(header(&page, "referrer-policy"), "no-referrer");
    let page = page.text().await.unwrap();
    for inline in ["<style", "style=", "onclick", "://", "<script>"] {
        assert!(!page.contains(inline), "{inline}");
    }
}

#[tokio::test]
async fn status_tells_the_last_requests_the_newest_first_and_nothing_of_what_was_said() {
    let server = supervisor().start().await.ready().await;
    let words = "a rather private matter";
    assert_eq!(server.speak(json!({ "text": words })).await.status, 200);
    assert_eq!(server.speak(json!({ "text": words, "stream": true })).await.status, 200);
    assert_eq!(server.speak(json!({ "text": "..." })).await.status, 422);
    let recent = eventually("all of them are told", async || {
        let status = server.get("/api/status").await;
        (status["recent"].as_array().unwrap().len() == 3).then(|| status["recent"].clone())
    })
    .await;
    let facts = |index: usize, name: &str| recent[index][name].clone();
    let outcomes: Vec<Value> = (0..3).map(|index| facts(index, "outcome")).collect();
    assert_eq!(outcomes, ["invalid", "ok", "ok"]);
    assert_eq!(
        (facts(0, "ttfa_ms"), facts(0, "cache"), facts(0, "voice")),
        (Value::Null, Value::Null, "".into())
    );
    assert_eq!(
        (facts(1, "cache"), facts(1, "rtf"), facts(1, "voice")),
        ("hit".into(), Value::Null, "walter".into())
    );
    assert_eq!(
        (facts(2, "cache"), facts(2, "engine"), facts(2, "surface")),
        ("miss".into(), "tone".into(), "api".into())
    );
    assert!(facts(2, "rtf").is_f64() && facts(2, "underrun_ms").is_null(), "{recent}");
    assert!(facts(1, "underrun_ms").is_number(), "{recent}");
    assert_eq!(facts(2, "audio_ms"), json!(80.0 * words.len() as f64));
    assert!(!recent.to_string().contains("private"), "{recent}");
}
