//! What is done to a text before it is spoken: markup, words for numbers, pronunciations.

use serde_json::{Value, json};

use crate::harness::{Server, pcm, supervisor, tone};

async fn spoken(server: &Server, body: Value) -> Vec<i16> {
    let answer = server.speak(body.clone()).await;
    assert_eq!(answer.status, 200, "{body}: {:?}", answer.error());
    pcm(answer.bytes())
}

/// The samples themselves would only fill the screen.
#[track_caller]
fn is_tone_of(audio: &[i16], words: &str, text: &str) {
    assert!(audio == tone::of(words), "{text}: {} samples are not those of {words:?}", audio.len());
}

async fn said(server: &Server, text: &str) -> Vec<i16> {
    spoken(server, json!({ "text": text, "format": "pcm" })).await
}

/// Silences of 20 ms and more, as samples: where each begins, and its length.
fn silences(samples: &[i16]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, sample) in samples.iter().chain([&i16::MAX]).enumerate() {
        if sample.unsigned_abs() <= 104 {
            start.get_or_insert(at);
        } else if let Some(start) = start.take().filter(|start| at - start >= 480) {
            found.push((start, at - start));
        }
    }
    found
}

#[track_caller]
fn is_about(samples: usize, milliseconds: usize) {
    // A sound rises and falls through what counts as silence, and over the 4 ms of a seam.
    assert!(samples.abs_diff(milliseconds * 24) <= 6 * 24, "{} ms, not {milliseconds} ms", samples / 24);
}

#[tokio::test]
async fn a_break_is_a_silence_of_its_own_length_wherever_it_stands() {
    let server = supervisor().start().await.ready().await;
    for stream in [false, true] {
        let text = "<speak><break time='300ms'/>Hello.<break time='1.5s'/><break time=\"500ms\"/>World.\
                    <break strength=\"strong\"/></speak>";
        let audio = spoken(&server, json!({ "text": text, "format": "pcm", "stream": stream })).await;
        let silences = silences(&audio);
        let lengths: Vec<usize> = silences.iter().map(|(_, length)| *length).collect();
        assert_eq!(lengths.len(), 3, "{lengths:?}");
        for (length, milliseconds) in lengths.into_iter().zip([300, 2000, 700]) {
            is_about(length, milliseconds);
        }
        // Six characters each, and not one sample besides.
        is_about(audio.len(), 300 + 480 + 2000 + 480 + 700);
    }
    let audio = said(&server, "<speak>Hello.<break strength=\"none\"/>World.</speak>").await;
    assert_eq!(silences(&audio), [], "no pause where the author wants none");
    is_about(audio.len(), 960);
}

#[tokio::test]
async fn one_text_may_have_several_rates() {
    let server = supervisor().start().await.ready().await;
    let text =
        "<speak>abcde<prosody rate='200%'>fghij</prosody><prosody rate='slow'> klmno</prosody></speak>";
    let audio = said(&server, text).await;
    // 400 ms at twice the rate, and at three quarters of it, with two short rests between.
    let length = audio.len() / 24;
    assert!((1130..1300).contains(&length), "{length} ms");
    let fast = spoken(&server, json!({ "text": text, "format": "pcm", "speed": 2 })).await;
    assert!((530..700).contains(&(fast.len() / 24)), "{} ms", fast.len() / 24);
}

#[tokio::test]
async fn what_stands_for_something_else_is_said_as_that() {
    let server = supervisor().start().await.ready().await;
    for (markup, words) in [
        ("the <sub alias=\"World Wide Web\">WWW</sub> now", "the World Wide Web now"),
        ("<say-as interpret-as=\"characters\">abc</say-as>", "A B C"),
        (
            "on <say-as interpret-as=\"date\">2026-11-25</say-as>",
            "on November twenty-fifth, twenty twenty-six",
        ),
        (
            "<say-as interpret-as='ordinal'>3</say-as> of <say-as interpret-as='cardinal'>12</say-as>",
            "third of twelve",
        ),
        ("call <say-as interpret-as='telephone'>110</say-as>", "call one one zero"),
        ("<voice name='x'>a <emphasis>b</emphasis> &lt;c&gt;</voice><!-- d -->", "a b <c>"),
        ("拨打<say-as interpret-as='digits'>110</say-as>", "拨打一 一 零"),
    ] {
        is_tone_of(&said(&server, &format!("<speak>{markup}</speak>")).await, words, markup);
    }
}

#[tokio::test]
async fn ssml_that_is_wrong_is_refused_with_its_place() {
    let server = supervisor().start().await.ready().await;
    for (text, message) in [
        ("<speak>\n a </spaek>", "line 2, column 4: expected 'speak' tag, not 'spaek'"),
        ("<speak>a <break time='1h'/></speak>", "line 1, column 10: <break>: time must be from 0s to 10s"),
        ("<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><speak>&e;</speak>", "DTD"),
    ] {
        let answer = server.speak(json!({ "text": text, "ssml": true })).await;
        assert_eq!(answer.status, 422, "{text}");
        assert_eq!(answer.error().1, "invalid_ssml", "{text}");
        let body = String::from_utf8_lossy(answer.bytes()).into_owned();
        let told: Value = serde_json::from_str(&body).unwrap();
        assert!(told["error"]["message"].as_str().unwrap().contains(message), "{text}: {body}");
    }
    let answer = server.speak(json!({ "text": "hello", "ssml": true })).await;
    assert_eq!((answer.status, answer.error().1), (422, "invalid_ssml".into()));
    let answer = server.speak(json!({ "text": "<speak><break/>…</speak>" })).await;
    assert_eq!((answer.status, answer.error().1), (422, "nothing_to_speak".into()));
    let literal = json!({ "text": "<speak>a</speak>", "ssml": false, "format": "pcm" });
    is_tone_of(&spoken(&server, literal).await, "<speak>a</speak>", "a text");
}

#[tokio::test]
async fn numbers_become_words_where_the_engine_or_the_request_wants_it() {
    let text = "$3.50 at 3:45 pm";
    let words = "three dollars and fifty cents at three forty-five PM";
    let off = supervisor().start().await.ready().await;
    is_tone_of(&said(&off, text).await, text, text);
    is_tone_of(
        &spoken(&off, json!({ "text": text, "normalise": true, "format": "pcm" })).await,
        words,
        "a text",
    );
    let chinese = json!({ "text": "跑了5 km，20%", "normalise": true, "format": "pcm" });
    is_tone_of(&spoken(&off, chinese).await, "跑了五公里，百分之二十", "a text");
    let on = supervisor().engine("normalise", true).start().await.ready().await;
    is_tone_of(&said(&on, text).await, words, text);
    is_tone_of(
        &spoken(&on, json!({ "text": text, "normalise": false, "format": "pcm" })).await,
        text,
        "a text",
    );
}

#[tokio::test]
async fn a_word_is_said_as_the_configuration_says_and_a_reload_changes_it() {
    let pronunciation = "[pronunciation.en]\n\"GIF\" = \"jiff\"\n\"nginx\" = { spelling = \"engine x\" }\n\
                         [pronunciation.zh]\n\"重庆\" = \"崇庆\"\n";
    let server = supervisor().config(pronunciation).start().await.ready().await;
    for (text, words) in
        [("A GIF of Nginx, no gift.", "A jiff of engine x, no gift."), ("gif", "gif"), ("去重庆", "去崇庆")]
    {
        is_tone_of(&said(&server, text).await, words, text);
    }
    server.rewrite("\"jiff\"", "\"giff\"");
    let output = server.command(&["reload"]).await;
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "applied: pronunciation\n");
    // It was in the cache as it was said before.
    is_tone_of(
        &said(&server, "A GIF of Nginx, no gift.").await,
        "A giff of engine x, no gift.",
        "A GIF of Nginx, no gift.",
    );
    server.rewrite("\"giff\"", "{ ipa = \"dʒɪf\" }");
    let output = server.command(&["reload"]).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("pronunciation.en.GIF.ipa: the engine \"tone\""), "{told}");
}

#[tokio::test]
async fn markup_is_part_of_what_the_cache_goes_by() {
    let server = supervisor().start().await.ready().await;
    let texts = [
        "<speak>Hi.<break time='100ms'/>You.</speak>",
        "<speak>Hi.<break time='200ms'/>You.</speak>",
        "<speak><break time='100ms'/>Hi.You.</speak>",
        "<speak><prosody rate='fast'>Hi.You.</prosody></speak>",
    ];
    for expected in ["miss", "hit"] {
        for text in texts {
            // One seed for all, which would else tell them apart by the text.
            let answer = server.speak(json!({ "text": text, "seed": 1 })).await;
            assert_eq!(answer.header("x-cache"), expected, "{text}");
        }
    }
}
