//! What `POST /api/jobs` takes, described: bodies are read by hand.

use serde_json::json;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{ObjectBuilder, Type},
    },
};

use crate::surface::openapi::names::FormatName;

/// What a client may send as JSON; no other field is taken. One of `text` and `chapters` has to be there.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "requests are read by hand; this is their description")]
pub(in crate::surface) struct JobRequest {
    /// What to speak; at most `[jobs] max_text_chars` characters.
    #[schema(min_length = 1, example = "Chapter one. It was a bright cold day.")]
    text: Option<String>,
    /// What to speak, in chapters, instead of `text`.
    #[schema(example = json!([{ "title": "One", "text": "It was a bright cold day." }]))]
    chapters: Option<Vec<ChapterRequest>>,
    /// What it is called.
    #[schema(max_length = 300, example = "A book")]
    title: Option<String>,
    /// A voice, `engine`, or `engine:voice`; `auto` is the default voice of each part's language.
    #[schema(default = "auto", example = "auto")]
    voice_id: Option<String>,
    /// Format of the audio.
    #[schema(default = "wav", example = "wav")]
    format: Option<FormatName>,
    /// Samples per second of the audio; the engine's own if it is not told.
    #[schema(minimum = 8_000, maximum = 48_000, example = 24_000)]
    sample_rate: Option<u32>,
    /// Speaking rate; 2 takes half the time.
    #[schema(minimum = 0.25, maximum = 4.0, default = 1.0, example = 1.0)]
    speed: Option<f64>,
    /// Seed of engines that draw at random; made of the request if it is not told.
    #[schema(minimum = 0, example = 7)]
    seed: Option<u64>,
    /// Options of the engines; docs/api.md lists them.
    #[schema(value_type = Option<std::collections::BTreeMap<String, serde_json::Value>>, example = json!({}))]
    engine_options: (),
    /// Whether the text is SSML; it is if it begins with `<speak`, unless this says that it is not.
    #[schema(example = false)]
    ssml: Option<bool>,
    /// Whether numbers, dates and units reach the engine as words; as its configuration says if it is not told.
    #[schema(example = true)]
    normalise: Option<bool>,
    /// Who is told when the job is over, at a host that `[jobs] webhook_hosts` names.
    #[schema(max_length = 2000, example = "https://hooks.example/done")]
    webhook: Option<String>,
}

/// One chapter.
#[derive(ToSchema)]
#[schema(as = JobChapter)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "requests are read by hand; this is their description")]
pub(in crate::surface) struct ChapterRequest {
    /// Its title: a mark, which is not spoken.
    #[schema(max_length = 300, example = "One")]
    title: Option<String>,
    /// What is spoken.
    #[schema(min_length = 1, example = "It was a bright cold day.")]
    text: String,
}

/// A form with a book in it; no other field is taken.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "forms are read by hand; this is their description")]
pub(in crate::surface) struct JobForm {
    /// The book: plain text, Markdown or EPUB, at most `[jobs] max_upload_mb` MiB.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream",
        example = "# Chapter one\n\nIt was a bright cold day.")]
    file: Vec<u8>,
    /// What the file is: `text`, `markdown` or `epub`; else as the ending of its name, its media type or its first bytes
    /// tell.
    #[schema(example = "epub")]
    kind: Option<String>,
    /// What the job is called; else the book's own title, or the file's name.
    #[schema(max_length = 300, example = "A book")]
    title: Option<String>,
    /// A voice, `engine`, or `engine:voice`; `auto` is the default voice of each part's language.
    #[schema(default = "auto", example = "auto")]
    voice_id: Option<String>,
    /// Format of the audio.
    #[schema(default = "wav", example = "mp3")]
    format: Option<FormatName>,
    /// Samples per second of the audio; the engine's own if it is not told.
    #[schema(minimum = 8_000, maximum = 48_000, example = 24_000)]
    sample_rate: Option<u32>,
    /// Speaking rate; 2 takes half the time.
    #[schema(minimum = 0.25, maximum = 4.0, default = 1.0, example = 1.0)]
    speed: Option<f64>,
    /// Seed of engines that draw at random; made of the book if it is not told.
    #[schema(minimum = 0, example = 7)]
    seed: Option<u64>,
    /// Options of the engines, a JSON object; docs/api.md lists them.
    #[schema(example = "{}")]
    engine_options: Option<String>,
    /// Whether plain text is SSML; it is if it begins with `<speak`, unless this says that it is not.
    #[schema(example = false)]
    ssml: Option<bool>,
    /// Whether numbers, dates and units reach the engine as words; as its configuration says if it is not told.
    #[schema(example = true)]
    normalise: Option<bool>,
    /// Who is told when the job is over, at a host that `[jobs] webhook_hosts` names.
    #[schema(max_length = 2000, example = "https://hooks.example/done")]
    webhook: Option<String>,
}

/// What may be told beside a book that is the whole body.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "queries are read by hand; this is their description")]
pub(in crate::surface) struct JobQuery {
    /// With a book as the body: what the job is called; else the book's own title.
    #[param(max_length = 300, example = "A book")]
    title: Option<String>,
    /// With a book as the body: a voice, `engine`, or `engine:voice`; `auto` is the default voice of each part's language.
    #[param(default = "auto", example = "auto")]
    voice_id: Option<String>,
    /// With a book as the body: format of the audio: `wav`, `pcm`, `mp3`, `opus`, `flac` or `aac`.
    #[param(default = "wav", example = "mp3")]
    format: Option<String>,
    /// With a book as the body: samples per second of the audio; the engine's own if it is not told.
    #[param(minimum = 8_000, maximum = 48_000, example = 24_000)]
    sample_rate: Option<u32>,
    /// With a book as the body: speaking rate; 2 takes half the time.
    #[param(minimum = 0.25, maximum = 4.0, default = 1.0, example = 1.0)]
    speed: Option<f64>,
    /// With a book as the body: seed of engines that draw at random; made of the book if it is not told.
    #[param(minimum = 0, example = 7)]
    seed: Option<u64>,
    /// With a book as the body: options of the engines, a JSON object.
    #[param(example = "{}")]
    engine_options: Option<String>,
    /// With a book as the body: whether plain text is SSML; it is if it begins with `<speak`, unless this says otherwise.
    #[param(example = false)]
    ssml: Option<bool>,
    /// With a book as the body: whether numbers, dates and units reach the engine as words.
    #[param(example = true)]
    normalise: Option<bool>,
    /// With a book as the body: who is told when the job is over.
    #[param(max_length = 2000, example = "https://hooks.example/done")]
    webhook: Option<String>,
}

/// An EPUB.
pub(in crate::surface) struct Epub;

impl PartialSchema for Epub {
    fn schema() -> RefOr<Schema> {
        let file = ObjectBuilder::new().schema_type(Type::String).content_media_type("application/epub+zip");
        let file = file.description(Some("The file, version 2 or 3; this is how one begins."));
        file.examples([json!("PK\u{3}\u{4}mimetypeapplication/epub+zip")]).into()
    }
}

impl ToSchema for Epub {}
