//! Headers of answers: those that every answer has, and what each looks like.

use serde_json::{Value, json};
use utoipa::{
    Modify,
    openapi::{
        HeaderBuilder, OpenApi as Document, RefOr,
        path::{Operation, PathItem},
        schema::{ObjectBuilder, Type},
    },
};

/// Describes what routes do not say themselves.
pub(super) struct Headers;

impl Modify for Headers {
    fn modify(&self, document: &mut Document) {
        for item in document.paths.paths.values_mut() {
            for operation in operations(item) {
                describe(operation);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten()
}

fn describe(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let mut add = |name: &str, description: &str| {
            let text = ObjectBuilder::new().schema_type(Type::String).build();
            let header = HeaderBuilder::new().schema(Some(text)).description(Some(description)).build();
            response.headers.insert(name.to_owned(), RefOr::T(header));
        };
        add("X-Request-Id", "The request's own id if it was fit to be logged, else a fresh one.");
        if status == "401" {
            add("WWW-Authenticate", "How to show a key.");
        }
        for (name, header) in &mut response.headers {
            if let RefOr::T(header) = header {
                header.example = example(name);
            }
        }
    }
}

/// What a header may look like.
fn example(name: &str) -> Option<Value> {
    Some(match name {
        "X-Request-Id" => json!("9f86d081-2a"),
        "WWW-Authenticate" => json!("Bearer realm=\"iShowTTS\""),
        "X-Sample-Rate" => json!(24_000),
        "X-Engine" => json!("piper"),
        "X-Voice" => json!("walter"),
        "X-Cache" => json!("miss"),
        "X-Queue-Wait-Ms" => json!(0.2),
        "X-Elapsed-Ms" => json!(84.1),
        "X-RTF" => json!(0.05),
        "X-Audio-Ms" => json!(1680.0),
        "X-Skipped-Characters" => json!(0),
        "X-Load" => json!(0.42),
        "Location" => json!("/api/jobs/0197a2c4e8f01122334455667788aabb"),
        "Idempotent-Replay" => json!("true"),
        "Accept-Ranges" => json!("bytes"),
        "ETag" => json!("\"0197a2c4e8f01122334455667788aabb\""),
        "Content-Range" => json!("bytes 0-1023/4800044"),
        "Retry-After" => json!(2),
        "retry-after-ms" => json!(1500),
        _ => return None,
    })
}
