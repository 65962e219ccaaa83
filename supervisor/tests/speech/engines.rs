//! The engines themselves, with no server between that would cut a text.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use bytes::Bytes;
use ishowtts::{
    config::{self, Engine, Overrides},
    environments::Environments,
    placement::Cards,
    pools::{Places, Pools},
    sandbox::Sandbox,
    speech::{Join, Part, Pause, Resampler},
    voices::VoiceBook,
};
use ishowtts_workers::{
    Expectation, SynthesisEvent, SynthesisRequest, Task,
    process::{Launch, Launcher},
};
use tempfile::TempDir;

use crate::{
    harness::{eventually, pcm, soon},
    plain,
    sound::Sound,
    state_dir,
};

/// The workers of the configuration that we ship, each leased by the test alone.
pub(crate) struct Engines {
    book: VoiceBook,
    pools: Pools,
    _runtime: TempDir,
}

/// A place where two parts meet: where the sound before it ends, in samples, and the text before it.
pub(crate) struct Seam {
    pub(crate) at: usize,
    pub(crate) before: String,
}

impl Engines {
    /// Their environments must be there.
    pub(crate) async fn start() -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let shipped = Some(repository.join("config/ishowtts.toml"));
        let state_dir = Some(state_dir());
        let overrides = Overrides { config: shipped, state_dir, ..Overrides::default() };
        let config = config::load(&overrides).unwrap();
        let environments = Environments::new(&config.server.state_dir, None).await.unwrap();
        let interpreter = |(name, engine): (&String, &Engine)| {
            (name.clone(), environments.interpreter(name, &engine.python).unwrap())
        };
        let runtime = TempDir::new().unwrap();
        let places = Places {
            code: repository.join("python/src").canonicalize().unwrap(),
            runtime: runtime.path().to_owned(),
            kept: runtime.path().join("kept"),
            interpreters: config.enabled_engines().map(interpreter).collect(),
            launcher: env!("CARGO_BIN_EXE_ishowtts").into(),
            log_level: "warn".into(),
            sandbox: Sandbox::default(),
            cards: Cards::default(),
        };
        let launcher: Arc<dyn Launch> = Arc::new(Launcher::start().unwrap());
        let pools = Pools::start(&config, &places, &launcher, BTreeMap::new());
        for pool in pools.iter() {
            eventually(pool.engine(), async || {
                assert!(!pool.has_failed(), "{:?}", pool.statuses());
                pool.ready()
            })
            .await;
        }
        Self { book: VoiceBook::new(&config), pools, _runtime: runtime }
    }

    pub(crate) async fn stop(self) {
        self.pools.stop().await;
    }

    /// Each stretch of the text that one engine speaks, in one piece.
    pub(crate) fn parts(&self, text: &str) -> Vec<Part> {
        self.book.cast(Some("walter"), text, &|engine| self.pools.ready(engine)).unwrap().parts
    }

    /// The parts' audio, joined as a stream joins it, and where.
    pub(crate) async fn joined(&self, parts: &[Part]) -> (Sound, Vec<Seam>) {
        let own_rate = |part: &Part| self.pools.ready(&part.route.engine).unwrap().sample_rate;
        let rate = parts.iter().map(own_rate).max().unwrap();
        let mut join = Join::new(rate);
        let (mut out, mut seams) = (Vec::<Bytes>::new(), Vec::new());
        for part in parts {
            let mut resampler = Resampler::new(own_rate(part), rate).ok().filter(|_| own_rate(part) != rate);
            let mut pieces = self.speak(part).await;
            if let Some(resampler) = &mut resampler {
                pieces = pieces.iter().map(|piece| resampler.push(piece)).collect();
                pieces.push(resampler.finish());
            }
            for piece in pieces {
                join.push(piece, &mut out);
            }
            seams.push(Seam { at: out.iter().map(Bytes::len).sum::<usize>() / 2, before: part.text.clone() });
            join.end_segment(Pause::after(&part.text));
        }
        seams.pop();
        join.finish(&mut out);
        (Sound::new(pcm(&out.concat()), rate), seams)
    }

    async fn speak(&self, Part { route, language, text, .. }: &Part) -> Vec<Bytes> {
        let pool = self.pools.get(&route.engine).unwrap();
        let lease = eventually("nobody uses the engine", async || pool.lease(0)).await;
        let request = SynthesisRequest {
            text: text.clone(),
            voice: route.speaker.clone(),
            language: language.clone(),
            speed: 1.0,
            seed: 0,
            options: plain()[&route.engine].as_object().cloned().unwrap_or_default(),
            phonemes: Vec::new(),
        };
        let mut synthesis = lease
            .synthesize(vec![Task { request, expected: Expectation::default(), on_end: Box::new(|_| ()) }])
            .remove(0);
        let mut pieces = Vec::new();
        loop {
            match soon("audio", synthesis.next()).await.unwrap() {
                SynthesisEvent::Audio(piece) => pieces.push(piece),
                SynthesisEvent::Done(_) => return pieces,
                SynthesisEvent::Failed(failure) => panic!("{text}: {failure}"),
            }
        }
    }
}
