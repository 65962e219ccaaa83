//! Voices that are sent to a running server: taken in, spoken with, and gone again, without a failed request.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Builder, Server, eventually, interpreter, ishowtts, soon, supervisor};

/// The scripted worker as an engine that imitates.
pub(crate) async fn imitator() -> Builder {
    let python = interpreter().await;
    let builder = supervisor().named("f5").script("ready");
    builder.engine("python", python).engine("device", "cpu")
}

/// A server with it.
async fn server() -> Server {
    imitator().await.start().await.ready().await
}

/// So many seconds of a tone, as a WAV file.
#[expect(clippy::cast_sign_loss, reason = "it is a positive number")]
pub(crate) fn wav(seconds: f64, peak: f64) -> Vec<u8> {
    let samples = (0..(seconds * 24_000.0) as usize).map(|at| (peak * (at as f64 * 0.06).sin()) as i16);
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let size = |more: usize| u32::try_from(data.len() + more).unwrap().to_le_bytes();
    let rate = |rate: u32| rate.to_le_bytes();
    [
        b"RIFF",
        &size(36)[..],
        b"WAVEfmt ",
        &[16, 0, 0, 0, 1, 0, 1, 0],
        &rate(24_000),
        &rate(48_000),
        &[2, 0, 16, 0],
        b"data",
        &size(0),
        &data,
    ]
    .concat()
}

pub(crate) fn form(id: &str, audio: Vec<u8>, more: &[(&str, &str)]) -> Form {
    let mut fields =
        vec![("id", id), ("language", "en"), ("engine", "f5"), ("transcript", "Some words are said.")];
    fields.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    let fields = fields.iter().chain(more).filter(|(_, value)| !value.is_empty());
    let form =
        fields.fold(Form::new(), |form, (name, value)| form.text((*name).to_owned(), (*value).to_owned()));
    form.part("audio", Part::bytes(audio).file_name("me.wav"))
}

pub(crate) async fn send(server: &Server, form: Form) -> (u16, Value) {
    let url = format!("{}/api/voices", server.url);
    let answer = soon("the answer", reqwest::Client::new().post(url).multipart(form).send()).await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

pub(crate) async fn delete(server: &Server, id: &str) -> (u16, Value) {
    let url = format!("{}/api/voices/{id}", server.url);
    let answer = reqwest::Client::new().delete(url).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

pub(crate) fn code((status, body): &(u16, Value)) -> (u16, &str, &str) {
    let error = &body["error"];
    (*status, error["code"].as_str().unwrap_or_default(), error["param"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_voice_that_is_sent_speaks_without_a_restart_and_is_there_after_a_kill() {
    let mut server = server().await;
    let sent =
        send(&server, form("mine", wav(3.0, 9_000.0), &[("name", "Mine"), ("tags", "warm, low")])).await;
    assert_eq!(sent.0, 201, "{}", sent.1);
    assert_eq!((&sent.1["state"], &sent.1["tags"]), (&json!("preparing"), &json!(["warm", "low"])));
    // It waits until a worker knows the voice.
    let spoken = server.speak(json!({ "text": "normal", "voice_id": "mine" })).await;
    assert_eq!((spoken.status, spoken.header("x-voice")), (200, "mine"));
    assert!(server.notes().contains(&"voices mine".to_owned()));
    let (status, voice) = server.status_of("/api/voices/mine").await;
    assert_eq!((status, &voice["state"], &voice["kind"]), (200, &json!("ready"), &json!("cloned")));
    assert_eq!((&voice["engines"], &voice["name"]), (&json!({ "en": "f5" }), &json!("Mine")));
    let preview = format!("{}{}", server.url, voice["preview"].as_str().unwrap());
    for cache in ["miss", "hit"] {
        let answer = reqwest::get(&preview).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["x-cache"].to_str().unwrap()), (200, cache));
        assert_eq!(&answer.bytes().await.unwrap()[..4], b"RIFF");
    }
    let again = send(&server, form("mine", wav(3.0, 9_000.0), &[])).await;
    assert_eq!(code(&again), (409, "voice_exists", "id"));

    server.child.kill().await.unwrap();
    let state_dir = server.dir.path().join("state");
    let stored = state_dir.join("voices/f5/mine");
    assert!(stored.join("voice.json").is_file() && stored.join("recording.wav").is_file());
    let command = ishowtts(server.dir.path());
    let Server { dir, .. } = server;
    let server = Server::launch(dir, command, "Listening").await.ready().await;
    assert_eq!(server.speak(json!({ "text": "normal", "voice_id": "mine" })).await.status, 200);
}

#[tokio::test]
async fn a_voice_that_is_removed_is_gone_and_who_listens_hears_it_to_the_end() {
    let server = server().await;
    assert_eq!(send(&server, form("mine", wav(3.0, 9_000.0), &[])).await.0, 201);
    let body = json!({ "text": "endless", "voice_id": "mine", "stream": true, "format": "pcm" });
    let listening = server.post(&body).send().await.unwrap();
    assert_eq!(listening.status(), 200);
    assert_eq!(delete(&server, "mine").await, (200, json!({ "id": "mine", "removed": true })));
    let gone = server.speak(json!({ "text": "normal", "voice_id": "mine" })).await;
    assert_eq!(gone.error(), (404, "unknown_voice".into(), Some("voice_id".into())));
    assert_eq!(code(&delete(&server, "mine").await), (404, "unknown_voice", "voice_id"));
    let again = send(&server, form("mine", wav(3.0, 9_000.0), &[])).await;
    assert_eq!(code(&again), (409, "voice_exists", "id"), "somebody listens");
    assert!(server.dir.path().join("state/voices/f5/mine/recording.wav").exists());
    drop(listening);
    eventually("its recording is gone", async || {
        (!server.dir.path().join("state/voices/f5/mine").exists()).then_some(())
    })
    .await;
    assert_eq!(server.notes().iter().rfind(|note| note.starts_with("voices")).unwrap(), "voices ");
    assert_eq!(send(&server, form("mine", wav(3.0, 9_000.0), &[])).await.0, 201);
}

#[tokio::test]
async fn a_voice_that_no_worker_starts_with_is_told_and_hurts_no_other() {
    let server = server().await;
    let bad = form("bad", wav(3.0, 9_000.0), &[("transcript", "impossible words are said")]);
    let good = form("good", wav(3.0, 9_000.0), &[]);
    let (bad, good) = tokio::join!(send(&server, bad), send(&server, good));
    assert_eq!((bad.0, good.0), (201, 201));
    let spoken = server.speak(json!({ "text": "normal", "voice_id": "good" })).await;
    assert_eq!(spoken.status, 200, "{:?}", spoken.body);
    let refused = server.speak(json!({ "text": "normal", "voice_id": "bad" })).await;
    assert_eq!(refused.error(), (503, "voice_failed".into(), Some("voice_id".into())));
    let (_, voice) = server.status_of("/api/voices/bad").await;
    assert_eq!(voice["state"], "failed");
    assert!(voice["reason"].as_str().unwrap().contains("not that"), "{voice}");
    assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 200);
}

#[tokio::test]
async fn what_is_wrong_with_a_voice_is_told() {
    let server = server().await;
    let good = || wav(3.0, 9_000.0);
    for (form, status, error, param) in [
        (form("walter", good(), &[]), 409, "voice_exists", "id"),
        (form("../up", good(), &[]), 422, "invalid_field", "id"),
        (form("f5", good(), &[]), 422, "invalid_field", "id"),
        (form("a", good(), &[("engine", "tone")]), 422, "invalid_field", "engine"),
        (form("a", good(), &[("language", "")]), 422, "invalid_field", "language"),
        (form("a", good(), &[("transcript", "")]), 422, "invalid_field", "transcript"),
        (form("a", good(), &[("transcript", "No")]), 422, "invalid_field", "transcript"),
        (form("a", good(), &[("colour", "red")]), 422, "invalid_field", "colour"),
        (form("a", wav(16.0, 9_000.0), &[]), 422, "invalid_field", "audio"),
        (form("a", wav(3.0, 10.0), &[]), 422, "invalid_field", "audio"),
        (form("a", b"nothing".to_vec(), &[]), 422, "invalid_field", "audio"),
    ] {
        let answer = send(&server, form).await;
        assert_eq!(code(&answer), (status, error, param), "{}", answer.1);
    }
    let plain = reqwest::Client::new().post(format!("{}/api/voices", server.url)).json(&json!({}));
    assert_eq!(plain.send().await.unwrap().status(), 415);
    for (id, expected) in
        [("walter", (409, "voice_fixed")), ("f5:tone", (409, "voice_fixed")), ("x", (404, "unknown_voice"))]
    {
        let answer = delete(&server, id).await;
        let (status, error, _) = code(&answer);
        assert_eq!((status, error), expected, "{id}");
    }
    assert!(!server.dir.path().join("state/voices/f5/a").exists());
}

/// What a form is answered that is sent piece by piece, until all of it was sent or nobody takes it any more.
async fn send_pieces(server: &Server, head: &str, pieces: impl Iterator<Item = Vec<u8>>) -> (u16, Value) {
    let (mut reader, mut writer) = TcpStream::connect(&server.address).await.unwrap().into_split();
    let first = "POST /api/voices HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                 Content-Type: multipart/form-data; boundary=b\r\n";
    writer.write_all(format!("{first}{head}\r\n\r\n").as_bytes()).await.unwrap();
    let write = async {
        for piece in pieces {
            if writer.write_all(&piece).await.is_err() {
                break;
            }
        }
        writer
    };
    let read = async {
        let mut answer = Vec::new();
        // Whoever has answered may close with something unread.
        drop(reader.read_to_end(&mut answer).await);
        String::from_utf8(answer).unwrap()
    };
    let (_writer, answer) = soon("the answer", async { tokio::join!(write, read) }).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let body = body.get(body.find('{').unwrap_or(0)..=body.rfind('}').unwrap_or(0)).unwrap_or_default();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {answer}")))
}

#[tokio::test]
async fn a_form_that_is_too_long_is_told_so_before_all_of_it_was_taken() {
    let server = server().await;
    let told = send_pieces(&server, "Content-Length: 25165825", std::iter::empty()).await;
    assert_eq!(code(&told), (413, "body_too_large", ""), "{}", told.1);
    let begins = "--b\r\nContent-Disposition: form-data; name=\"audio\"; filename=\"a\"\r\n\r\n".as_bytes();
    let chunk = |data: &[u8]| [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat();
    // It would go on for ever.
    let pieces = std::iter::once(chunk(begins)).chain(std::iter::repeat(chunk(&vec![7; 1 << 16])));
    let told = send_pieces(&server, "Transfer-Encoding: chunked", pieces).await;
    assert_eq!(code(&told), (413, "body_too_large", ""), "{}", told.1);
    assert_eq!(send(&server, form("mine", wav(3.0, 9_000.0), &[])).await.0, 201, "nobody else is concerned");
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_no_half_voice() {
    let server = imitator().await.with_small_files_alone().start().await.ready().await;
    let long =
        [("transcript", "Some words are said for as long as it takes to fill a disk, and then some more.")];
    let told = send(&server, form("mine", wav(14.5, 9_000.0), &long)).await;
    assert_eq!(code(&told), (507, "disk_full", ""), "{}", told.1);
    let voices = server.dir.path().join("state/voices");
    assert!(!voices.join("f5/mine").exists());
    assert_eq!(std::fs::read_dir(voices.join(".drafts")).unwrap().count(), 0);
    assert_eq!(server.status_of("/api/voices/mine").await.0, 404);
    // A shorter one has room, under the same name.
    assert_eq!(send(&server, form("mine", wav(3.0, 9_000.0), &[])).await.0, 201);
    let spoken = server.speak(json!({ "text": "normal", "voice_id": "mine" })).await;
    assert_eq!(spoken.status, 200, "{:?}", spoken.body);
}

#[tokio::test]
async fn the_command_line_adds_plays_and_removes_a_voice() {
    let server = server().await;
    let file = server.dir.path().join("me.wav");
    std::fs::write(&file, wav(3.0, 9_000.0)).unwrap();
    let run = async |args: &[&str]| {
        let output = server.command(&[args, &["--server", &server.url]].concat()).await;
        let told = if output.status.success() { output.stdout } else { output.stderr };
        (output.status.code().unwrap(), String::from_utf8_lossy(&told).into_owned())
    };
    let file = file.to_str().unwrap();
    let words = "Some words are said.";
    let add = [
        "voices",
        "add",
        "mine",
        "--engine",
        "f5",
        "--language",
        "en",
        "--audio",
        file,
        "--transcript",
        words,
    ];
    assert_eq!(run(&add).await, (0, "mine: preparing\n".into()));
    let out = server.dir.path().join("out.wav");
    assert_eq!(run(&["voices", "preview", "mine", "-o", out.to_str().unwrap()]).await.0, 0);
    assert_eq!(&std::fs::read(&out).unwrap()[..4], b"RIFF");
    let (_, listed) = run(&["voices", "list"]).await;
    assert!(listed.lines().any(|line| line.starts_with("mine ") && line.ends_with("en (f5)")), "{listed}");
    assert_eq!(run(&["voices", "remove", "mine"]).await, (0, "mine: removed\n".into()));
    let (status, told) = run(&["voices", "remove", "walter"]).await;
    assert!(status == 1 && told.contains("[voices.walter]"), "{told}");
}
