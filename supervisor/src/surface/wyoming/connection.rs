//! One connection: what is heard becomes utterances, one after the other, and each is sent as it is made.

use std::{collections::VecDeque, fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, sleep_until},
};

use super::{
    Ends,
    dialogue::{Dialogue, Step, VoiceWish},
    error::Trouble,
    info::info,
    speech::{Sound, Speech, Wanted},
    wire::{Incoming, Outgoing},
};
use crate::{
    metrics::Surface,
    speech::ClientId,
    stream::{Account, TextIn},
    surface::{AppState, live::Live, request, serve::Place},
};

/// How long somebody who has just come may take to say what for, once the end has begun.
const LAST_WORD: Duration = Duration::from_millis(200);
/// Requests that may wait behind the one that is being spoken.
const MOST_WAITING: usize = 16;
/// A tenth of a second of silence.
const SILENCE_RATE: u32 = 24_000;
const SILENCE_BYTES: usize = 4_800;

/// Serves one connection to its end. Its place is taken until then.
pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, state: AppState, ends: Ends, place: Place) {
    let live = state.live.kept();
    let client = ClientId::address(peer.ip());
    let (reader, writer) = stream.into_split();
    let mut talk = Talk {
        incoming: Incoming::new(reader, live.limits.max_body_bytes),
        outgoing: Outgoing::new(writer, live.limits.slow_reader),
        dialogue: Dialogue::default(),
        waiting: VecDeque::new(),
        current: None,
        last_heard: Instant::now(),
        draining: None,
        state,
        live,
        client,
    };
    match talk.run(&ends).await {
        Ok(()) => {}
        Err(End::Told(trouble)) => {
            // What was being made of it is let go of first.
            talk.current = None;
            let told = talk.outgoing.send("error", &trouble.data(), Bytes::new()).await;
            talk.outgoing.end().await;
            if told.is_ok() {
                talk.incoming.pass_over().await;
            }
        }
        Err(End::Broken(error)) => tracing::debug!(%peer, "A Wyoming connection ended early: {error}"),
    }
    drop(place);
}

/// Tells somebody why it cannot be, and closes.
pub(super) async fn refuse(stream: TcpStream, trouble: Trouble) {
    let (reader, writer) = stream.into_split();
    let mut outgoing = Outgoing::new(writer, Duration::from_secs(1));
    if outgoing.send("error", &trouble.data(), Bytes::new()).await.is_ok() {
        outgoing.end().await;
        Incoming::new(reader, 0).pass_over().await;
    }
}

/// Why a connection ends before its client ends it.
enum End {
    /// It is told.
    Told(Trouble),
    /// Nobody is there who could be told.
    Broken(io::Error),
}

impl<T: Into<Trouble>> From<T> for End {
    fn from(trouble: T) -> Self {
        Self::Told(trouble.into())
    }
}

/// Something to be spoken, in its turn.
struct Job {
    voice: VoiceWish,
    /// What there is of it and was not yet passed on.
    text: String,
    /// It comes in pieces, so that its end is told apart from the end of its audio.
    is_written: bool,
    /// All of the text is there.
    is_complete: bool,
}

/// What is being spoken.
struct Current {
    speech: Speech,
    /// Where more of it goes, as long as it is being written.
    writing: Option<TextIn>,
    /// As of its job.
    is_written: bool,
    /// Its audio has begun.
    is_heard: bool,
}

/// A connection that is being served.
struct Talk<R, W> {
    incoming: Incoming<R>,
    outgoing: Outgoing<W>,
    dialogue: Dialogue,
    waiting: VecDeque<Job>,
    current: Option<Current>,
    last_heard: Instant,
    /// Since when the server is ending.
    draining: Option<Instant>,
    state: AppState,
    /// What was in force when the connection began, as far as it concerns the connection.
    live: Arc<Live>,
    client: ClientId,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Talk<R, W> {
    async fn run(&mut self, ends: &Ends) -> Result<(), End> {
        loop {
            self.advance()?;
            let deadline = self.deadline();
            let current = &mut self.current;
            let sound = async {
                match current {
                    Some(current) => current.speech.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                read = self.incoming.read() => {
                    // Whoever closes wants nothing any more.
                    if !read.map_err(End::Broken)? {
                        return Ok(());
                    }
                    self.last_heard = Instant::now();
                    self.hear_all().await?;
                }
                sound = sound => self.send(sound.transpose()).await?,
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => return self.late(),
                () = ends.drain.cancelled(), if self.draining.is_none() => self.draining = Some(Instant::now()),
                () = ends.close.cancelled() => return Ok(()),
            }
        }
    }

    /// Begins with what comes next, if it is its turn.
    fn advance(&mut self) -> Result<(), Trouble> {
        if self.current.is_some() {
            return Ok(());
        }
        let Some(Job { voice, text, is_written, is_complete }) = self.waiting.pop_front() else {
            return Ok(());
        };
        let wanted = Wanted { text, voice, request_id: request::fresh(), client: self.client.clone() };
        let (speech, writing) = if is_written {
            let (writing, speech) = Speech::of_arriving(&self.state, wanted)?;
            // Its end is the end of the text.
            (speech, Some(writing).filter(|_| !is_complete))
        } else {
            (Speech::new(&self.state, wanted), None)
        };
        self.current = Some(Current { speech, writing, is_written, is_heard: false });
        Ok(())
    }

    /// When our patience with a client that says nothing is over. While somebody listens it need not say anything.
    fn deadline(&self) -> Option<Instant> {
        let limits = &self.live.limits;
        let of_event = self.incoming.midway().map(|since| since + limits.body_timeout);
        if let (None, Some(since)) = (&self.current, self.draining) {
            return Some(since + LAST_WORD);
        }
        // Whoever writes has to go on, whatever is heard of it meanwhile.
        let speaks = self.current.as_ref().is_some_and(|current| current.writing.is_none());
        of_event.or_else(|| (!speaks).then(|| self.last_heard + limits.keep_alive))
    }

    fn late(&self) -> Result<(), End> {
        if self.current.is_none() && self.draining.is_some() {
            return Ok(());
        }
        let limits = &self.live.limits;
        if self.incoming.midway().is_some() {
            return Err(Trouble::TooSlow(limits.body_timeout.as_secs()).into());
        }
        if self.dialogue.is_writing() {
            return Err(Trouble::TooSlow(limits.keep_alive.as_secs()).into());
        }
        Ok(())
    }

    async fn hear_all(&mut self) -> Result<(), End> {
        loop {
            let most = self.live.limits.max_text_chars;
            let event = self.incoming.next().map(|event| event.map(|event| self.dialogue.hear(event, most)));
            let step = match event {
                Ok(None) => return Ok(()),
                Ok(Some(Ok(step))) => step,
                Ok(Some(Err(trouble))) | Err(trouble) => {
                    self.note(&trouble);
                    return Err(trouble.into());
                }
            };
            self.follow(step).await?;
        }
    }

    /// A request that never came to an utterance is one all the same.
    fn note(&self, trouble: &Trouble) {
        let metrics = Arc::clone(&self.state.metrics);
        let account = Account::open(metrics, Surface::Wyoming, request::fresh(), &self.client);
        account.invalid(&trouble.code(), &trouble.to_string());
    }

    async fn follow(&mut self, step: Step) -> Result<(), End> {
        match step {
            Step::Pass => {}
            Step::Describe => self.tell("info", &describe(&self.state)).await?,
            Step::Pong(text) => self.tell("pong", &json!({ "text": text })).await?,
            Step::Speak { text, voice } => {
                self.queue(Job { voice, text, is_written: false, is_complete: true })?;
            }
            Step::Begin(voice) => {
                // A text that was not written to its end is given up for the new one.
                self.waiting.retain(|job| job.is_complete);
                let given_up = self.current.take_if(|current| current.writing.is_some());
                if given_up.is_some_and(|current| current.is_heard) {
                    self.tell("audio-stop", &Value::Null).await?;
                }
                self.queue(Job { voice, text: String::new(), is_written: true, is_complete: false })?;
            }
            Step::More(text) => match (self.waiting.back_mut(), &self.current) {
                (Some(job), _) => job.text.push_str(&text),
                (None, Some(Current { writing: Some(writing), .. })) => {
                    writing.push(&text).map_err(Trouble::from)?;
                }
                // It failed, and its error is on the way.
                _ => {}
            },
            Step::Complete => match (self.waiting.back_mut(), &mut self.current) {
                (Some(job), _) => job.is_complete = true,
                // Its end is the end of the text.
                (None, Some(current)) => drop(current.writing.take()),
                (None, None) => {}
            },
        }
        Ok(())
    }

    fn queue(&mut self, job: Job) -> Result<(), Trouble> {
        if self.waiting.len() >= MOST_WAITING {
            return Err(Trouble::TooManyWaiting(MOST_WAITING));
        }
        self.waiting.push_back(job);
        Ok(())
    }

    /// A moment of silence for a text in which there was nothing to speak: Home Assistant takes an answer without any
    /// audio for one that failed.
    async fn rest(&mut self) -> Result<(), End> {
        let format = json!({ "rate": SILENCE_RATE, "width": 2, "channels": 1, "timestamp": 0 });
        let silence = Bytes::from_static(&[0; SILENCE_BYTES]);
        self.tell("audio-start", &format).await?;
        self.outgoing.send("audio-chunk", &format, silence).await.map_err(End::Broken)?;
        self.tell("audio-stop", &Value::Null).await
    }

    async fn tell(&mut self, kind: &str, data: &Value) -> Result<(), End> {
        self.outgoing.send(kind, data, Bytes::new()).await.map_err(End::Broken)
    }

    /// Sends what was made, or that it was all.
    async fn send(&mut self, sound: Result<Option<Sound>, Trouble>) -> Result<(), End> {
        let Some(current) = &mut self.current else { return Ok(()) };
        match sound {
            Ok(Some(Sound { pcm, rate, at })) => {
                let timestamp = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
                let format = json!({ "rate": rate, "width": 2, "channels": 1, "timestamp": timestamp });
                if !std::mem::replace(&mut current.is_heard, true) {
                    self.tell("audio-start", &format).await?;
                }
                self.outgoing.send("audio-chunk", &format, pcm).await.map_err(End::Broken)
            }
            // Some texts that are written piece by piece come to nothing.
            Err(trouble) if !(current.is_written && trouble.code() == "nothing_to_speak") => {
                Err(trouble.into())
            }
            Ok(None) | Err(_) => {
                let (was_heard, was_written) = (current.is_heard, current.is_written);
                self.current = None;
                // It may take its time for the next one from here on.
                self.last_heard = Instant::now();
                if was_written && !was_heard {
                    self.rest().await?;
                }
                if was_heard {
                    self.tell("audio-stop", &Value::Null).await?;
                }
                if was_written {
                    self.tell("synthesize-stopped", &Value::Null).await?;
                }
                Ok(())
            }
        }
    }
}

impl<R, W> fmt::Debug for Talk<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Talk").field("client", &self.client).finish_non_exhaustive()
    }
}

/// The data of `info`, as it stands.
fn describe(state: &AppState) -> Value {
    let pools = state.studio.scheduler().pools();
    info(&state.voices(&state.live.now()), &|engine| pools.get(engine).is_some())
}
