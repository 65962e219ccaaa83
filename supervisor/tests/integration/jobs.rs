//! Jobs: long texts that are taken in, spoken when there is time, and heard afterwards.

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Builder, Server, eventually, pcm, soon, supervisor, tone};

impl Builder {
    /// The engine `tone` as it is, but that it notes every text that it speaks.
    pub(crate) fn noting(self) -> Self {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let (noting, package) = (root.join("tests/integration/noting"), root.join("../python/src"));
        let package = package.canonicalize().unwrap();
        self.env("PYTHONPATH", &format!("{}:{}", noting.display(), package.display()))
            .env("FAKE_START", "ready")
            .engine("read", json!([noting.to_string_lossy(), package.to_string_lossy()]))
    }
}

impl Server {
    /// Asks for something of a job.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        soon("the answer", async {
            let mut request = reqwest::Client::new().request(method, format!("{}{path}", self.url));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = response.bytes().await.map_err(|error| error.to_string());
            Answer { status, headers, body }
        })
        .await
    }

    /// Sends a job that is taken in; its id.
    pub(crate) async fn submit(&self, body: Value) -> String {
        let answer = self.ask(Method::POST, "/api/jobs", &[], Some(&body)).await;
        assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(answer.bytes()));
        let job = answer.json();
        assert_eq!(answer.header("location"), format!("/api/jobs/{}", job["id"].as_str().unwrap()));
        job["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn job(&self, id: &str) -> Value {
        self.ask(Method::GET, &format!("/api/jobs/{id}"), &[], None).await.json()
    }

    /// Waits until a job is in a state.
    pub(crate) async fn job_is(&self, id: &str, state: &str) -> Value {
        eventually(state, async || {
            let job = self.job(id).await;
            let ended = ["done", "failed", "cancelled"].contains(&job["state"].as_str().unwrap());
            assert!(!ended || job["state"] == state, "{job}");
            (job["state"] == state).then_some(job)
        })
        .await
    }

    pub(crate) async fn job_audio(&self, id: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, &format!("/api/jobs/{id}/audio"), headers, None).await
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.bytes()).expect("the answer is JSON")
    }
}

/// So many sentences, no two of them the same.
pub(crate) fn sentences(count: usize) -> String {
    let sentence = |number| format!("This is sentence number {number} of a long book. ");
    (1..=count).map(sentence).collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn a_long_text_is_taken_in_at_once_and_heard_when_it_is_done() {
    let server = supervisor().start().await.ready().await;
    // Beyond what one request may speak.
    let text = sentences(200);
    assert!(text.len() > 5000);
    let id = server.submit(json!({ "text": text, "title": "A book", "format": "pcm" })).await;
    let job = server.job_is(&id, "done").await;
    assert_eq!((&job["title"], &job["progress"]["share"]), (&json!("A book"), &json!(1.0)));
    assert_eq!(job["characters"], text.chars().count());
    assert_eq!(job["progress"]["segments"], job["progress"]["segments_stored"]);
    assert_eq!((&job["error"], &job["engines"]), (&Value::Null, &json!(["tone"])));
    let answer = server.job_audio(&id, &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-length"), answer.bytes().len().to_string());
    assert_eq!(job["progress"]["audio_ms"], answer.bytes().len() / 48);
    assert!(answer.bytes().len() > 200 * 40 * 1920 * 2, "all of it");
    let line = server.logged("Job finished").await;
    assert_eq!((&line["job"], &line["state"]), (&json!(id), &json!("done")));
    assert_eq!(server.metric("ishowtts_jobs{state=\"done\"}").await, 1.0);
    assert!(server.metric("ishowtts_jobs_bytes").await > answer.bytes().len() as f64);
}

#[tokio::test]
async fn a_short_job_sounds_like_an_answer() {
    let server = supervisor().start().await.ready().await;
    let text = "All of it in one go.";
    for format in ["wav", "pcm", "mp3", "opus", "flac", "aac"] {
        let id = server.submit(json!({ "text": text, "format": format })).await;
        server.job_is(&id, "done").await;
        let job = server.job_audio(&id, &[]).await;
        let answer = server.speak(json!({ "text": text, "format": format })).await;
        assert_eq!(job.header("content-type"), answer.header("content-type"));
        // That of a finished FLAC file tells how many samples it has.
        let from = if format == "flac" { 42 } else { 0 };
        assert!(job.bytes()[from..] == answer.bytes()[from..], "{format}");
    }
    let id = server.submit(json!({ "text": text })).await;
    server.job_is(&id, "done").await;
    assert!(server.job_audio(&id, &[]).await.wav() == tone::of(text));
}

#[tokio::test]
async fn chapters_are_marked_where_they_begin() {
    let server = supervisor().start().await.ready().await;
    let chapters = json!([
        { "title": "One", "text": "The first." },
        { "text": "…" },
        { "title": "Two", "text": "The second." },
    ]);
    let id = server.submit(json!({ "chapters": chapters, "format": "pcm" })).await;
    let job = server.job_is(&id, "done").await;
    // Ten characters of 80 ms, then a rest.
    let marks = json!([{ "title": "One", "start_ms": 0 }, { "title": "Two", "start_ms": 2300 }]);
    assert_eq!(job["chapters"], marks);
    let heard = pcm(server.job_audio(&id, &[]).await.bytes());
    // A tone begins and ends near nothing, which counts as silence: a few samples of it make way for the rest.
    let whole = tone::of("The first.").len() + 36_000 + tone::of("The second.").len();
    assert!(heard.len().abs_diff(whole) < 50, "{} samples, not {whole}", heard.len());
    let loud = |range: std::ops::Range<usize>| heard[range].iter().any(|sample| sample.unsigned_abs() > 1000);
    let begins = 2300 * 24;
    assert!(!loud(begins - 30_000..begins - 50), "it rests until then");
    assert!(loud(begins - 50..begins + 300), "and speaks from there");
}

#[tokio::test]
async fn the_audio_can_be_heard_while_it_grows() {
    let server = supervisor().engine("rtf", 0.01).start().await.ready().await;
    let id = server.submit(json!({ "text": sentences(60), "format": "pcm" })).await;
    server.job_is(&id, "running").await;
    let response = reqwest::get(format!("{}/api/jobs/{id}/audio", server.url)).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("content-length"));
    let mut audio = response.bytes_stream();
    let mut heard = soon("audio", audio.next()).await.unwrap().unwrap().to_vec();
    assert_eq!(server.job(&id).await["state"], "running", "it began before the end");
    while let Some(piece) = soon("more", audio.next()).await {
        heard.extend_from_slice(&piece.unwrap());
    }
    server.job_is(&id, "done").await;
    assert!(server.job_audio(&id, &[]).await.bytes() == heard);
}

#[tokio::test]
async fn a_job_that_fails_ends_what_was_being_heard_of_it_as_broken() {
    let server = supervisor().script("ready").start().await.ready().await;
    let text = "refuse this";
    let id = server.submit(json!({ "text": text, "format": "pcm" })).await;
    let job = server.job_is(&id, "failed").await;
    assert_eq!(job["error"]["code"], "invalid_field");
    let answer = server.job_audio(&id, &[]).await;
    assert_eq!(answer.error(), (409, "no_audio".into(), None));
}

#[tokio::test]
async fn a_lost_worker_is_no_reason_to_fail() {
    let server = supervisor().script("ready").start().await.ready().await;
    let id = server.submit(json!({ "text": "crash 4", "format": "pcm" })).await;
    // Three tries are the scheduler's; the next one is the job's, unless the text is held to be poison.
    let job = eventually("it is over", async || {
        let job = server.job(&id).await;
        ["done", "failed"].contains(&job["state"].as_str().unwrap()).then_some(job)
    })
    .await;
    assert_eq!((&job["state"], &job["error"]["code"]), (&json!("failed"), &json!("poison")));
    let id = server.submit(json!({ "text": "killed 2", "format": "pcm" })).await;
    server.job_is(&id, "done").await;
    assert_eq!(server.job_audio(&id, &[]).await.bytes().len(), 4800);
}

#[tokio::test]
async fn the_same_request_under_one_key_is_one_job() {
    let server = supervisor().start().await.ready().await;
    let body = json!({ "text": "Only once." });
    let key = [("idempotency-key", "a")];
    let first = server.ask(Method::POST, "/api/jobs", &key, Some(&body)).await;
    assert_eq!((first.status, first.header("idempotent-replay")), (202, ""));
    let again = server.ask(Method::POST, "/api/jobs", &key, Some(&body)).await;
    assert_eq!((again.status, again.header("idempotent-replay")), (200, "true"));
    assert_eq!(again.json()["id"], first.json()["id"]);
    let other = server.ask(Method::POST, "/api/jobs", &key, Some(&json!({ "text": "Another." }))).await;
    assert_eq!(other.error(), (409, "idempotency_conflict".into(), None));
    let long = "x".repeat(256);
    let wrong = server.ask(Method::POST, "/api/jobs", &[("idempotency-key", &long)], Some(&body)).await;
    assert_eq!(wrong.error(), (422, "invalid_field".into(), Some("Idempotency-Key".into())));
    assert_eq!(server.get("/api/jobs").await["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_spoken_is_told_at_once() {
    let server = supervisor().config("[jobs]\nmax_text_chars = 50\n").start().await.ready().await;
    for (body, status, code, param) in [
        (json!({}), 422, "invalid_field", Some("text")),
        (json!({ "text": "a", "chapters": [{ "text": "b" }] }), 422, "invalid_field", Some("chapters")),
        (json!({ "chapters": [{ "title": "b" }] }), 422, "invalid_field", Some("chapters")),
        (json!({ "chapters": [{ "text": "b", "x": 1 }] }), 422, "invalid_field", Some("chapters")),
        (json!({ "chapters": 5 }), 422, "invalid_field", Some("chapters")),
        (json!({ "text": "…" }), 422, "nothing_to_speak", Some("text")),
        (json!({ "text": "a", "voice_id": "nobody" }), 404, "unknown_voice", Some("voice_id")),
        (json!({ "text": "a", "stream": true }), 422, "invalid_field", Some("stream")),
        (json!({ "text": "a", "title": "a\nb" }), 422, "invalid_field", Some("title")),
        (json!({ "text": "a", "webhook": "https://evil.example/" }), 422, "invalid_field", Some("webhook")),
        (json!({ "text": "a".repeat(51) }), 422, "text_too_long", Some("text")),
        (json!({ "text": "<speak>a" }), 422, "invalid_ssml", Some("text")),
        (
            json!({ "text": "a", "engine_options": { "rtf": -1 } }),
            422,
            "invalid_field",
            Some("engine_options.rtf"),
        ),
        (
            json!({ "text": "a", "engine_options": { "tone": { "x": 1 } } }),
            422,
            "invalid_field",
            Some("engine_options.x"),
        ),
    ] {
        let answer = server.ask(Method::POST, "/api/jobs", &[], Some(&body)).await;
        assert_eq!(answer.error(), (status, code.into(), param.map(str::to_owned)), "{body}");
    }
    for (body, told) in [
        (
            json!({ "text": "a", "title": "a\u{7}b" }),
            "title must be one line without control characters; its character 2 is U+0007",
        ),
        (
            json!({ "text": "a", "title": "a".repeat(301) }),
            "title has 301 characters; at most 300 are allowed",
        ),
        (
            json!({ "chapters": [{ "text": "a" }, { "title": "\n", "text": "b" }] }),
            "the title of chapters[1] must be one line",
        ),
    ] {
        let answer = server.ask(Method::POST, "/api/jobs", &[], Some(&body)).await;
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(answer.status == 422 && message.contains(told), "{message}");
    }
    for (path, error) in [
        ("/api/jobs?state=lost", (422, "invalid_field", Some("state"))),
        ("/api/jobs?limit=0", (422, "invalid_field", Some("limit"))),
        ("/api/jobs?before=x", (422, "invalid_field", Some("before"))),
        ("/api/jobs?what=x", (422, "invalid_field", Some("query"))),
        ("/api/jobs/x", (404, "unknown_job", None)),
        ("/api/jobs/0123456789abcdef0123456789abcdef", (404, "unknown_job", None)),
        ("/api/jobs/..%2f..%2fetc/audio", (404, "unknown_job", None)),
        ("/api/jobs/0123456789abcdef0123456789abcdef/events", (404, "unknown_job", None)),
    ] {
        let (status, code, param) = error;
        let answer = server.ask(Method::GET, path, &[], None).await;
        assert_eq!(answer.error(), (status, code.into(), param.map(str::to_owned)), "{path}");
    }
}

#[tokio::test]
async fn a_job_that_was_taken_back_stops_and_can_be_removed() {
    let server = supervisor().noting().engine("rtf", 0.05).start().await.ready().await;
    let id = server.submit(json!({ "text": sentences(500), "format": "pcm" })).await;
    server.job_is(&id, "running").await;
    let path = format!("/api/jobs/{id}");
    let events = tokio::spawn(reqwest::get(format!("{}{path}/events", server.url)));
    let events = soon("events", events).await.unwrap().unwrap();
    let heard = tokio::spawn(async move { events.text().await });
    let audio = tokio::spawn(reqwest::get(format!("{}{path}/audio", server.url)));
    let audio = soon("audio", audio).await.unwrap().unwrap();
    let answer = server.ask(Method::DELETE, &path, &[], None).await;
    assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("cancelled")));
    assert!(soon("the end", audio.bytes()).await.is_err(), "a part is not taken for the whole");
    let heard = soon("the last event", heard).await.unwrap().unwrap();
    let last = heard.trim_end().rsplit("\n\n").next().unwrap();
    assert!(last.starts_with("event: job\ndata: {") && last.contains("\"state\":\"cancelled\""), "{last}");
    // Nothing of it is spoken any more, so that another one is at once.
    let other = server.submit(json!({ "text": "Now me." })).await;
    server.job_is(&other, "done").await;
    let answer = server.ask(Method::DELETE, &path, &[], None).await;
    assert_eq!(answer.status, 204);
    assert_eq!(server.ask(Method::GET, &path, &[], None).await.error().1, "unknown_job");
    let segments = std::fs::read_dir(server.dir.path().join("state/jobs/segments")).unwrap().count();
    assert_eq!(segments, 0, "nothing is left of it on the disk");
}

#[tokio::test]
async fn the_command_line_sends_watches_fetches_and_takes_back() {
    let server = supervisor().start().await.ready().await;
    let file = server.dir.path().join("a book.txt");
    std::fs::write(&file, sentences(100)).unwrap();
    let (file, url) = (file.to_string_lossy().into_owned(), server.url.clone());
    let told = async |args: &[&str]| {
        let args: Vec<&str> = [&["jobs"], args, &["--server", &url]].concat();
        let output = server.command(&args).await;
        let error = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), error)
    };
    let (sent, id, error) = told(&["submit", &file, "--format", "flac", "--idempotency-key", "one"]).await;
    assert!(sent, "{error}");
    let id = id.trim();
    assert_eq!(told(&["submit", &file, "--format", "flac", "--idempotency-key", "one"]).await.1.trim(), id);
    let (is_done, line, _) = told(&["watch", id]).await;
    assert!(
        is_done && line.contains("done") && line.contains("100.0 %") && line.contains("a book"),
        "{line}"
    );
    let target = server.dir.path().join("book.flac");
    let target = target.to_str().unwrap();
    assert_eq!(told(&["fetch", id, "--output", target]).await.1.trim(), target);
    assert!(std::fs::read(target).unwrap() == server.job_audio(id, &[]).await.bytes());
    let (_, line, _) = told(&["list", "--state", "done"]).await;
    assert!(line.starts_with(id) && line.lines().count() == 1, "{line}");
    // The ending of the output's name is the format.
    let other = server.dir.path().join("other.mp3");
    assert!(told(&["submit", &file, "--output", other.to_str().unwrap()]).await.0);
    assert!(std::fs::metadata(other).unwrap().len() > 1000);
    assert_eq!(told(&["cancel", id]).await.1.trim(), format!("{id}: removed"));
    let (is_there, _, error) = told(&["fetch", id]).await;
    assert!(!is_there && error.contains("there is no job"), "{error}");
    let (watched, _, error) = told(&["watch", "../status"]).await;
    assert!(!watched && error.contains("is no job's id"), "{error}");
}

#[tokio::test]
async fn events_tell_how_a_job_goes_on_until_it_is_over() {
    let server = supervisor().engine("rtf", 0.02).start().await.ready().await;
    let id = server.submit(json!({ "text": sentences(25), "format": "pcm" })).await;
    let events = reqwest::get(format!("{}/api/jobs/{id}/events", server.url)).await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let text = soon("the last event", events.text()).await.unwrap();
    let told = text.split("\n\n").filter_map(|event| event.strip_prefix("event: job\ndata: "));
    let told: Vec<Value> = told.map(|data| serde_json::from_str(data).unwrap()).collect();
    assert!(told.len() > 2, "{text}");
    let stored: Vec<u64> =
        told.iter().map(|job| job["progress"]["segments_stored"].as_u64().unwrap()).collect();
    assert!(stored.is_sorted(), "{stored:?}");
    assert_eq!(told.last().unwrap()["state"], "done");
    let foretold = told.iter().filter_map(|job| job["remaining_s"].as_f64()).collect::<Vec<_>>();
    assert!(foretold.iter().all(|seconds| *seconds < 60.0), "{foretold:?}");
}

#[tokio::test]
async fn jobs_belong_to_the_key_that_made_them() {
    let key = "k".repeat(40);
    let other = "o".repeat(40);
    let digest = |key: &str| ishowtts::auth::Digest::of(key.as_bytes());
    let keys = format!("me sha256:{}\nyou sha256:{}\n", digest(&key), digest(&other));
    let server = supervisor().file("keys", keys).config("[auth]\nkeys_file = \"keys\"\n").start().await;
    let (mine, yours) = ([("x-api-key", key.as_str())], [("x-api-key", other.as_str())]);
    let body = json!({ "text": "Mine alone." });
    assert_eq!(server.ask(Method::POST, "/api/jobs", &[], Some(&body)).await.error().1, "unauthorised");
    let made = server.ask(Method::POST, "/api/jobs", &mine, Some(&body)).await.json();
    let path = format!("/api/jobs/{}", made["id"].as_str().unwrap());
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::GET, format!("{path}/events")),
        (Method::GET, format!("{path}/audio")),
    ] {
        assert_eq!(server.ask(method.clone(), &path, &yours, None).await.error().1, "unknown_job", "{path}");
        assert_eq!(server.ask(method, &path, &[], None).await.error().1, "unauthorised", "{path}");
    }
    assert_eq!(server.ask(Method::GET, "/api/jobs", &yours, None).await.json()["jobs"], json!([]));
    assert_eq!(server.ask(Method::GET, "/api/jobs", &mine, None).await.json()["jobs"][0]["id"], made["id"]);
    assert_eq!(server.ask(Method::GET, &path, &mine, None).await.status, 200);
}

#[tokio::test]
async fn a_full_disk_takes_no_job_and_the_rest_goes_on() {
    let config = "[jobs]\nmin_free_mb = 16777216\n";
    let server = supervisor().config(config).start().await.ready().await;
    let answer = server.ask(Method::POST, "/api/jobs", &[], Some(&json!({ "text": "No room." }))).await;
    assert_eq!(answer.error(), (507, "disk_full".into(), None));
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("min_free_mb"), "{message}");
    assert_eq!(server.get("/api/jobs").await["jobs"], json!([]));
    assert_eq!(server.speak(json!({ "text": "Still here." })).await.status, 200);
}

#[tokio::test]
async fn too_many_jobs_and_none_at_all_are_told() {
    let server = supervisor().config("[jobs]\nmax_jobs = 1\n").start().await.ready().await;
    let slow = json!({ "fixed_ms": 3_000_000 });
    let id =
        server.submit(json!({ "text": "The only one that there may be.", "engine_options": slow })).await;
    let more = server.ask(Method::POST, "/api/jobs", &[], Some(&json!({ "text": "One more." }))).await;
    assert_eq!(more.error(), (429, "too_many_jobs".into(), None));
    assert_eq!(more.header("retry-after"), "30");
    server.ask(Method::DELETE, &format!("/api/jobs/{id}"), &[], None).await;
    server.submit(json!({ "text": "Now there is room." })).await;

    let server = supervisor().config("[jobs]\nenabled = false\n").start().await;
    let answer = server.ask(Method::GET, "/api/jobs", &[], None).await;
    assert_eq!(answer.error(), (503, "jobs_unavailable".into(), None));
}
