//! WebSocket `/v1/text-to-speech/{voice}/stream-input`: text in as it is written, audio out as it is spoken.
//!
//! ```text
//! client: {"text": " ", "voice_settings": {…}, "xi_api_key": …}   {"text": "Hello "}   {"text": "there. "} …   {"text": ""}
//! server:      {"audio": "…", "isFinal": null, "alignment": null, …} …   {"audio": null, "isFinal": true, …}   close 1000
//! ```
//!
//! One connection is one text. Where there are API keys, one may come with the handshake or in the first message; until
//! then nothing else is said. Whoever closes the connection takes everything back, and the worker is free with its next
//! chunk.

use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

use axum::{
    extract::{
        Extension, Path, Query as RawQuery, State,
        rejection::PathRejection,
        ws::{
            CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection,
        },
    },
    http::{HeaderMap, header},
    response::Response,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::{
    SinkExt, Stream, StreamExt, TryStreamExt,
    stream::{SplitSink, SplitStream, once},
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};
use tungstenite::{Error, error::ProtocolError};

use super::{error, message::Message, query::Query};
use crate::{
    metrics::Surface,
    speech::{ClientId, Format, Terms},
    stream::{Account, Manner, Opening, SpeechError, TextIn},
    surface::{
        ApiError, AppState, Live, answer, api::fields::invalid, asked, edge::Access, request::RequestId,
        serve::GivenUp,
    },
    traces::Caller,
    voices::CastError,
};

/// How long a client may take to close its side once we have closed ours.
const GOODBYE: Duration = Duration::from_secs(1);
/// All is said; the client breaks the protocol; its text is none (RFC 6455, 7.4.1).
const NORMAL: u16 = 1000;
const PROTOCOL: u16 = 1002;
const NOT_TEXT: u16 = 1007;

/// Takes the connection over.
pub(in crate::surface) async fn stream_input(
    State(state): State<AppState>,
    Extension(RequestId(id)): Extension<RequestId>,
    (Extension(client), Extension(access), Extension(given_up)): (
        Extension<ClientId>,
        Extension<Access>,
        Extension<GivenUp>,
    ),
    headers: HeaderMap,
    voice: Result<Path<String>, PathRejection>,
    RawQuery(fields): RawQuery<HashMap<String, String>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(Path(voice)) = voice else { return error::answer(ApiError::NoSuchRoute).await };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(WebSocketUpgradeRejection::WebSocketKeyHeaderMissing(_)) => {
            return error::answer(ApiError::InvalidHandshake).await;
        }
        Err(why) => {
            let message = format!("this route is a WebSocket, and the request cannot become one: {why}");
            return error::answer(invalid("upgrade", message)).await;
        }
    };
    if !has_key(&headers) {
        return error::answer(ApiError::InvalidHandshake).await;
    }
    let live = state.live.kept();
    let most = live.limits.max_body_bytes;
    let visitor = Visitor { state, live, id, client, access, voice, query: Query::of(fields), given_up };
    upgrade.max_message_size(most).max_frame_size(most).on_upgrade(|socket| visitor.stay(socket))
}

/// Whoever is at the other end, and what for.
struct Visitor {
    state: AppState,
    live: Arc<Live>,
    id: Caller,
    client: ClientId,
    access: Access,
    voice: String,
    query: Query,
    given_up: GivenUp,
}

/// Whether the handshake brings a key as RFC 6455, 4.1 has it: 16 bytes in base64.
fn has_key(headers: &HeaderMap) -> bool {
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else { return false };
    BASE64_STANDARD.decode(key.as_bytes()).is_ok_and(|key| key.len() == 16)
}

/// Why a conversation ended early.
enum Left {
    /// The client went away.
    Gone,
    /// It is told why.
    Told(ApiError),
    /// It does not keep to the protocol: what it is told, and the code that it is closed with.
    Broken(&'static str, u16),
}

impl<E: Into<ApiError>> From<E> for Left {
    fn from(error: E) -> Self {
        Self::Told(error.into())
    }
}

type Audio = Pin<Box<dyn Stream<Item = Result<Bytes, SpeechError>> + Send>>;

impl Visitor {
    async fn stay(self, socket: WebSocket) {
        let (mut mouth, hear) = socket.split();
        let mut ear = Ear { hear, most: self.live.limits.max_body_bytes };
        let given_up = self.given_up.clone();
        let (last, code) = match self.talk(&mut mouth, &mut ear).await {
            Err(Left::Gone) => return,
            Err(Left::Told(error)) => {
                tracing::debug!("A WebSocket is closed: {error}");
                given_up.give_up();
                error::farewell(error)
            }
            Err(Left::Broken(why, code)) => {
                tracing::debug!("A WebSocket is closed: {why}");
                given_up.give_up();
                (error::broken(why, code), code)
            }
            Ok(()) => (told(None, Some(true)), NORMAL),
        };
        let close = Frame::Close(Some(CloseFrame { code, reason: reason(&last).into() }));
        if say(&mut mouth, &last).await.is_ok() && mouth.send(close).await.is_ok() {
            // What is still on its way here would break the connection before our last words were heard.
            drop(timeout(GOODBYE, async { while ear.next().await.is_ok() {} }).await);
        }
    }

    async fn talk(self, mouth: &mut Mouth, ear: &mut Ear) -> Result<(), Left> {
        let patience = self.query.patience();
        let first = match self.access {
            // Somebody who shows no key has no time to lose.
            Access::Nobody => self.live.limits.body_timeout,
            Access::Key(_) | Access::Open => *patience.as_ref().unwrap_or(&self.live.limits.body_timeout),
        };
        let first = Message::parse(&ear.next_within(first).await?);
        let client = self.admit(first.as_ref().ok().and_then(|message| message.key.as_deref()))?;
        let account =
            Account::open(Arc::clone(&self.state.metrics), Surface::ElevenLabs, self.id.clone(), &client);
        let prepared = first.and_then(|first| {
            let casting = asked::casting(&self.state, &self.live, Some(self.voice.clone()))?;
            Ok((self.manner(&first, client)?, casting, first, patience?))
        });
        let (account, (manner, casting, first, patience)) = asked::checked(account, prepared)?;
        let format = manner.terms.format;
        let (text, opening) = self.state.studio.arrive(manner, casting, account)?;
        converse(mouth, ear, Conversation { text, audio: audio(opening, format), patience }, first).await
    }

    /// Asks for a key where the handshake showed none, and tells whose text this is.
    fn admit(&self, in_message: Option<&str>) -> Result<ClientId, ApiError> {
        let keys = match (&self.access, &self.live.keys) {
            (Access::Nobody, Some(keys)) => keys,
            // Where keys were taken away meanwhile, those who came before are none the wiser.
            (Access::Nobody, None) => return Err(ApiError::Unauthorised { has_key: false }),
            (Access::Key(_) | Access::Open, _) => return Ok(self.client.clone()),
        };
        let shown = self.query.key().or(in_message).ok_or(ApiError::Unauthorised { has_key: false })?;
        let name = keys.find(shown.as_bytes()).ok_or(ApiError::Unauthorised { has_key: true })?;
        Ok(ClientId::key(name.as_str()))
    }

    fn manner(&self, first: &Message, client: ClientId) -> Result<Manner, ApiError> {
        let output = self.query.output_format()?;
        let limits = &self.live.limits;
        Ok(Manner {
            terms: Terms {
                speed: first.speed.unwrap_or(1.0),
                seed: self.query.seed()?,
                sample_rate: Some(output.rate),
                ..Terms::usual(client, output.format)
            },
            has_breaks: true,
            most_chars: limits.max_text_chars,
            patience: limits.patience,
        })
    }
}

/// The encoded audio of a text, from the moment that there is any.
fn audio(opening: Opening, format: Format) -> Audio {
    let begun = once(async move { answer::pieces(opening.stream().await?, format) });
    Box::pin(begun.try_flatten())
}

/// A text on its way in, and its audio on its way out.
struct Conversation {
    text: TextIn,
    audio: Audio,
    /// How long the client may say nothing while its text is not complete.
    patience: Duration,
}

async fn converse(
    mouth: &mut Mouth,
    ear: &mut Ear,
    mut conversation: Conversation,
    first: Message,
) -> Result<(), Left> {
    let Conversation { text, audio, patience } = &mut conversation;
    let mut ended = take(text, &first)?;
    let mut silent_until = Instant::now().checked_add(*patience);
    loop {
        tokio::select! {
            piece = audio.next() => match piece {
                Some(Ok(piece)) => {
                    say(mouth, &told(Some(&piece), None)).await?;
                }
                // It was said with what sound: none.
                Some(Err(SpeechError::Cast(CastError::NothingToSpeak))) if ended => return Ok(()),
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(()),
            },
            said = ear.next_until(silent_until.filter(|_| !ended)) => {
                let said = said?.ok_or_else(|| silent(*patience))?;
                // All of the text is there: only that the client leaves is still of interest.
                if !ended {
                    let message = Message::parse(&said)?;
                    ended = take(text, &message)?;
                    silent_until = Instant::now().checked_add(*patience);
                }
            }
        }
    }
}

/// Takes a message's text in; tells whether that was all.
fn take(text: &TextIn, message: &Message) -> Result<bool, ApiError> {
    if message.text.is_empty() {
        text.end();
        return Ok(true);
    }
    text.push(&message.text)
        .map_err(|too_long| ApiError::TextTooLong { length: too_long.length, most: too_long.most })?;
    if message.flush {
        text.flush();
    }
    Ok(false)
}

fn silent(patience: Duration) -> ApiError {
    invalid(
        "inactivity_timeout",
        format!(
            "no text came for {} s; send a space to keep the connection, or ask for a longer inactivity_timeout",
            patience.as_secs()
        ),
    )
}

type Mouth = SplitSink<WebSocket, Frame>;

async fn say(mouth: &mut Mouth, what: &Value) -> Result<(), Left> {
    mouth.send(Frame::Text(what.to_string().into())).await.map_err(|_| Left::Gone)
}

/// Engines do not tell when which word sounds, so there is no alignment.
fn told(audio: Option<&Bytes>, is_final: Option<bool>) -> Value {
    json!({
        "audio": audio.map(|audio| BASE64_STANDARD.encode(audio)),
        "isFinal": is_final,
        "normalizedAlignment": null,
        "alignment": null,
    })
}

/// The reason in a close frame has room for 123 bytes.
fn reason(last: &Value) -> String {
    last["error"].as_str().unwrap_or_default().chars().filter(char::is_ascii).take(100).collect()
}

/// What the client says, without what is about the connection alone.
struct Ear {
    hear: SplitStream<WebSocket>,
    /// Bytes that a message may have.
    most: usize,
}

impl Ear {
    /// The next message.
    async fn next(&mut self) -> Result<Bytes, Left> {
        loop {
            match self.hear.next().await {
                Some(Ok(Frame::Text(text))) => return Ok(text.into()),
                Some(Ok(Frame::Binary(bytes))) => return Ok(bytes),
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
                Some(Ok(Frame::Close(_))) | None => return Err(Left::Gone),
                Some(Err(error)) => return Err(self.why(error)),
            }
        }
    }

    /// Why there is no message.
    fn why(&self, error: axum::Error) -> Left {
        match error.into_inner().downcast_ref() {
            Some(Error::Capacity(_)) => Left::Told(ApiError::BodyTooLarge(self.most)),
            Some(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => Left::Gone,
            Some(Error::Protocol(_)) => {
                Left::Broken("what came is no WebSocket frame as RFC 6455 has it", PROTOCOL)
            }
            Some(Error::Utf8(_)) => Left::Broken("a text message is not UTF-8", NOT_TEXT),
            // The connection broke, and nobody is there to be told.
            _ => Left::Gone,
        }
    }

    /// The next message, or `None` if none came until then.
    async fn next_until(&mut self, until: Option<Instant>) -> Result<Option<Bytes>, Left> {
        match until {
            Some(until) => timeout_at(until, self.next()).await.ok().transpose(),
            None => self.next().await.map(Some),
        }
    }

    async fn next_within(&mut self, patience: Duration) -> Result<Bytes, Left> {
        timeout(patience, self.next()).await.map_err(|_late| silent(patience))?
    }
}
