//! A text and a voice → an utterance → its audio.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{dialogue::VoiceWish, error::Trouble};
use crate::{
    metrics::Surface,
    schedule::Delivery,
    speech::{ClientId, Format, Terms, Utterance, play_time},
    stream::{Account, Manner, Stream, TextIn},
    surface::{
        ApiError, AppState,
        asked::{self, Asked},
        live::Live,
    },
    voices::{self, VoiceBook},
};

/// What is to be spoken.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) text: String,
    pub(super) voice: VoiceWish,
    pub(super) request_id: String,
    pub(super) client: ClientId,
}

/// A piece of audio.
#[derive(Clone, Debug)]
pub(super) struct Sound {
    /// PCM16, mono.
    pub(super) pcm: Bytes,
    pub(super) rate: u32,
    /// Where in the utterance it begins.
    pub(super) at: Duration,
}

/// An utterance on its way. Dropping it takes back what is left of it.
pub(super) struct Speech(State);

enum State {
    Opening(Pin<Box<dyn Future<Output = Result<Stream, Trouble>> + Send>>),
    Open { stream: Box<Stream>, bytes: u64 },
    Over,
}

impl Speech {
    /// Begins once somebody asks for its first sound.
    pub(super) fn new(state: &AppState, wanted: Wanted) -> Self {
        Self(State::Opening(Box::pin(open(state.clone(), wanted))))
    }

    /// Of a text that is still being written, which begins with what is there of it.
    pub(super) fn of_arriving(state: &AppState, wanted: Wanted) -> Result<(TextIn, Self), Trouble> {
        let Wanted { text, voice, request_id, client } = wanted;
        let account = Account::open(Arc::clone(&state.metrics), Surface::Wyoming, request_id, &client);
        let live = state.live.kept();
        let casting = chosen(state, &live, &voice).and_then(|voice| asked::casting(state, &live, voice));
        let (account, casting) = asked::checked(account, casting)?;
        let manner = Manner {
            terms: Terms::usual(client, Format::Pcm),
            has_breaks: false,
            most_chars: live.limits.max_text_chars,
            patience: live.limits.patience,
        };
        let (writing, opening) = state.studio.arrive(manner, casting, account)?;
        let opening = Box::pin(async move { opening.stream().await.map_err(Trouble::from) });
        writing.push(&text)?;
        Ok((writing, Self(State::Opening(opening))))
    }

    /// The next piece, or `None` at the end. Safe to cancel.
    pub(super) async fn next(&mut self) -> Option<Result<Sound, Trouble>> {
        loop {
            match &mut self.0 {
                State::Opening(opening) => match opening.await {
                    Ok(stream) => self.0 = State::Open { stream: Box::new(stream), bytes: 0 },
                    Err(trouble) => {
                        self.0 = State::Over;
                        return Some(Err(trouble));
                    }
                },
                State::Open { stream, bytes } => {
                    let rate = stream.sample_rate();
                    let at = play_time(*bytes, rate.saturating_mul(2));
                    return match stream.next().await {
                        Some(Ok(pcm)) => {
                            *bytes += u64::try_from(pcm.len()).unwrap_or_default();
                            Some(Ok(Sound { pcm, rate, at }))
                        }
                        Some(Err(error)) => Some(Err(error.into())),
                        None => None,
                    };
                }
                State::Over => return None,
            }
        }
    }
}

impl fmt::Debug for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Speech").finish_non_exhaustive()
    }
}

async fn open(state: AppState, wanted: Wanted) -> Result<Stream, Trouble> {
    let account = Account::open(
        Arc::clone(&state.metrics),
        Surface::Wyoming,
        wanted.request_id.clone(),
        &wanted.client,
    );
    let live = state.live.kept();
    let (account, utterance) = asked::checked(account, utterance(&state, &live, wanted))?;
    Ok(state.studio.open(utterance, Delivery::Live, live.limits.patience, account).await?)
}

/// The name of the voice that a wish comes to now.
fn chosen(state: &AppState, live: &Live, wish: &VoiceWish) -> Result<Option<String>, ApiError> {
    named(wish, &live.voices, &|language| {
        let mut listed = state.voices(live).into_iter();
        listed.find(|voice| voice.languages.iter().any(|tag| is_in(tag, language))).map(|voice| voice.id)
    })
}

fn utterance(state: &AppState, live: &Live, wanted: Wanted) -> Result<Utterance, ApiError> {
    let Wanted { text, voice, client, .. } = wanted;
    let voice = chosen(state, live, &voice)?;
    let terms = Terms::usual(client, Format::Pcm);
    let asked = Asked { voice: voice.as_deref(), text: &text, manner: voices::Manner::default(), terms };
    asked.cast(state, live)
}

/// The voice that a wish comes to: its name, with the speaker behind it, as we name the voices that engines bring; else
/// the default of its language, or the first that speaks it; else none, and the text decides.
fn named(
    wish: &VoiceWish,
    book: &VoiceBook,
    first: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, ApiError> {
    match (&wish.name, &wish.speaker, &wish.language) {
        (Some(name), Some(speaker), _) => Ok(Some(format!("{name}:{speaker}"))),
        (Some(name), None, _) => Ok(Some(name.clone())),
        (None, _, None) => Ok(None),
        (None, _, Some(language)) => {
            let default = book.defaults().iter().find(|(tag, _)| is_in(tag, language));
            let found = default.map(|(_, voice)| voice.clone()).or_else(|| first(language));
            let language: String = language.chars().take(40).collect();
            let message =
                format!("no voice speaks {language:?}; `describe` asks for the voices and their languages");
            found.map(Some).ok_or_else(|| ApiError::InvalidField { param: "voice.language".into(), message })
        }
    }
}

/// Whether a voice of this language speaks what is asked for: `en` and `en-GB` are as good for one another as it gets.
fn is_in(tag: &str, asked: &str) -> bool {
    let base = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    base(tag) == base(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_by_its_first_part() {
        for (tag, asked, is) in [
            ("en", "en", true),
            ("en", "en_US", true),
            ("en-GB", "EN-us", true),
            ("zh", "zh-Hans-CN", true),
            ("en", "eng", false),
            ("en", "", false),
        ] {
            assert_eq!(is_in(tag, asked), is, "{tag} {asked}");
        }
    }

    #[test]
    fn a_wish_is_a_name_a_speaker_of_it_or_a_language() {
        let wish = |name: &str, speaker: &str, language: &str| {
            let word = |word: &str| Some(word.to_owned()).filter(|word| !word.is_empty());
            let wish = VoiceWish { name: word(name), language: word(language), speaker: word(speaker) };
            named(&wish, &VoiceBook::empty(), &|language| (language == "de").then(|| "hans".into()))
                .map_err(|error| error.code())
        };
        assert_eq!(wish("", "", ""), Ok(None));
        assert_eq!(wish("walter", "", "en"), Ok(Some("walter".into())));
        assert_eq!(wish("kokoro", "af_heart", ""), Ok(Some("kokoro:af_heart".into())));
        assert_eq!(wish("", "", "de"), Ok(Some("hans".into())));
        assert_eq!(wish("", "", "fr"), Err("invalid_field".into()));
    }
}
