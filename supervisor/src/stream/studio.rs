//! Where utterances become streams: out of the cache, by joining one that is being made, or by being made.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use ishowtts_workers::{Phonemes, SynthesisRequest};
use tokio::time::timeout_at;

use super::{
    Account, SpeechError, Stream,
    production::{Line, Production},
    shared::Shared,
    source::{Origin, Source},
};
use crate::{
    cache::{Cache, Key},
    config::Config,
    schedule::{Booking, Delivery, Entry, Scheduler, Segment},
    speech::{Part, Sound, Utterance, estimated_ms},
    voices::{Shelf, Use},
};

/// Everything that is needed to speak.
#[derive(Debug)]
pub struct Studio {
    scheduler: Arc<Scheduler>,
    cache: Arc<Cache>,
    shelf: Arc<Shelf>,
    /// Whether an engine's audio may be kept, where the configuration says so.
    keeps: HashMap<String, bool>,
    /// What is being made, for whoever asks for the same.
    productions: Mutex<HashMap<Key, Weak<Shared>>>,
}

/// Voices that were sent to us, by name, held while they are spoken with.
type Voices = HashMap<String, Arc<Use>>;

impl Studio {
    /// Over a scheduler, a cache, and voices that come and go.
    pub fn new(
        scheduler: Arc<Scheduler>,
        cache: Arc<Cache>,
        shelf: Arc<Shelf>,
        config: &Config,
    ) -> Arc<Self> {
        let keeps = config.engines.iter().filter_map(|(name, engine)| Some((name.clone(), engine.cache?)));
        Arc::new(Self { scheduler, cache, shelf, keeps: keeps.collect(), productions: Mutex::default() })
    }

    /// Who lets streams in.
    pub fn scheduler(&self) -> &Arc<Scheduler> {
        &self.scheduler
    }

    /// Voices that come and go.
    pub(super) fn shelf(&self) -> &Arc<Shelf> {
        &self.shelf
    }

    /// Finished audio.
    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// Has an utterance let in and waits for its first audio. For an engine that was never ready yet, and a voice that is
    /// being prepared, it waits at most `patience`. `account` is told how it ends, however it ends.
    pub async fn open(
        &self,
        utterance: Utterance,
        delivery: Delivery,
        patience: Duration,
        mut account: Account,
    ) -> Result<Stream, SpeechError> {
        account.speak(utterance.main_engine(), &utterance.voice, utterance.skipped);
        match self.source(&utterance, delivery, patience, &account).await {
            Ok((source, latest)) => Stream::begin(source, &utterance, delivery, latest, account).await,
            Err(error) => {
                account.fail(&error);
                Err(error)
            }
        }
    }

    /// Where the audio comes from, and when the wait for its beginning is over.
    async fn source(
        &self,
        utterance: &Utterance,
        delivery: Delivery,
        patience: Duration,
        account: &Account,
    ) -> Result<(Source, Instant), SpeechError> {
        let accepted = account.accepted();
        let engines = utterance.engines();
        let entry = self.scheduler.enter(&engines)?;
        let deadline = utterance.deadline.map(|deadline| accepted + deadline);
        let until = deadline.unwrap_or(accepted + patience).min(accepted + patience);
        let known = timeout_at(until.into(), self.scheduler.known(&engines)).await;
        known.map_err(|_late| SpeechError::Deadline)??;
        let voices = timeout_at(until.into(), self.voices(utterance)).await;
        let voices = voices.map_err(|_late| SpeechError::Deadline)??;

        let key = self.key(utterance);
        if let Some(key) = key {
            if let Some(recording) = self.cache.get(key).await {
                return Ok((Source::recording(recording, entry), until));
            }
            if let Some((source, promised)) = self.join(key, utterance, delivery, Arc::clone(&entry)) {
                return Ok((source, deadline.unwrap_or(promised + patience)));
            }
        }
        let parts = utterance.cut(|engine| self.scheduler.budget(engine));
        let segments: Vec<Segment> = parts.iter().map(|part| self.segment(utterance, part)).collect();
        let (lines, rate) = self.lines(utterance, &parts, &voices);
        let keep = key.map(|key| (key, Arc::clone(&self.cache)));
        let place = self.scheduler.admit(Booking {
            client: utterance.client.clone(),
            class: utterance.priority,
            delivery,
            accepted,
            deadline: utterance.deadline,
            segments,
            open: None,
            is_kept: keep.is_some(),
        })?;
        let production = Production::new(place.tickets, lines.into(), rate, None, account.branch());
        let shared = Arc::new(Shared::new(place.ear.stream(), rate, production, keep));
        if let Some(key) = key {
            let mut productions = self.productions.lock().unwrap_or_else(PoisonError::into_inner);
            if productions.len() == productions.capacity() {
                productions.retain(|_, shared| shared.strong_count() > 0);
            }
            productions.insert(key, Arc::downgrade(&shared));
        }
        let begins = deadline.unwrap_or(place.promised.max(accepted) + patience);
        // Nobody can have let go of anything yet.
        let source = Source::listen(shared, place.ear, Origin::Made, entry).ok_or(SpeechError::Deadline)?;
        Ok((source, begins))
    }

    /// Joins a production of the same audio that is still whole, unless somebody would wait for audio then.
    fn join(
        &self,
        key: Key,
        utterance: &Utterance,
        delivery: Delivery,
        entry: Arc<Entry>,
    ) -> Option<(Source, Instant)> {
        let productions = self.productions.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = productions.get(&key)?.upgrade()?;
        drop(productions);
        let joined =
            self.scheduler.join(shared.stream, utterance.priority, delivery, utterance.deadline).ok()?;
        let (ear, promised) = joined;
        Some((Source::listen(shared, ear, Origin::Coalesced, entry)?, promised))
    }

    /// Names the audio of an utterance by everything that decides it, if it may be kept or shared at all.
    fn key(&self, utterance: &Utterance) -> Option<Key> {
        if utterance.is_fresh || !self.cache.is_on() {
            return None;
        }
        let pools = self.scheduler.pools();
        let mut fields: Vec<Vec<u8>> =
            vec![utterance.speed.to_be_bytes().into(), utterance.seed.to_be_bytes().into()];
        for engine in utterance.engines() {
            let ready = self.scheduler.ready(engine)?;
            let may_be_kept = self.keeps.get(engine).copied().unwrap_or(ready.repeatable);
            if !may_be_kept {
                return None;
            }
            let options = utterance.options_for(engine, &pools.engines());
            fields.push(engine.into());
            fields.push(pools.identity(engine)?.as_bytes().into());
            fields.push(ready.sample_rate.to_be_bytes().into());
            fields.push(serde_json::to_vec(&options).ok()?);
        }
        for part in &utterance.parts {
            for field in [
                Some(&part.route.engine),
                part.route.speaker.as_ref(),
                part.language.as_ref(),
                Some(&part.text),
            ] {
                fields.push(field.map_or(b"\0".to_vec(), |field| field.as_bytes().to_vec()));
            }
            fields.push(part.rate.to_be_bytes().into());
            fields.push(part.lead_ms.to_be_bytes().into());
            fields.push(part.rest_ms.map_or(Vec::new(), |rest| rest.to_be_bytes().into()));
            fields.push(part.sounds.len().to_be_bytes().into());
            for Sound { range, ipa } in &part.sounds {
                fields.push(range.start.to_be_bytes().into());
                fields.push(range.end.to_be_bytes().into());
                fields.push(ipa.as_bytes().into());
            }
        }
        Some(Key::of(fields.iter().map(Vec::as_slice)))
    }

    /// Waits for the voices among its parts that are being prepared, and holds those that may go.
    pub(super) async fn voices(&self, utterance: &Utterance) -> Result<Voices, SpeechError> {
        let mut held = Voices::new();
        for Part { route, .. } in &utterance.parts {
            let Some(speaker) = &route.speaker else { continue };
            if held.contains_key(speaker) {
                continue;
            }
            let found = self.shelf.hold(&route.engine, speaker).await;
            match found.map_err(|reason| SpeechError::Voice { voice: speaker.clone(), reason })? {
                Some(voice) => held.insert(speaker.clone(), Arc::new(voice)),
                None => continue,
            };
        }
        Ok(held)
    }

    pub(super) fn segment(&self, utterance: &Utterance, part: &Part) -> Segment {
        let engine = &part.route.engine;
        let request = SynthesisRequest {
            text: part.text.clone(),
            voice: part.route.speaker.clone(),
            language: part.language.clone(),
            speed: part.speed(utterance.speed),
            seed: utterance.seed,
            options: utterance.options_for(engine, &self.scheduler.pools().engines()),
            phonemes: part.sounds.iter().map(|sound| phonemes(&part.text, sound)).collect(),
        };
        let spoken_ms = f64::from(estimated_ms(&part.text)) / part.speed(utterance.speed);
        Segment { engine: engine.clone(), request, spoken_ms }
    }

    /// How the segments will come, and at which rate they are joined: the highest of their engines.
    pub(super) fn lines(&self, utterance: &Utterance, parts: &[Part], voices: &Voices) -> (Vec<Line>, u32) {
        let lines = parts.iter().filter_map(|part| {
            let ready = self.scheduler.ready(&part.route.engine)?;
            let characters = part.text.chars().filter(|c| !c.is_whitespace()).count();
            Some(Line {
                engine: part.route.engine.clone(),
                rate: ready.sample_rate,
                is_whole: !ready.repeatable,
                pause: part.pause().at_speed(utterance.speed),
                lead_ms: part.lead_ms,
                characters: u64::try_from(characters).unwrap_or_default(),
                _voice: part.route.speaker.as_ref().and_then(|speaker| voices.get(speaker).cloned()),
            })
        });
        let lines: Vec<Line> = lines.collect();
        let rate = lines.iter().map(|line| line.rate).max().unwrap_or_default();
        (lines, rate)
    }
}

/// A sound as a worker is told it: where it stands, in characters.
fn phonemes(text: &str, sound: &Sound) -> Phonemes {
    let before = |end| text.get(..end).map_or(0, |before: &str| before.chars().count());
    let count = |end| u32::try_from(before(end)).unwrap_or(u32::MAX);
    Phonemes { start: count(sound.range.start), end: count(sound.range.end), ipa: sound.ipa.clone() }
}
