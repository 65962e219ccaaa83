//! Speech for a text that is still being written.
//!
//! ```text
//! TextIn ─ push, flush, end ─▶ inbox ─▶ scribe ─ clauses ─▶ scheduler ─▶ production ─▶ Stream
//! ```
//!
//! [`TextIn`] takes text in and never waits. The scribe, one task for each text, takes complete clauses out of it, gives
//! them their voices and cuts them as any text is cut. With the first of them it has a stream let in, which keeps its
//! share of the workers until the text ends; what follows is appended to that stream. From there on the way is that of
//! every other text: the same production, the same [`Stream`]. Dropping the stream (or the [`Opening`] before it) takes
//! everything back.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    select,
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    Account, SpeechError, Stream, Studio, TextIn,
    inbox::Inbox,
    production::{Line, More, Production},
    shared::Shared,
    source::{Origin, Source},
};
use crate::{
    config::Route,
    schedule::{Booking, Delivery, Entry, Segment, Tail, Turns},
    speech::{Breaks, Line as Written, Part, Terms, Utterance, cut_parts},
    traces::Branch,
    voices::{Cast, CastError},
};

/// Gives a piece of the text its voices.
pub type Casting = Box<dyn Fn(&str) -> Result<Cast, CastError> + Send + Sync>;

/// Longest segment that is counted on for text that has yet to come: a sentence of usual length.
const USUAL_MS: u32 = 3000;

/// How a text that is still arriving is to be spoken.
#[derive(Clone, Debug)]
pub struct Manner {
    /// On what terms. Without a seed, one follows from the voice and the first clause; a deadline is not heeded, and the
    /// audio is made anew in any case.
    pub terms: Terms,
    /// Whether `<break time="1s"/>` in the text is a silence; else it is text.
    pub has_breaks: bool,
    /// Longest text, in characters.
    pub most_chars: usize,
    /// Longest wait for an engine that was never ready yet, and for audio that was promised.
    pub patience: Duration,
}

/// The audio of a text that is still arriving, before there is any. Dropping it takes everything back.
#[derive(Debug)]
pub struct Opening {
    opened: oneshot::Receiver<Result<Opened, SpeechError>>,
    account: Account,
}

impl Opening {
    /// Waits for the first complete clause, and for its first audio. A text that ends without anything that has a sound
    /// is an error.
    pub async fn stream(mut self) -> Result<Stream, SpeechError> {
        // A scribe tells how it ends; if it could not, the server is ending.
        let opened = (&mut self.opened).await.unwrap_or_else(|_| Err(SpeechError::nothing_to_speak()));
        match opened {
            Ok(Opened { source, utterance, accepted, latest }) => {
                self.account.begins(accepted);
                self.account.speak(utterance.main_engine(), &utterance.voice, utterance.skipped);
                Stream::begin(source, &utterance, Delivery::Live, latest, self.account).await
            }
            Err(error) => {
                self.account.fail(&error);
                Err(error)
            }
        }
    }
}

/// A stream that was let in with the first clauses.
#[derive(Debug)]
struct Opened {
    source: Source,
    utterance: Utterance,
    accepted: Instant,
    latest: Instant,
}

impl Studio {
    /// Speaks a text that is still arriving. It asks for capacity when the first clause is complete, not before; what
    /// comes of that, an error among it, is told by the [`Opening`]. An error here: the voice cannot speak.
    pub fn arrive(
        self: &Arc<Self>,
        manner: Manner,
        casting: Casting,
        account: Account,
    ) -> Result<(TextIn, Opening), CastError> {
        // Any text would do: whether there is such a voice is known before there is one.
        if let Err(error) = casting("a") {
            account.invalid("voice", &error.to_string());
            return Err(error);
        }
        let inbox = Arc::new(Inbox::default());
        inbox.page().has_breaks = manner.has_breaks;
        let text = TextIn { inbox: Arc::clone(&inbox), most: manner.most_chars };
        let (opens, opened) = oneshot::channel();
        let scribe = Scribe {
            studio: Arc::clone(self),
            manner,
            casting,
            inbox,
            last: None,
            branch: account.branch(),
            breaks: Breaks::default(),
            rest_ms: 0,
            progress: Progress::Silent(opens),
        };
        tokio::spawn(scribe.run());
        Ok((text, Opening { opened, account }))
    }
}

/// Takes clauses out of the inbox and has them spoken.
struct Scribe {
    studio: Arc<Studio>,
    manner: Manner,
    casting: Casting,
    inbox: Arc<Inbox>,
    /// Who spoke last.
    last: Option<(Route, Option<String>)>,
    /// Where its segments are traced, if they are.
    branch: Branch,
    breaks: Breaks,
    /// The silence that was asked for since then, in milliseconds.
    rest_ms: u32,
    progress: Progress,
}

/// How far it is.
enum Progress {
    /// No clause was complete yet.
    Silent(oneshot::Sender<Result<Opened, SpeechError>>),
    Speaking {
        utterance: Box<Utterance>,
        outflow: mpsc::UnboundedSender<Result<More, SpeechError>>,
        /// Held for as long as more text may come.
        tail: Tail,
    },
}

impl Scribe {
    async fn run(mut self) {
        loop {
            let (text, ended) = self.inbox.take();
            if !text.is_empty()
                && let Err(error) = self.read(&text).await
            {
                self.fail(error);
                return;
            }
            if ended {
                return self.end();
            }
            let Self { inbox, progress, .. } = &mut self;
            let gone = async {
                match progress {
                    Progress::Silent(opens) => opens.closed().await,
                    Progress::Speaking { outflow, .. } => outflow.closed().await,
                }
            };
            select! {
                () = gone => return,
                () = inbox.news.notified() => {}
            }
        }
    }

    /// Has complete text spoken, with the silences in it.
    async fn read(&mut self, text: &str) -> Result<(), SpeechError> {
        if !self.manner.has_breaks {
            return self.speak(text).await;
        }
        for line in self.breaks.read(text).map_err(CastError::from)? {
            match line {
                Written::Break(pause_ms) => self.rest_ms = self.rest_ms.saturating_add(pause_ms),
                Written::Text { text, .. } => self.speak(&text).await?,
            }
        }
        Ok(())
    }

    /// All of the text has been read.
    fn end(self) {
        match &self.progress {
            Progress::Silent(_) => self.fail(CastError::NothingToSpeak.into()),
            Progress::Speaking { outflow, .. } if self.rest_ms > 0 => {
                let (turns, lines) = (Turns::default(), Vec::new());
                let more = More { turns, lines, rest_ms: self.rest_ms, skipped: 0, at: Instant::now() };
                // If nobody listens any more, nobody misses it.
                drop(outflow.send(Ok(more)));
            }
            Progress::Speaking { .. } => {}
        }
    }

    /// Tells whoever listens how it went wrong. If nobody does any more, nobody is told.
    fn fail(self, error: SpeechError) {
        match self.progress {
            Progress::Silent(opens) => drop(opens.send(Err(error))),
            Progress::Speaking { outflow, .. } => drop(outflow.send(Err(error))),
        }
    }

    /// Has complete clauses spoken.
    async fn speak(&mut self, text: &str) -> Result<(), SpeechError> {
        let at = Instant::now();
        let cast = match (self.casting)(text) {
            Ok(cast) => cast,
            Err(CastError::NothingToSpeak) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mut parts = self.keep_to_the_last_voice(text, cast.parts);
        let rest_ms = std::mem::take(&mut self.rest_ms);
        let begins = matches!(self.progress, Progress::Silent(_));
        if let Some(first) = parts.first_mut().filter(|_| begins) {
            first.lead_ms += rest_ms;
        }
        let utterance = self.utterance(text, &cast.voice, parts, cast.skipped);
        let scheduler = self.studio.scheduler();
        let engines = utterance.engines();
        let entry = begins.then(|| scheduler.enter(&engines)).transpose()?;
        let known = async {
            if begins { scheduler.known(&engines).await } else { scheduler.still_known(&engines).await }
        };
        let known = timeout(self.manner.patience, known).await;
        known.map_err(|_late| SpeechError::Deadline)??;
        let voices = timeout(self.manner.patience, self.studio.voices(&utterance)).await;
        let voices = voices.map_err(|_late| SpeechError::Deadline)??;
        let parts = cut_parts(&utterance.parts, |engine| scheduler.budget(engine), begins);
        if parts.is_empty() {
            return Ok(());
        }
        let segments: Vec<Segment> = parts.iter().map(|part| self.studio.segment(&utterance, part)).collect();
        let (lines, rate) = self.studio.lines(&utterance, &parts, &voices);
        match &self.progress {
            Progress::Silent(_) => {
                let entry = entry.ok_or_else(SpeechError::nothing_to_speak)?;
                self.open(utterance, segments, (lines, rate), entry, at)
            }
            Progress::Speaking { outflow, tail, .. } => {
                let turns = tail.append(segments)?;
                let skipped = u64::try_from(utterance.skipped).unwrap_or(u64::MAX);
                // If nobody listens any more, the next look at it ends this.
                drop(outflow.send(Ok(More { turns, lines, rest_ms, skipped, at })));
                Ok(())
            }
        }
    }

    /// Has the stream let in.
    fn open(
        &mut self,
        utterance: Utterance,
        segments: Vec<Segment>,
        (lines, rate): (Vec<Line>, u32),
        entry: Arc<Entry>,
        accepted: Instant,
    ) -> Result<(), SpeechError> {
        let scheduler = self.studio.scheduler();
        let open = segments.first().map(|first| Segment {
            spoken_ms: f64::from(scheduler.budget(&first.engine).most_ms.min(USUAL_MS)) / utterance.speed,
            ..first.clone()
        });
        let place = scheduler.admit(Booking {
            client: utterance.client.clone(),
            class: utterance.priority,
            delivery: Delivery::Live,
            accepted,
            deadline: None,
            segments,
            open,
            is_kept: false,
        })?;
        let (outflow, inflow) = mpsc::unbounded_channel();
        let production =
            Production::new(place.tickets, lines.into(), rate, Some(inflow), self.branch.clone());
        let shared = Arc::new(Shared::new(place.ear.stream(), rate, production, None));
        let latest = place.promised.max(accepted) + self.manner.patience;
        // Nobody can have let go of anything yet, and an open booking has a tail.
        let source = Source::listen(shared, place.ear, Origin::Made, entry).ok_or(SpeechError::Deadline)?;
        let tail = place.tail.ok_or(SpeechError::Deadline)?;
        let speaking = Progress::Speaking { utterance: Box::new(utterance.clone()), outflow, tail };
        if let Progress::Silent(opens) = std::mem::replace(&mut self.progress, speaking) {
            // Whoever has gone away meanwhile takes the stream along.
            drop(opens.send(Ok(Opened { source, utterance, accepted, latest })));
        }
        Ok(())
    }

    /// Numbers and signs alone are spoken by whoever spoke before them, as they are in the middle of a text.
    fn keep_to_the_last_voice(&mut self, text: &str, mut parts: Vec<Part>) -> Vec<Part> {
        if let ([part], Some((route, language)), false) =
            (&mut parts[..], &self.last, text.chars().any(char::is_alphabetic))
        {
            (part.route, part.language) = (route.clone(), language.clone());
        }
        if let Some(last) = parts.last() {
            self.last = Some((last.route.clone(), last.language.clone()));
        }
        parts
    }

    fn utterance(&self, text: &str, voice: &str, parts: Vec<Part>, skipped: usize) -> Utterance {
        if let Progress::Speaking { utterance, .. } = &self.progress {
            return Utterance { parts, skipped, ..Utterance::clone(utterance) };
        }
        let cast = Cast { voice: voice.to_owned(), parts, skipped };
        cast.utterance(text, Terms { deadline: None, is_fresh: true, ..self.manner.terms.clone() })
    }
}

impl fmt::Debug for Scribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scribe").field("manner", &self.manner).finish_non_exhaustive()
    }
}
