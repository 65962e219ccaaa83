//! A job's audio in parts: ranges of bytes, and whether they are still of the same audio.

use reqwest::Method;
use serde_json::json;

use crate::harness::{eventually, supervisor};
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
async fn parts_of_growing_audio_are_those_of_the_whole() {
    let server = supervisor().engine("rtf", 0.02).start().await.ready().await;
    let id = server.submit(json!({ "text": sentences(50), "format": "pcm" })).await;
    let part = eventually("there is some", async || {
        let part = server.job_audio(&id, &[("range", "bytes=1000-1999")]).await;
        (part.status == 206).then_some(part)
    })
    .await;
    assert_eq!(part.header("content-range"), "bytes 1000-1999/*");
    let rest = server.job_audio(&id, &[("range", "bytes=2000-")]).await;
    assert_eq!(rest.status, 206);
    let told = rest.header("content-range").to_owned();
    let last: usize = told.strip_prefix("bytes 2000-").unwrap().strip_suffix("/*").unwrap().parse().unwrap();
    assert_eq!(rest.bytes().len(), last - 1999);
    assert_eq!(server.job(&id).await["state"], "running");
    let behind = server.job_audio(&id, &[("range", "bytes=999999999-")]).await;
    assert_eq!(behind.error(), (416, "range_not_satisfiable".into(), None));
    let tag = rest.header("etag").to_owned();
    server.job_is(&id, "done").await;
    let whole = server.job_audio(&id, &[]).await;
    let bytes = whole.bytes();
    assert!(part.bytes() == &bytes[1000..2000] && rest.bytes() == &bytes[2000..=last]);
    // What was begun while it grew may be gone on with.
    let range = format!("bytes={}-", last + 1);
    let end = server.job_audio(&id, &[("range", &range), ("if-range", &tag)]).await;
    assert!(end.status == 206 && end.bytes() == &bytes[last + 1..]);
}
