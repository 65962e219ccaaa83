//! A job's audio in parts: ranges of bytes, and whether they are still of the same audio.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Server, eventually, soon, supervisor};
use crate::jobs::sentences;

#[tokio::test]
async fn parts_of_finished_audio_are_those_of_the_whole() {
    let server = supervisor().start().await.ready().await;
    for format in ["wav", "flac"] {
        let id = server.submit(json!({ "text": sentences(5), "format": format })).await;
        server.job_is(&id, "done").await;
        let whole = server.job_audio(&id, &[]).await;
        assert_eq!((whole.status, whole.header("accept-ranges")), (200, "bytes"));
        let (bytes, tag) = (whole.bytes().to_vec(), whole.header("etag").to_owned());
        let length = bytes.len();
        for (range, first, last) in [
            ("bytes=0-0".to_owned(), 0, 0),
            ("bytes=0-43".to_owned(), 0, 43),
            ("bytes=40-59".to_owned(), 40, 59),
            ("bytes=44-".to_owned(), 44, length - 1),
            ("bytes=1000-99999999".to_owned(), 1000, length - 1),
            ("bytes=-100".to_owned(), length - 100, length - 1),
        ] {
            let part = server.job_audio(&id, &[("range", &range), ("if-range", &tag)]).await;
            assert_eq!(part.status, 206, "{range}");
            assert_eq!(part.header("content-range"), format!("bytes {first}-{last}/{length}"), "{range}");
            assert_eq!(part.header("content-length"), (last + 1 - first).to_string());
            assert!(part.bytes() == &bytes[first..=last], "{range}");
        }
        let behind = format!("bytes={length}-");
        let part = server.job_audio(&id, &[("range", &behind)]).await;
        assert_eq!(part.header("content-range"), format!("bytes */{length}"));
        assert_eq!(part.error(), (416, "range_not_satisfiable".into(), None));
        for other in ["\"another\"", "W/\"weak\"", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            let part = server.job_audio(&id, &[("range", "bytes=0-9"), ("if-range", other)]).await;
            assert!((part.status, part.bytes().len()) == (200, length), "{other}");
        }
        for odd in ["bytes=0-1,4-5", "bytes=9-1", "lines=1-2", "bytes"] {
            assert_eq!(server.job_audio(&id, &[("range", odd)]).await.status, 200, "{odd}");
        }
        let head = server.ask(Method::HEAD, &format!("/api/jobs/{id}/audio"), &[], None).await;
        assert_eq!((head.status, head.header("content-length")), (200, length.to_string().as_str()));
    }
}

#[tokio::test]
async fn who_has_finished_audio_is_not_sent_it_again() {
    let server = supervisor().start().await.ready().await;
    let id = server.submit(json!({ "text": "Once.", "format": "mp3" })).await;
    server.job_is(&id, "done").await;
    let tag = server.job_audio(&id, &[]).await.header("etag").to_owned();
    assert!(tag.starts_with('"'), "{tag} is strong");
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
        let answer = server.job_audio(&id, &[("if-none-match", &known), ("range", "bytes=0-9")]).await;
        assert_eq!((answer.status, answer.bytes().len()), (304, 0), "{known}");
        assert_eq!(answer.header("etag"), tag);
    }
    assert_eq!(server.job_audio(&id, &[("if-none-match", "\"x\"")]).await.status, 200);
    // A range is asked for by GET alone.
    let path = format!("/api/jobs/{id}/audio");
    let head = server.ask(Method::HEAD, &path, &[("range", "bytes=0-9")], None).await;
    assert_eq!((head.status, head.header("etag")), (200, tag.as_str()));
}

/// A part of a job's audio that is read to its end.
async fn begun(server: &Server, id: &str, headers: &[(&str, &str)]) -> reqwest::Response {
    let mut request = reqwest::Client::new().get(format!("{}/api/jobs/{id}/audio", server.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    soon("the beginning", request.send()).await.unwrap()
}

#[tokio::test]
async fn what_of_growing_audio_is_asked_for_comes_to_its_end() {
    let server = supervisor().engine("rtf", 0.02).start().await.ready().await;
    let id = server.submit(json!({ "text": sentences(100), "format": "pcm" })).await;
    server.job_is(&id, "running").await;
    // It is waited for.
    let part = server.job_audio(&id, &[("range", "bytes=1000-1999")]).await;
    assert_eq!((part.status, part.header("content-range")), (206, "bytes 1000-1999/*"));
    assert_eq!((part.header("content-length"), part.header("etag")), ("1000", ""));
    let mut open = Vec::new();
    for (range, status, told, first) in [
        ("bytes=2000-", 206, "bytes 2000-9007199254740991/*", 2000),
        ("bytes=100-1099511627776", 206, "bytes 100-1099511627776/*", 100),
        ("bytes=0-", 200, "", 0),
        ("bytes=-100", 200, "", 0),
    ] {
        let answer = begun(&server, &id, &[("range", range), ("if-none-match", "\"x\"")]).await;
        let header = |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap());
        assert_eq!((answer.status().as_u16(), header("content-range")), (status, told), "{range}");
        assert_eq!((header("content-length"), header("etag")), ("", ""), "{range}");
        assert_eq!(header("cache-control"), "no-store");
        open.push((range, first, answer));
    }
    for tag in [format!("\"{id}\""), "\"x\"".into()] {
        let answer = begun(&server, &id, &[("range", "bytes=9-"), ("if-range", &tag)]).await;
        assert_eq!(answer.status(), 200, "it has no tag that could be meant");
    }
    assert_eq!(server.job(&id).await["state"], "running", "all of this was asked before the end");
    // It may come yet, until the end is known.
    let behind = eventually("the end is known", async || {
        let behind = server.job_audio(&id, &[("range", "bytes=999999999-")]).await;
        if behind.status == 503 {
            assert_eq!(behind.error().1, "audio_growing");
        }
        (behind.status != 503).then_some(behind)
    })
    .await;
    server.job_is(&id, "done").await;
    let whole = server.job_audio(&id, &[]).await;
    let bytes = whole.bytes();
    assert_eq!(behind.error(), (416, "range_not_satisfiable".into(), None));
    assert_eq!(behind.header("content-range"), format!("bytes */{}", bytes.len()));
    assert!(part.bytes() == &bytes[1000..2000]);
    for (range, first, answer) in open {
        let heard = soon("the end", answer.bytes()).await.unwrap();
        assert!(heard == bytes[first..], "{range}: {} of {} bytes", heard.len(), bytes.len() - first);
    }
}

#[tokio::test]
async fn a_range_of_growing_audio_that_breaks_off_is_no_end() {
    let server = supervisor().engine("rtf", 0.05).start().await.ready().await;
    let id = server.submit(json!({ "text": sentences(500), "format": "pcm" })).await;
    server.job_is(&id, "running").await;
    let open = begun(&server, &id, &[("range", "bytes=1000-")]).await;
    assert_eq!(open.status(), 206);
    server.ask(Method::DELETE, &format!("/api/jobs/{id}"), &[], None).await;
    assert!(soon("the end", open.bytes()).await.is_err(), "a part is not taken for the rest");
}

#[tokio::test]
async fn a_range_is_waited_for_and_not_for_ever() {
    let server = supervisor().start().await.ready().await;
    let slow = json!({ "fixed_ms": 3_000_000 });
    let id = server.submit(json!({ "text": "Never.", "format": "wav", "engine_options": slow })).await;
    server.job_is(&id, "running").await;
    // The header is there.
    let head = server.job_audio(&id, &[("range", "bytes=0-3")]).await;
    assert_eq!((head.status, head.bytes()), (206, &b"RIFF"[..]));
    let late = server.job_audio(&id, &[("range", "bytes=44-")]).await;
    assert_eq!(late.error(), (503, "audio_growing".into(), None));
    assert_eq!(late.header("retry-after"), "5");
    let (headers, path) = ([("range", "bytes=1000-1999")], format!("/api/jobs/{id}"));
    let (answer, _) =
        tokio::join!(server.job_audio(&id, &headers), server.ask(Method::DELETE, &path, &[], None));
    assert_eq!(answer.error().1, "no_audio");
}
