//! What is known of a voice that was sent to us. It stands as JSON beside its recording.

use serde::{Deserialize, Serialize};

use crate::{
    config::{self, Cloning, Route, Voice, is_voice_name},
    voices::Unfit,
};

/// Longest name, tag and transcript, in characters; and how many tags.
const NAME: usize = 100;
const TAG: usize = 32;
const TAGS: usize = 16;
const TRANSCRIPT: usize = 1000;
/// Bytes of text a second that people say: about 15 in English and 12 in Chinese. What lies far beside it is no
/// transcript of this recording.
const PACE: std::ops::RangeInclusive<f64> = 3.0..=80.0;

/// A voice as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// What requests call it.
    pub id: String,
    /// For people.
    pub name: String,
    /// Language spoken, such as `en`.
    pub language: String,
    /// The engine that imitates it.
    pub engine: String,
    /// What is said in the recording; empty for engines that need not be told.
    #[serde(default)]
    pub transcript: String,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Length of the recording, in milliseconds.
    #[serde(default)]
    pub audio_ms: u64,
}

/// A field that is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct WrongField {
    /// Which.
    pub field: &'static str,
    /// What is wrong with it.
    pub message: String,
}

fn wrong(field: &'static str, message: impl Into<String>) -> WrongField {
    WrongField { field, message: message.into() }
}

impl Meta {
    /// Checks every field, against the engines of a configuration too, and tells what the engine asks of recordings.
    pub fn check(&self, engines: &Engines<'_>) -> Result<Cloning, WrongField> {
        // It names a folder: a point at its beginning would hide it, or lead elsewhere.
        if !is_voice_name(&self.id) || self.id.starts_with('.') {
            return Err(wrong(
                "id",
                "id must be made of letters, digits, '.', '_' and '-', at most 64 bytes, not 'auto', and not begin \
                 with '.'",
            ));
        }
        if engines.all.contains(&self.id.as_str()) {
            return Err(wrong("id", format!("id {:?} is the name of an engine", self.id)));
        }
        plain("name", &self.name, NAME)?;
        let tag = self.language.as_bytes();
        let is_tag = (2..=35).contains(&tag.len())
            && tag.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            && tag.iter().take(2).all(u8::is_ascii_alphabetic);
        if !is_tag {
            return Err(wrong("language", "language must be a language tag such as en, zh or pt-BR"));
        }
        if self.tags.len() > TAGS {
            let count = self.tags.len();
            return Err(wrong("tags", format!("there are {count} tags; at most {TAGS} are taken")));
        }
        self.tags.iter().try_for_each(|tag| plain("tags", tag, TAG))?;
        let cloning = Cloning::of(&self.engine).ok_or_else(|| {
            let able: Vec<_> = Cloning::engines().collect();
            let shown: String = self.engine.chars().take(80).collect();
            wrong(
                "engine",
                format!("engine {shown:?} cannot imitate a recording; {} can", able.join(" and ")),
            )
        })?;
        if !engines.enabled.contains(&self.engine.as_str()) {
            return Err(wrong("engine", format!("engine {:?} is not switched on", self.engine)));
        }
        if self.transcript.chars().count() > TRANSCRIPT {
            return Err(wrong("transcript", format!("transcript must have at most {TRANSCRIPT} characters")));
        }
        let is_silent = !self.transcript.chars().any(char::is_alphanumeric);
        if is_silent && cloning.needs_transcript {
            let engine = &self.engine;
            let message =
                format!("{engine} needs a transcript: the words that are said in the recording, all of them");
            return Err(wrong("transcript", message));
        }
        Ok(cloning)
    }

    /// Whether the transcript may be what is said within so many seconds.
    pub fn fits(&self, seconds: f64) -> Result<(), Unfit> {
        let bytes = u32::try_from(self.transcript.trim().len()).unwrap_or(u32::MAX);
        if bytes == 0 || PACE.contains(&(f64::from(bytes) / seconds)) {
            return Ok(());
        }
        let count = self.transcript.trim().chars().count();
        Err(Unfit(format!(
            "the transcript has {count} characters and the recording {seconds:.1} s of speech, which do not fit; give \
             the words that are said in it, all of them and no others"
        )))
    }

    /// As voices stand in a configuration.
    pub(super) fn voice(&self, reference: std::path::PathBuf) -> Voice {
        let route = Route { engine: self.engine.clone(), speaker: Some(self.id.clone()) };
        let clone =
            config::Clone { language: self.language.clone(), reference, transcript: self.transcript.clone() };
        Voice { routes: [(self.language.clone(), route)].into(), clone: Some(clone) }
    }
}

/// The engines of a configuration.
#[derive(Clone, Debug)]
pub struct Engines<'c> {
    /// All of them.
    pub all: Vec<&'c str>,
    /// Those that are switched on.
    pub enabled: Vec<&'c str>,
}

/// One line of text that is not empty.
fn plain(field: &'static str, text: &str, longest: usize) -> Result<(), WrongField> {
    let is_plain = !text.trim().is_empty() && !text.chars().any(char::is_control);
    if is_plain && text.chars().count() <= longest {
        return Ok(());
    }
    Err(wrong(field, format!("{field} must have 1 to {longest} characters, each of them printable")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn meta() -> Meta {
        Meta {
            id: "mine".into(),
            name: "Mine".into(),
            language: "en".into(),
            engine: "f5".into(),
            transcript: "The quick brown fox.".into(),
            tags: vec!["warm".into()],
            audio_ms: 3_000,
        }
    }

    fn fault(change: impl FnOnce(&mut Meta)) -> Option<&'static str> {
        let mut meta = meta();
        change(&mut meta);
        let engines = Engines { all: vec!["tone", "f5", "indextts"], enabled: vec!["f5", "indextts"] };
        meta.check(&engines).err().map(|wrong| wrong.field)
    }

    #[test]
    fn every_field_that_is_wrong_is_named() {
        assert_eq!(fault(|_| ()), None);
        for id in ["", "auto", ".", "..", ".hidden", "a/b", "a b", "tone", "f5:mine", "a+b", "a(2)", "\0"] {
            assert_eq!(fault(|meta| meta.id = id.into()), Some("id"), "{id:?}");
        }
        for language in ["", "e", "12", "en_US", "english, please", "中文"] {
            assert_eq!(fault(|meta| meta.language = language.into()), Some("language"), "{language:?}");
        }
        for engine in ["", "tone", "kokoro", "nobody"] {
            assert_eq!(fault(|meta| meta.engine = engine.into()), Some("engine"), "{engine:?}");
        }
        assert_eq!(fault(|meta| meta.name = "  ".into()), Some("name"));
        assert_eq!(fault(|meta| meta.tags = vec!["a\nb".into()]), Some("tags"));
        assert_eq!(fault(|meta| meta.transcript = " .。".into()), Some("transcript"));
        let heard = |meta: &mut Meta| (meta.engine, meta.transcript) = ("indextts".into(), String::new());
        assert_eq!(fault(heard), None, "it needs none");
    }

    #[test]
    fn a_transcript_is_of_its_recording() {
        let meta = meta();
        assert!(meta.fits(1.5).is_ok());
        assert!(meta.fits(0.1).is_err() && meta.fits(15.0).is_err());
    }

    proptest! {
        /// Whatever is taken as an id is one part of a path, no more and no less.
        #[test]
        fn an_id_names_one_folder(id in "\\PC{0,70}|[./a-z_-]{0,8}") {
            if fault(|meta| meta.id.clone_from(&id)).is_none() {
                let path = std::path::Path::new("/root").join(&id);
                prop_assert_eq!(path.parent(), Some(std::path::Path::new("/root")));
                prop_assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(id.as_str()));
                prop_assert!(id.len() <= 64);
            }
        }

        /// What was written is read again, and what is damaged is no reason to fall.
        #[test]
        fn meta_comes_back_as_it_was(name in "\\PC*", transcript in ".*", tags in proptest::collection::vec(".*", 0..3), noise in ".*") {
            let meta = Meta { name, transcript, tags, ..meta() };
            let text = serde_json::to_string(&meta).unwrap();
            prop_assert_eq!(serde_json::from_str::<Meta>(&text).unwrap(), meta);
            prop_assert!(serde_json::from_str::<Meta>(&noise).is_err());
        }
    }
}
