//! API keys: nobody gets past the edge without one, and whoever has one is known by its name.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Server, ishowtts, soon, supervisor};

const KEY: &str = "ishowtts_a-key-of-this-test";

/// All routes, as the route table has them, with something in the place of each parameter.
fn routes() -> Vec<String> {
    let table = include_str!("../../src/surface/mod.rs");
    let routes = table.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next());
    let filled = |route: &str| {
        let part = |part: &str| if part.starts_with('{') { "tone".to_owned() } else { part.to_owned() };
        route.split('/').map(part).collect::<Vec<_>>().join("/")
    };
    routes.map(filled).collect()
}

async fn send(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = reqwest::Client::new().request(method, format!("{}{path}", server.url));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    soon("an answer", request.send()).await.unwrap()
}

#[tokio::test]
async fn without_a_key_there_is_nothing_but_401_and_health() {
    let server = supervisor().key("home", KEY).start().await.ready().await;
    let routes = routes();
    assert!(routes.len() >= 8, "{routes:?}");
    let unknown = [
        "/nothing",
        "/console",
        "//console/0/main.js",
        "/api",
        "/healthz/",
        "//healthz",
        "/readyz/x",
        "/healthz%2f",
        "/HEALTHZ",
        "/metrics/",
    ];
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];
    for path in routes.iter().map(String::as_str).chain(unknown) {
        for method in methods {
            for headers in [
                &[][..],
                &[("authorization", "Bearer wrong")],
                &[("x-api-key", ""), ("xi-api-key", KEY.split_at(9).1)],
            ] {
                let answer = send(&server, method, path, headers).await;
                let status = answer.status();
                let is_free = ["/", "/healthz", "/readyz"].contains(&path) || path.starts_with("/console/");
                if is_free && method != "OPTIONS" {
                    assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
                    continue;
                }
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path} {headers:?}");
                assert_eq!(answer.headers()["www-authenticate"], "Bearer realm=\"iShowTTS\"");
                assert!(answer.headers().contains_key("x-request-id"));
                if method != "HEAD" {
                    let told: Value = answer.json().await.unwrap();
                    assert_eq!(told["error"]["code"], "unauthorised", "{method} {path}");
                    assert_eq!(told["error"]["type"], "authentication_error", "{method} {path}");
                }
            }
        }
    }
    assert_eq!(server.get("/healthz").await, "ok\n");
}

#[tokio::test]
async fn a_key_opens_everything_by_each_of_its_headers_and_is_named_in_the_log() {
    let server = supervisor().key("home", KEY).start().await.ready().await;
    let bearer = format!("Bearer {KEY}");
    for header in [("authorization", &*bearer), ("x-api-key", KEY), ("xi-api-key", KEY)] {
        for path in ["/api/status", "/api/voices", "/metrics", "/readyz"] {
            assert_eq!(send(&server, "GET", path, &[header]).await.status(), 200, "{path}");
        }
        let spoken = server.post(&json!({ "text": "hi" })).header(header.0, header.1).send().await.unwrap();
        assert_eq!(spoken.status(), 200);
    }
    assert_eq!(send(&server, "GET", "/nothing", &[("x-api-key", KEY)]).await.status(), 404);
    let line = server.logged("Request finished").await;
    assert_eq!(line["client"], "key:home");
    assert!(!server.log_text().contains(KEY), "no line of the log has the key itself");
}

#[tokio::test]
async fn why_an_engine_failed_is_told_to_those_with_a_key() {
    let server = supervisor().key("home", KEY).engine("rtf", "fast").start().await;
    let missing = async |headers: &[(&str, &str)]| -> Value {
        crate::harness::eventually("the engine is given up", async || {
            let told: Value = send(&server, "GET", "/readyz", headers).await.json().await.unwrap();
            let state = told["missing"]["tone"].clone();
            let on_its_way = ["starting", "stopping", "stopped", "backoff"];
            (!on_its_way.iter().any(|label| state == *label)).then_some(state)
        })
        .await
    };
    assert_eq!(missing(&[]).await, "failed");
    assert!(missing(&[("x-api-key", KEY)]).await.as_str().unwrap().contains("bad_settings"));
}

#[tokio::test]
async fn while_environments_are_made_nobody_gets_further_without_a_key() {
    let tools = tempfile::TempDir::new().unwrap();
    let uv = tools.path().join("uv");
    std::fs::write(
        &uv,
        format!(
            "#!/bin/sh\nwhile [ ! -e {} ]; do sleep 0.05; done\nexit 1\n",
            tools.path().join("go").display()
        ),
    )
    .unwrap();
    std::fs::set_permissions(&uv, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let builder =
        supervisor().key("home", KEY).config("[engines.piper]\nenabled = true\n").tools(tools.path());
    let server = builder.start_setting_up().await;
    assert_eq!(send(&server, "GET", "/api/status", &[]).await.status(), 401);
    assert_eq!(send(&server, "GET", "/api/status", &[("x-api-key", KEY)]).await.status(), 503);
    assert_eq!(send(&server, "GET", "/healthz", &[]).await.status(), 200);
    std::fs::write(tools.path().join("go"), "").unwrap();
    server.logged("Listening").await;
}

#[tokio::test]
async fn keys_are_made_listed_and_removed_and_only_shown_once() {
    let server = supervisor().key("home", KEY).start().await.ready().await;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let made = server.command(&["keys", "new", "obs"]).await;
    assert!(made.status.success(), "{}", text(&made.stderr));
    let key = text(&made.stdout).trim().to_owned();
    let file = std::fs::read_to_string(server.dir.path().join("keys")).unwrap();
    assert!(!file.contains(&key) && file.contains("obs sha256:"), "{file}");
    assert_eq!(text(&server.command(&["keys", "list"]).await.stdout), "home\nobs\n");
    let twice = server.command(&["keys", "new", "obs"]).await;
    assert_eq!(twice.status.code(), Some(1));
    assert!(text(&twice.stderr).contains("there is already a key named obs"), "{}", text(&twice.stderr));

    assert_eq!(
        send(&server, "GET", "/api/status", &[("x-api-key", &key)]).await.status(),
        401,
        "not read yet"
    );
    assert!(server.command(&["reload"]).await.status.success());
    assert_eq!(send(&server, "GET", "/api/status", &[("x-api-key", &key)]).await.status(), 200);
    assert!(server.command(&["keys", "remove", "home"]).await.status.success());
    assert!(server.command(&["reload"]).await.status.success());
    assert_eq!(send(&server, "GET", "/api/status", &[("x-api-key", KEY)]).await.status(), 401);
    assert_eq!(send(&server, "GET", "/api/status", &[("x-api-key", &key)]).await.status(), 200);
}

#[tokio::test]
async fn say_and_voices_show_the_key_that_they_are_given() {
    let server = supervisor().key("home", KEY).start().await.ready().await;
    let without = server.command(&["say", "Hello", "--server", &server.url]).await;
    assert_eq!(without.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&without.stderr).contains("an API key is needed"));
    let mut with = ishowtts(server.dir.path());
    with.args(["say", "Hello", "--server", &server.url]).env("ISHOWTTS_API_KEY", KEY);
    let spoken = soon("speech", with.output()).await.unwrap();
    assert_eq!(crate::harness::pcm(&spoken.stdout[44..]), crate::harness::tone::of("Hello"));
    let voices = server.command(&["voices", "--server", &server.url, "--api-key", KEY]).await;
    assert!(String::from_utf8_lossy(&voices.stdout).contains("walter"));
}

#[tokio::test]
async fn a_public_address_without_keys_is_refused_before_anything_is_bound() {
    let dir = tempfile::TempDir::new().unwrap();
    let tone = "[engines.tone]\nenabled = true\n";
    let run = async |config: String, args: &[&str]| {
        std::fs::write(dir.path().join("ishowtts.toml"), config).unwrap();
        let output = soon("an end", ishowtts(dir.path()).args(args).output()).await.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for address in ["0.0.0.0:0", "[::]:0"] {
        let public = format!("{tone}[server]\nlisten = \"{address}\"\n");
        for command in ["serve", "check-config"] {
            let (code, told) = run(public.clone(), &[command]).await;
            assert_eq!(code, Some(2), "{told}");
            assert!(
                told.contains("line 4: server.listen: ") && told.contains("no API keys are set"),
                "{told}"
            );
        }
        assert_eq!(run(format!("{public}allow_without_keys = true\n"), &["check-config"]).await.0, Some(0));
    }
    let (code, told) = run(tone.into(), &["--listen", "0.0.0.0:0"]).await;
    assert!(code == Some(2) && told.contains("--listen: 0.0.0.0:0 can be reached"), "{told}");
}

#[tokio::test]
async fn a_services_credential_has_the_keys() {
    let dir = tempfile::TempDir::new().unwrap();
    let credentials = dir.path().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    std::fs::write(dir.path().join("ishowtts.toml"), "[engines.tone]\nenabled = true\n").unwrap();
    let made = ishowtts(dir.path())
        .args(["keys", "new", "home", "--file"])
        .arg(credentials.join("api-keys"))
        .output();
    let made = soon("a key", made).await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let mut command = ishowtts(dir.path());
    command.env("CREDENTIALS_DIRECTORY", &credentials);
    let server = Server::launch(dir, command, "Listening").await;
    assert_eq!(send(&server, "GET", "/api/status", &[]).await.status(), 401);
    assert_eq!(send(&server, "GET", "/api/status", &[("x-api-key", &key)]).await.status(), 200);
}
