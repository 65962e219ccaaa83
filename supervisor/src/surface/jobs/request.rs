//! The body of `POST /api/jobs`, checked.

use axum::http::HeaderMap;
use base64::Engine as _;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{
    config::Jobs as Config,
    jobs::{Book, Chapter, JobId, NewJob, Order},
    speech::{Format, Utterance},
    surface::{
        ApiError,
        api::{
            fields::{Fields, invalid},
            types::{check_options, check_voice},
        },
        openapi::names::FormatName,
    },
};

/// Longest title, in characters.
const LONGEST_TITLE: usize = 300;
/// Most chapters; each has an entry of its own wherever they are listed.
const MOST_CHAPTERS: usize = 10_000;
/// Longest `Idempotency-Key`.
const LONGEST_KEY: usize = 255;
/// Longest address of a webhook.
const LONGEST_WEBHOOK: usize = 2000;

/// What a client may send; no other field is taken. One of `text` and `chapters` has to be there.
#[derive(Clone, Debug, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct JobRequest {
    /// What to speak; at most `[jobs] max_text_chars` characters.
    #[schema(value_type = Option<String>, min_length = 1, example = "Chapter one. It was a bright cold day.")]
    pub(super) text: String,
    /// What to speak, in chapters, instead of `text`.
    #[schema(value_type = Option<Vec<ChapterRequest>>, example = json!([{ "title": "One", "text": "It was a bright cold day." }]))]
    pub(super) chapters: Vec<ChapterRequest>,
    /// What it is called.
    #[schema(max_length = 300, example = "A book")]
    pub(super) title: Option<String>,
    /// A voice, `engine`, or `engine:voice`; `auto` is the default voice of each part's language.
    #[schema(rename = "voice_id", default = "auto", example = "auto")]
    pub(super) voice: Option<String>,
    /// Format of the audio.
    #[schema(value_type = Option<FormatName>, default = "wav", example = "wav")]
    pub(super) format: Option<Format>,
    /// Samples per second of the audio; the engine's own if it is not told.
    #[schema(minimum = 8_000, maximum = 48_000, example = 24_000)]
    pub(super) sample_rate: Option<u32>,
    /// Speaking rate; 2 takes half the time.
    #[schema(value_type = Option<f64>, minimum = 0.25, maximum = 4.0, default = 1.0, example = 1.0)]
    pub(super) speed: f64,
    /// Seed of engines that draw at random; made of the request if it is not told.
    #[schema(minimum = 0, example = 7)]
    pub(super) seed: Option<u64>,
    /// Options of the engines; docs/api.md lists them.
    #[schema(rename = "engine_options", value_type = Option<std::collections::BTreeMap<String, Value>>, example = json!({}))]
    pub(super) options: Map<String, Value>,
    /// Whether the text is SSML; it is if it begins with `<speak`, unless this says that it is not.
    #[schema(example = false)]
    pub(super) ssml: Option<bool>,
    /// Whether numbers, dates and units reach the engine as words; as its configuration says if it is not told.
    #[schema(example = true)]
    pub(super) normalise: Option<bool>,
    /// Who is told when the job is over, at a host that `[jobs] webhook_hosts` names.
    #[schema(example = "https://hooks.example/done")]
    pub(super) webhook: Option<String>,
}

/// One chapter.
#[derive(Clone, Debug, Default, ToSchema)]
#[schema(as = JobChapter)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct ChapterRequest {
    /// Its title: a mark, which is not spoken.
    #[schema(max_length = 300, example = "One")]
    pub(super) title: Option<String>,
    /// What is spoken.
    #[schema(min_length = 1, example = "It was a bright cold day.")]
    pub(super) text: String,
}

impl JobRequest {
    /// Reads and checks a body.
    pub(super) fn parse(body: &[u8], config: &Config) -> Result<Self, ApiError> {
        let mut fields = Fields::parse(body)?;
        let request = Self {
            text: fields.string("text")?.unwrap_or_default(),
            chapters: chapters(fields.list("chapters")?)?,
            title: fields.string("title")?,
            voice: fields.string("voice_id")?,
            format: fields.choice("format", Format::NAMES)?,
            sample_rate: fields.integer("sample_rate", 8_000, 48_000)?.and_then(|rate| rate.try_into().ok()),
            speed: fields.number("speed", 0.25, 4.0)?.unwrap_or(1.0),
            seed: fields.integer("seed", 0, u64::MAX)?,
            options: fields.object("engine_options")?,
            ssml: fields.boolean("ssml")?,
            normalise: fields.boolean("normalise")?,
            webhook: fields.string("webhook")?,
        };
        fields.finish()?;
        request.check(config)?;
        Ok(request)
    }

    fn check(&self, config: &Config) -> Result<(), ApiError> {
        if !self.text.is_empty() && !self.chapters.is_empty() {
            return Err(invalid("chapters", "one of text and chapters can be sent, not both"));
        }
        if self.text.is_empty() && self.chapters.is_empty() {
            return Err(invalid("text", "text is missing or empty, and so is chapters"));
        }
        check_voice(self.voice.as_deref())?;
        check_options(&self.options)?;
        check_title("title", self.title.as_deref())?;
        if let Some(webhook) = &self.webhook {
            check_webhook(webhook, config)?;
        }
        let texts = self.chapters.iter().map(|chapter| &chapter.text).chain([&self.text]);
        let length = texts.map(|text| text.chars().count()).sum();
        if length > config.max_text_chars {
            return Err(ApiError::TextTooLong { length, most: config.max_text_chars });
        }
        Ok(())
    }

    /// As a job of this owner's.
    pub(super) fn into_job(self, owner: Option<String>, idempotency_key: Option<String>) -> NewJob {
        let book = if self.chapters.is_empty() {
            Book::plain(self.text)
        } else {
            let chapters = self.chapters.into_iter();
            let chapters = chapters.map(|ChapterRequest { title, text }| Chapter { title, text });
            Book { chapters: chapters.collect(), ..Book::default() }
        };
        let voice = self.voice.filter(|voice| voice != "auto");
        let text: Vec<&str> = book.chapters.iter().map(|chapter| chapter.text.as_str()).collect();
        let name = voice.as_deref().unwrap_or("auto");
        let seed = self
            .seed
            .unwrap_or_else(|| Utterance::seed_of(name, &text.join("\n"), self.speed, &self.options));
        let order = Order {
            voice,
            format: self.format.unwrap_or(Format::Wav).name().to_owned(),
            sample_rate: self.sample_rate,
            speed: self.speed,
            seed,
            options: self.options,
            ssml: self.ssml,
            normalise: self.normalise,
        };
        NewJob {
            id: JobId::draw(),
            owner,
            idempotency_key,
            digest: digest(&order, &book, self.title.as_deref(), self.webhook.as_deref()),
            title: self.title,
            order,
            book,
            engines: Vec::new(),
            spoken_ms: 0,
            webhook: self.webhook,
        }
    }
}

fn chapters(values: Vec<Value>) -> Result<Vec<ChapterRequest>, ApiError> {
    if values.len() > MOST_CHAPTERS {
        return Err(invalid("chapters", format!("chapters must be at most {MOST_CHAPTERS}")));
    }
    let chapter = |(number, value): (usize, Value)| {
        let wrong = |why: &str| invalid("chapters", format!("chapters[{number}] {why}"));
        let Value::Object(mut fields) = value else {
            return Err(wrong("must be an object with text and title"));
        };
        let text = match fields.shift_remove("text") {
            Some(Value::String(text)) if !text.is_empty() => text,
            _ => return Err(wrong("must have a text that is not empty")),
        };
        let title = match fields.shift_remove("title") {
            None | Some(Value::Null) => None,
            Some(Value::String(title)) => Some(title),
            Some(_) => return Err(wrong("must have a string for a title")),
        };
        check_title("chapters", title.as_deref())?;
        match fields.keys().next() {
            None => Ok(ChapterRequest { title, text }),
            Some(_) => Err(wrong("has a field that is neither text nor title")),
        }
    };
    values.into_iter().enumerate().map(chapter).collect()
}

fn check_title(param: &str, title: Option<&str>) -> Result<(), ApiError> {
    let is_right =
        |title: &str| title.chars().count() <= LONGEST_TITLE && !title.chars().any(char::is_control);
    if title.is_none_or(is_right) {
        return Ok(());
    }
    Err(invalid(param, format!("a title must have at most {LONGEST_TITLE} characters, on one line")))
}

/// Only hosts that the configuration names are ever called.
fn check_webhook(webhook: &str, config: &Config) -> Result<(), ApiError> {
    let wrong = |why: String| Err(invalid("webhook", why));
    if config.webhook_hosts.is_empty() {
        return wrong("no host may be called: [jobs] webhook_hosts in the configuration names none".into());
    }
    let url = reqwest::Url::parse(webhook).ok().filter(|_| webhook.len() <= LONGEST_WEBHOOK);
    let Some(url) = url.filter(|url| matches!(url.scheme(), "http" | "https")) else {
        return wrong("webhook must be an address that begins with https:// or http://".into());
    };
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    if !config.webhook_hosts.contains(&host) {
        return wrong(format!("{host:?} may not be called: [jobs] webhook_hosts does not name it"));
    }
    Ok(())
}

/// Hash of everything that is asked for: two requests are the same if it is.
fn digest(order: &Order, book: &Book, title: Option<&str>, webhook: Option<&str>) -> String {
    let mut hash = Sha256::new();
    for part in [serde_json::to_vec(order), serde_json::to_vec(book), serde_json::to_vec(&(title, webhook))] {
        let part = part.unwrap_or_default();
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// What the client calls this request, so that it can send it again without asking for a second job.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
    let message = format!("Idempotency-Key must have 1 to {LONGEST_KEY} characters of ASCII");
    key.map(|key| Some(key.to_owned())).ok_or_else(|| invalid("Idempotency-Key", message))
}
