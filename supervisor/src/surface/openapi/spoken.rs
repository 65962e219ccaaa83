//! What routes that speak answer: audio, and what `answer.rs` tells of it in headers.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, PartialSchema,
    openapi::{ContentBuilder, Header, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder, Schema},
};

/// Formats of our own surface, the usual one first.
const OURS: [&str; 6] = ["audio/wav", "audio/pcm", "audio/mpeg", "audio/ogg", "audio/flac", "audio/aac"];

/// The same of `OpenAI`'s.
const OPENAI: [&str; 6] = ["audio/mpeg", "audio/ogg", "audio/aac", "audio/flac", "audio/wav", "audio/pcm"];

/// The same of `ElevenLabs`'.
const ELEVENLABS: [&str; 6] =
    ["audio/mpeg", "audio/ogg", "audio/wav", "audio/pcm", "audio/PCMU", "audio/PCMA"];

/// Audio as one file, or as it is made: as the request wants it.
pub(in crate::surface) struct Spoken;

/// Audio as it is made, or events that carry it.
pub(in crate::surface) struct SpokenOrTold;

/// Audio as one file, for clients of `ElevenLabs`.
pub(in crate::surface) struct SpokenWhole;

/// Audio as it is made, for clients of `ElevenLabs`.
pub(in crate::surface) struct SpokenLive;

/// Audio as one WAV file.
pub(in crate::surface) struct SpokenWav;

type Responses = BTreeMap<String, RefOr<Response>>;

impl IntoResponses for Spoken {
    fn responses() -> Responses {
        answer("The audio.", &OURS.map(audio), Sent::AsAsked)
    }
}

impl IntoResponses for SpokenOrTold {
    fn responses() -> Responses {
        let events = ("text/event-stream", "ServerSentEvent");
        let contents = [&OPENAI.map(audio)[..], &[events]].concat();
        answer("The audio, or with `stream_format` `sse` events that carry it.", &contents, Sent::Live)
    }
}

impl IntoResponses for SpokenWhole {
    fn responses() -> Responses {
        answer("The audio.", &ELEVENLABS.map(audio), Sent::Whole)
    }
}

impl IntoResponses for SpokenWav {
    fn responses() -> Responses {
        answer("The words.", &[audio("audio/wav")], Sent::Whole)
    }
}

impl IntoResponses for SpokenLive {
    fn responses() -> Responses {
        answer("The audio.", &ELEVENLABS.map(audio), Sent::Live)
    }
}

/// A media type, with the name of the schema of what it has in it.
fn audio(media_type: &'static str) -> (&'static str, &'static str) {
    (media_type, "Audio")
}

/// How audio is sent, which decides what is known of it beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// As it is made.
    Live,
    /// All of it at once.
    Whole,
    /// As the field `stream` of the request has it.
    AsAsked,
}

/// A header, the schema of its type, and what it tells.
type Told = (&'static str, fn() -> RefOr<Schema>, &'static str);

/// What is known before there is any audio.
const KNOWN: &[Told] = &[
    ("X-Sample-Rate", u32::schema, "Samples per second."),
    ("X-Engine", String::schema, "Engines that speak, with commas."),
    ("X-Voice", String::schema, "The voice, as we call it."),
    ("X-Cache", String::schema, "`miss`, `coalesced` or `hit`."),
    ("X-Queue-Wait-Ms", f64::schema, "How long the first segment waited."),
];

/// What is known once there is all of it.
const MEASURED: &[Told] = &[
    ("X-Elapsed-Ms", f64::schema, "From arrival to the last sample."),
    ("X-RTF", f64::schema, "Time of synthesis / duration."),
    ("X-Audio-Ms", f64::schema, "Duration of the audio."),
    ("X-Skipped-Characters", u64::schema, "Characters that were left out."),
];

fn answer(description: &str, contents: &[(&str, &str)], sent: Sent) -> Responses {
    let mut response = ResponseBuilder::new().description(description);
    for (media_type, schema) in contents {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(*schema)));
        response = response.content(*media_type, content.build());
    }
    let measured = if sent == Sent::Live { &[] } else { MEASURED };
    for (name, schema, about) in KNOWN {
        response = response.header(*name, header(*schema, (*about).to_owned()));
    }
    for (name, schema, about) in measured {
        let about = match sent {
            Sent::AsAsked => format!("{about} Not with `stream`."),
            Sent::Live | Sent::Whole => (*about).to_owned(),
        };
        response = response.header(*name, header(*schema, about));
    }
    [("200".to_owned(), RefOr::T(response.build()))].into()
}

fn header(schema: fn() -> RefOr<Schema>, about: String) -> Header {
    HeaderBuilder::new().schema(Some(schema())).description(Some(about)).build()
}
