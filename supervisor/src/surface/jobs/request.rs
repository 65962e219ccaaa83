//! What `POST /api/jobs` is asked for, checked.

use axum::http::HeaderMap;
use base64::Engine as _;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::upload::Upload;
use crate::{
    config::Jobs as Config,
    jobs::{
        Book, Chapter, JobId, NewJob, Order,
        intake::{self, Kind},
    },
    speech::{Format, Utterance, is_ssml},
    surface::{
        ApiError,
        api::{
            fields::{Fields, invalid},
            types::{check_options, check_voice},
        },
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

/// Everything that is asked for beside what is spoken.
#[derive(Clone, Debug)]
struct Terms {
    title: Option<String>,
    voice: Option<String>,
    format: Option<Format>,
    sample_rate: Option<u32>,
    speed: f64,
    seed: Option<u64>,
    options: Map<String, Value>,
    ssml: Option<bool>,
    normalise: Option<bool>,
    webhook: Option<String>,
}

impl Terms {
    fn take(fields: &mut Fields) -> Result<Self, ApiError> {
        Ok(Self {
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
        })
    }

    fn check(&self, config: &Config) -> Result<(), ApiError> {
        check_voice(self.voice.as_deref())?;
        check_options(&self.options)?;
        check_title("title", "title", self.title.as_deref())?;
        self.webhook.as_deref().map_or(Ok(()), |webhook| check_webhook(webhook, config))
    }

    fn order(&self, book: &Book) -> Order {
        let voice = self.voice.clone().filter(|voice| voice != "auto");
        let text: Vec<&str> = book.chapters.iter().map(|chapter| chapter.text.as_str()).collect();
        let name = voice.as_deref().unwrap_or("auto");
        let seed = self
            .seed
            .unwrap_or_else(|| Utterance::seed_of(name, &text.join("\n"), self.speed, &self.options));
        Order {
            voice,
            format: self.format.unwrap_or(Format::Wav).name().to_owned(),
            sample_rate: self.sample_rate,
            speed: self.speed,
            seed,
            options: self.options.clone(),
            ssml: self.ssml,
            normalise: self.normalise,
        }
    }
}

/// A job that is asked for, checked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    title: Option<String>,
    order: Order,
    book: Book,
    webhook: Option<String>,
    /// Hash of everything that is asked for: two requests are the same if it is.
    digest: String,
}

impl Asked {
    /// Reads and checks a JSON body.
    pub(super) fn of_json(body: &[u8], config: &Config) -> Result<Self, ApiError> {
        let mut fields = Fields::parse(body)?;
        let text = fields.string("text")?.unwrap_or_default();
        let chapters = chapters(fields.list("chapters")?)?;
        let terms = Terms::take(&mut fields)?;
        fields.finish()?;
        let book = match (text.is_empty(), chapters.is_empty()) {
            (false, false) => {
                return Err(invalid("chapters", "one of text and chapters can be sent, not both"));
            }
            (true, true) => return Err(invalid("text", "text is missing or empty, and so is chapters")),
            (false, true) => Book::plain(text),
            (true, false) => Book { chapters, ..Book::default() },
        };
        terms.check(config)?;
        check_length(&book, config)?;
        let order = terms.order(&book);
        let parts = [
            serde_json::to_vec(&order),
            serde_json::to_vec(&book),
            serde_json::to_vec(&(&terms.title, &terms.webhook)),
        ];
        let digest = digest(parts.into_iter().map(Result::unwrap_or_default));
        Ok(Self { title: terms.title, order, book, webhook: terms.webhook, digest })
    }

    /// Reads and checks a book that was sent as it is. A large one takes a while.
    pub(super) fn of_upload(mut upload: Upload, config: &Config) -> Result<Self, ApiError> {
        let mut fields = Fields::of(std::mem::take(&mut upload.fields));
        let kind = fields.choice("kind", Kind::NAMES)?;
        let mut terms = Terms::take(&mut fields)?;
        fields.finish()?;
        terms.check(config)?;
        let kind = kind.or_else(|| upload.kind()).ok_or(ApiError::UnknownBook)?;
        let told = json!([
            kind.name(),
            terms.title,
            terms.voice,
            terms.format.map(Format::name),
            terms.sample_rate,
            terms.speed,
            terms.seed,
            terms.options,
            terms.ssml,
            terms.normalise,
            terms.webhook,
        ]);
        let digest = digest([told.to_string().into_bytes(), upload.file.to_vec()].into_iter());
        let book = read(kind, &upload.file, &mut terms.ssml, config.max_text_chars)?;
        if book.chapters.len() > MOST_CHAPTERS {
            let told =
                format!("the book has {} chapters; at most {MOST_CHAPTERS} are taken", book.chapters.len());
            return Err(invalid("file", told));
        }
        check_length(&book, config)?;
        let order = terms.order(&book);
        let by_name = || upload.name.as_deref().and_then(intake::title_of_file);
        let title = terms.title.or_else(|| book.title.clone()).or_else(by_name);
        Ok(Self { title, order, book, webhook: terms.webhook, digest })
    }

    /// As a job of this owner's.
    pub(super) fn into_job(self, owner: Option<String>, idempotency_key: Option<String>) -> NewJob {
        let Self { title, order, book, webhook, digest } = self;
        NewJob {
            id: JobId::draw(),
            owner,
            idempotency_key,
            digest,
            title,
            order,
            book,
            engines: Vec::new(),
            spoken_ms: 0,
            webhook,
        }
    }
}

/// A book, and whether its text is SSML: only plain text can be, and is then one document without chapters.
fn read(kind: Kind, file: &[u8], ssml: &mut Option<bool>, most: usize) -> Result<Book, ApiError> {
    if *ssml != Some(false) && kind == Kind::Text {
        let text = intake::text(file)?;
        if *ssml == Some(true) || is_ssml(&text) {
            return Ok(Book::plain(text));
        }
    } else if *ssml == Some(true) {
        return Err(invalid("ssml", "only plain text can be SSML, no Markdown and no EPUB"));
    }
    *ssml = Some(false);
    Ok(intake::read(kind, file, most)?)
}

fn check_length(book: &Book, config: &Config) -> Result<(), ApiError> {
    let (length, most) = (book.characters(), config.max_text_chars);
    if length > most { Err(ApiError::TextTooLong { length, most }) } else { Ok(()) }
}

fn chapters(values: Vec<Value>) -> Result<Vec<Chapter>, ApiError> {
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
        check_title("chapters", &format!("the title of chapters[{number}]"), title.as_deref())?;
        match fields.keys().next() {
            None => Ok(Chapter { title, text }),
            Some(_) => Err(wrong("has a field that is neither text nor title")),
        }
    };
    values.into_iter().enumerate().map(chapter).collect()
}

/// Looks whether a title can be shown on a line. `what` names it in words.
fn check_title(param: &str, what: &str, title: Option<&str>) -> Result<(), ApiError> {
    let Some(title) = title else { return Ok(()) };
    if let Some((place, control)) = (1..).zip(title.chars()).find(|(_, c): &(usize, char)| c.is_control()) {
        let code = u32::from(control);
        let told = format!(
            "{what} must be one line without control characters; its character {place} is U+{code:04X}"
        );
        return Err(invalid(param, told));
    }
    let length = title.chars().count();
    if length > LONGEST_TITLE {
        return Err(invalid(
            param,
            format!("{what} has {length} characters; at most {LONGEST_TITLE} are allowed"),
        ));
    }
    Ok(())
}

/// Only hosts that the configuration names are ever called.
fn check_webhook(webhook: &str, config: &Config) -> Result<(), ApiError> {
    let wrong = |why: String| Err(invalid("webhook", why));
    if config.webhook_hosts.is_empty() {
        return wrong("no host may be called: [jobs] webhook_hosts in the configuration names none".into());
    }
    if webhook.len() > LONGEST_WEBHOOK {
        let length = webhook.len();
        return wrong(format!("webhook has {length} bytes; at most {LONGEST_WEBHOOK} are allowed"));
    }
    // Those within an address would be left out in silence.
    if webhook.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return wrong(
            "webhook must have neither blanks nor control characters: %20 stands for a blank".into(),
        );
    }
    let url = reqwest::Url::parse(webhook).ok();
    let Some(url) = url.filter(|url| matches!(url.scheme(), "http" | "https")) else {
        return wrong("webhook must be an address that begins with https:// or http://".into());
    };
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("webhook must have neither a name nor a password: messages are signed".into());
    }
    if !config.webhook_hosts.iter().any(|host| host.is_host_of(&url)) {
        let place = url.origin().ascii_serialization();
        return wrong(format!("{place} may not be called: [jobs] webhook_hosts does not name it"));
    }
    Ok(())
}

/// Hash of parts, each told apart from the next.
fn digest(parts: impl Iterator<Item = Vec<u8>>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
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
