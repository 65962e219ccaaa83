//! What every surface makes of a request: a text, who is to speak it, and on what terms. It becomes an utterance, and
//! that a stream.

use std::sync::Arc;

use axum::http::{HeaderMap, header};

use super::{ApiError, AppState, Live, api::types::check_voice};
use crate::{
    speech::{Terms, Utterance},
    stream::{Account, Casting},
    voices::Manner,
};

/// A text to be spoken.
#[derive(Clone, Debug)]
pub(super) struct Asked<'r> {
    /// A voice by our name for it; without, each part of the text has the default one of its language.
    pub(super) voice: Option<&'r str>,
    pub(super) text: &'r str,
    /// How it is read.
    pub(super) manner: Manner,
    pub(super) terms: Terms,
}

impl Asked<'_> {
    /// Gives the text its voices.
    pub(super) fn cast(self, state: &AppState, live: &Live) -> Result<Utterance, ApiError> {
        let Self { voice, text, manner, terms } = self;
        check_voice(voice)?;
        let pools = state.studio.scheduler().pools();
        let cast = live.voices.cast_as(voice, text, manner, &|engine| pools.ready(engine))?;
        Ok(cast.utterance(text, terms))
    }
}

/// Gives the pieces of a text that is still being written their voices: the same for all of them, whatever is configured
/// meanwhile. A piece is no markup, whatever it looks like.
pub(super) fn casting(
    state: &AppState,
    live: &Arc<Live>,
    voice: Option<String>,
) -> Result<Casting, ApiError> {
    check_voice(voice.as_deref())?;
    let (live, scheduler) = (Arc::clone(live), Arc::clone(state.studio.scheduler()));
    Ok(Box::new(move |text| {
        let pools = scheduler.pools();
        live.voices.cast_as(voice.as_deref(), text, Manner::plain(), &|engine| pools.ready(engine))
    }))
}

/// What was made of a request, and its account, which is closed if the request is wrong.
pub(super) fn checked<T>(account: Account, checked: Result<T, ApiError>) -> Result<(Account, T), ApiError> {
    match checked {
        Ok(right) => Ok((account, right)),
        Err(error) => {
            account.invalid(&error.code(), &error.to_string());
            Err(error)
        }
    }
}

/// Whether `Cache-Control` asks for audio that is made anew.
pub(super) fn wants_it_fresh(headers: &HeaderMap) -> bool {
    let words = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut words = words.flat_map(|value| value.split(',')).map(str::trim);
    words.any(|word| word.eq_ignore_ascii_case("no-cache") || word.eq_ignore_ascii_case("no-store"))
}
