//! What every surface makes of a request: a text, who is to speak it, and on what terms. It becomes an utterance, and
//! that a stream.

use super::{ApiError, AppState, Live};
use crate::{
    speech::{Terms, Utterance},
    stream::Account,
    voices::{CastError, Manner},
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
    pub(super) fn cast(self, state: &AppState, live: &Live) -> Result<Utterance, CastError> {
        let Self { voice, text, manner, terms } = self;
        let pools = state.studio.scheduler().pools();
        let cast = live.voices.cast_as(voice, text, manner, &|engine| pools.ready(engine))?;
        Ok(cast.utterance(text, terms))
    }
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
