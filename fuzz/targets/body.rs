//! Bodies of requests. Whatever is posted to a route is answered: what is wrong with an error of the table that blames
//! the client, what is right by the engine that is not there.

#![no_main]

use std::cell::RefCell;

use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use http_body_util::BodyExt;
use ishowtts_fuzz::Server;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

/// Routes that take a body, or should not mind one.
const ROUTES: [&str; 2] = ["/api/tts", "/api/engines/tone/restart"];

thread_local! {
    static SERVER: (Runtime, RefCell<Router>) = {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        let server = runtime.block_on(Server::new("", &std::env::temp_dir()));
        (runtime, RefCell::new(server.router))
    };
}

fuzz_target!(|input: &[u8]| {
    let [route, body @ ..] = input else { return };
    let route = ROUTES[usize::from(*route) % ROUTES.len()];
    let request = Request::post(route)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_vec()))
        .expect("it is a request");
    let (status, answer) = SERVER.with(|(runtime, router)| {
        runtime.block_on(async {
            let response = router.borrow().clone().oneshot(request).await.expect("a router always answers");
            let status = response.status().as_u16();
            (status, response.into_body().collect().await.expect("it is whole").to_bytes())
        })
    });
    assert!(matches!(status, 400 | 404 | 413 | 422 | 503), "{status}: {answer:?}");
    let answer: Value = serde_json::from_slice(&answer).expect("errors are JSON");
    let error = &answer["error"];
    for field in ["type", "code", "message"] {
        assert!(error[field].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
    }
    assert_eq!(status == 503, error["code"] == "engine_failed", "{answer}");
    if route == "/api/tts" && status == 503 {
        let body: Value = serde_json::from_slice(body).expect("what was let in is JSON");
        assert!(body["text"].as_str().is_some_and(|text| text.chars().any(char::is_alphanumeric)), "{body}");
    }
});
