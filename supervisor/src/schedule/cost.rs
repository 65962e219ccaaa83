//! What a segment will cost, learned from those that were spoken: a model for each engine, voice, language and set of
//! options, in which one odd synthesis changes nothing.
//!
//! The text tells how long its audio will be (a ratio to [`estimated_ms`](crate::speech::estimated_ms)), the audio how
//! long it takes to make (a fixed part, and a part that grows with it). Slopes are medians of slopes between pairs
//! (Theil and Sen), and what enters the schedule is an upper quantile of what was seen, so that a promise holds for
//! most segments and not for half of them. What matters of a later segment is the sum of all before it, and of n
//! independent errors the sum grows with the root of n only: so the caution for the n-th is divided by that.

use std::collections::{HashMap, VecDeque};

use ishowtts_workers::protocol::WarmUp;

use super::plan::Micros;

/// Observations that a model remembers.
const WINDOW: usize = 48;
/// Observations after which a model trusts them more than what it began with.
const ENOUGH: usize = 4;
/// A model is fitted again after so many observations.
const REFIT: usize = 6;
/// Of this share of what was seen the cost is not underestimated.
const UPPER: f64 = 0.9;
/// Of this share of what was seen the audio is shorter than expected: a listener runs dry earlier with less audio.
const SHORT: f64 = 0.3;
/// Most models; beyond that the one goes that was asked for longest ago. Clients choose options, and so how many there are.
const MOST_MODELS: usize = 512;
/// What an engine is taken to be before anything is known of it: an RTF and a fixed cost in milliseconds.
const UNKNOWN: (f64, f64) = (0.3, 20.0);
/// Of this share of what was seen the audio is no longer than what memory is set aside for.
const LONG: f64 = 0.9;
/// What is added to a single measurement of a warm engine to have an upper quantile.
const CAUTION: f64 = 1.3;

/// What a cost depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub(super) engine: String,
    pub(super) voice: Option<String>,
    pub(super) language: Option<String>,
    /// As JSON.
    pub(super) options: String,
}

/// What is expected of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) audio: Micros,
    /// As much audio as it may well be.
    pub(super) most_audio: Micros,
    pub(super) first: Micros,
    pub(super) total: Micros,
}

/// How a segment came out.
#[expect(clippy::struct_field_names, reason = "the unit belongs to the name of a bare number")]
#[derive(Clone, Copy, Debug)]
pub(super) struct Observed {
    /// What the text was estimated at, at the speed that it was spoken at.
    pub(super) spoken_ms: f64,
    pub(super) audio_ms: f64,
    pub(super) first_ms: f64,
    pub(super) total_ms: f64,
}

/// All models.
#[derive(Debug, Default)]
pub(super) struct Costs {
    /// How often anything was observed: the time by which models grow old.
    turn: u64,
    models: HashMap<Kind, Model>,
    engines: HashMap<String, Model>,
}

impl Costs {
    /// An engine has a ready worker for the first time, and this is what its reference clause cost.
    pub(super) fn seed(&mut self, engine: &str, warmup: &WarmUp) {
        self.engines.entry(engine.to_owned()).or_insert_with(|| Model::of_warmup(warmup));
    }

    /// Of the segment that so many of the same stream stand before.
    pub(super) fn estimate(&self, kind: &Kind, spoken_ms: f64, before: usize) -> Estimate {
        let model = self.models.get(kind).or_else(|| self.engines.get(&kind.engine));
        let unknown = Model::default();
        model.unwrap_or(&unknown).estimate(spoken_ms, before)
    }

    /// Whether an estimate of this kind rests on what was seen of it, or on what the engine does without options: an
    /// option may make anything of the cost.
    pub(super) fn knows(&self, kind: &Kind) -> bool {
        match self.models.get(kind) {
            Some(model) if model.seen.len() >= ENOUGH => true,
            _ => kind.options.is_empty() && self.engines.contains_key(&kind.engine),
        }
    }

    pub(super) fn observe(&mut self, kind: &Kind, observed: Observed) {
        if !observed.is_sound() {
            return;
        }
        self.turn += 1;
        let own = self.engines.entry(kind.engine.clone()).or_default();
        if !self.models.contains_key(kind) && self.models.len() >= MOST_MODELS {
            let oldest = self.models.iter().min_by_key(|(_, model)| model.turn).map(|(kind, _)| kind.clone());
            oldest.and_then(|kind| self.models.remove(&kind));
        }
        // What is new begins with what is known of its engine.
        let new = || Model { seen: VecDeque::new(), ..own.clone() };
        let model = self.models.entry(kind.clone()).or_insert_with(new);
        model.observe(observed);
        model.turn = self.turn;
        own.observe(observed);
    }
}

impl Observed {
    fn is_sound(&self) -> bool {
        let all = [self.spoken_ms, self.audio_ms, self.first_ms, self.total_ms];
        all.iter().all(|value| value.is_finite() && *value >= 0.0)
            && self.spoken_ms > 0.0
            && self.audio_ms > 0.0
    }
}

/// What is known of one kind.
#[derive(Clone, Debug)]
struct Model {
    /// Audio over what the text was estimated at: in the middle, and at the short and the long end.
    length: f64,
    short: f64,
    long: f64,
    fixed_ms: f64,
    rtf: f64,
    /// Cost over what fixed part and slope make of the text, at the upper quantile.
    caution: f64,
    first_ms: f64,
    seen: VecDeque<Observed>,
    since_fit: usize,
    /// When it was observed last.
    turn: u64,
}

impl Default for Model {
    fn default() -> Self {
        let (rtf, fixed_ms) = UNKNOWN;
        let seen = VecDeque::new();
        let (length, short, long) = (1.0, 1.0, CAUTION);
        let (caution, first_ms) = (1.0, f64::INFINITY);
        Self { length, short, long, fixed_ms, rtf, caution, first_ms, seen, since_fit: 0, turn: 0 }
    }
}

impl Model {
    fn of_warmup(warmup: &WarmUp) -> Self {
        let rtf = warmup.elapsed_ms / warmup.audio_ms.max(1.0);
        if !rtf.is_finite() || rtf < 0.0 {
            return Self::default();
        }
        Self { fixed_ms: 1.0, rtf, caution: CAUTION, ..Self::default() }
    }

    fn estimate(&self, spoken_ms: f64, before: usize) -> Estimate {
        let number = f64::from(u32::try_from(before).unwrap_or(u32::MAX)) + 1.0;
        let shrunk = |extreme: f64, middle: f64| middle + (extreme - middle) / number.sqrt();
        let audio = spoken_ms * shrunk(self.short, self.length);
        let expected = self.fixed_ms + self.rtf * spoken_ms * self.length;
        let total = (expected * shrunk(self.caution, 1.0)).max(0.05);
        let first = self.first_ms.min(total);
        Estimate {
            audio: Micros::from_ms(audio),
            most_audio: Micros::from_ms(spoken_ms * self.long),
            first: Micros::from_ms(first),
            total: Micros::from_ms(total),
        }
    }

    fn observe(&mut self, observed: Observed) {
        if self.seen.len() == WINDOW {
            self.seen.pop_front();
        }
        self.seen.push_back(observed);
        self.since_fit += 1;
        if self.since_fit >= REFIT || (ENOUGH..ENOUGH + REFIT).contains(&self.seen.len()) {
            self.since_fit = 0;
            self.fit();
        }
    }

    fn fit(&mut self) {
        let of = |value: &dyn Fn(&Observed) -> f64| self.seen.iter().map(value).collect::<Vec<f64>>();
        let lengths = of(&|seen| seen.audio_ms / seen.spoken_ms);
        let Some(length) = quantile(lengths.clone(), 0.5) else { return };
        let short = quantile(lengths.clone(), SHORT).unwrap_or(length);
        let long = quantile(lengths, LONG).unwrap_or(length);
        let pairs = self.seen.iter().enumerate().flat_map(|(at, a)| {
            self.seen.iter().skip(at + 1).filter_map(move |b| {
                let apart = b.audio_ms - a.audio_ms;
                // Between two of nearly the same length there is only noise.
                (apart.abs() > 0.1 * a.audio_ms.max(b.audio_ms)).then(|| (b.total_ms - a.total_ms) / apart)
            })
        });
        let slope = quantile(pairs.collect(), 0.5).filter(|slope| *slope > 0.0);
        let proportional = quantile(of(&|seen| seen.total_ms / seen.audio_ms), 0.5).unwrap_or(self.rtf);
        let rtf = slope.unwrap_or(proportional).min(proportional);
        let fixed =
            quantile(of(&|seen| seen.total_ms - rtf * seen.audio_ms), 0.5).unwrap_or_default().max(0.0);
        let expected = |seen: &Observed| (fixed + rtf * seen.spoken_ms * length).max(0.05);
        let caution = quantile(of(&|seen| seen.total_ms / expected(seen)), UPPER).unwrap_or(1.0);
        let first = quantile(of(&|seen| seen.first_ms), UPPER).unwrap_or(f64::INFINITY);
        (self.length, self.short, self.long) = (length, short, long);
        (self.rtf, self.fixed_ms) = (rtf, fixed);
        (self.caution, self.first_ms) = (caution.max(1.0), first);
    }
}

/// The value that this share of all does not exceed.
fn quantile(mut values: Vec<f64>, share: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let at = ((last as f64) * share).round() as usize;
    let (_, value, _) = values.select_nth_unstable_by(at.min(last), f64::total_cmp);
    Some(*value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind() -> Kind {
        Kind { engine: "e".into(), voice: None, language: Some("en".into()), options: String::new() }
    }

    fn observed(spoken_ms: f64, noise: f64) -> Observed {
        let audio_ms = 1.2 * spoken_ms;
        let total_ms = (40.0 + 0.05 * audio_ms) * noise;
        Observed { spoken_ms, audio_ms, first_ms: total_ms, total_ms }
    }

    #[test]
    fn before_anything_was_spoken_there_is_a_sane_guess() {
        let mut costs = Costs::default();
        let unknown = costs.estimate(&kind(), 1000.0, 0);
        assert!((100.0..1000.0).contains(&unknown.total.to_ms()), "{unknown:?}");
        costs.seed("e", &WarmUp { characters: 20, elapsed_ms: 100.0, audio_ms: 2000.0 });
        let warm = costs.estimate(&kind(), 1000.0, 0).total.to_ms();
        assert!((50.0..100.0).contains(&warm), "{warm}");
    }

    #[test]
    fn fixed_and_growing_costs_are_told_apart() {
        let mut costs = Costs::default();
        for n in 0..40 {
            costs.observe(&kind(), observed(500.0 + 77.0 * f64::from(n % 30), 1.0));
        }
        for spoken in [300.0, 1000.0, 4000.0] {
            let (estimate, truth) = (costs.estimate(&kind(), spoken, 0), observed(spoken, 1.0));
            assert!((estimate.total.to_ms() / truth.total_ms - 1.0).abs() < 0.02, "{estimate:?} {truth:?}");
            assert!((estimate.audio.to_ms() / truth.audio_ms - 1.0).abs() < 0.02);
        }
    }

    #[test]
    fn later_segments_need_less_caution() {
        let mut costs = Costs::default();
        for n in 0..40 {
            costs.observe(
                &kind(),
                observed(900.0 + 30.0 * f64::from(n % 20), 0.8 + 0.4 * f64::from(n % 5) / 4.0),
            );
        }
        let of =
            |before| costs.estimate(&kind(), 1000.0, before).total.to_ms() / observed(1000.0, 1.0).total_ms;
        assert!(of(0) > 1.1 && of(0) < 1.3, "{}", of(0));
        assert!((1.0..1.06).contains(&of(24)), "{}", of(24));
    }

    #[test]
    fn however_many_kinds_somebody_asks_for_new_ones_are_learnt_and_those_in_use_stay_known() {
        let mut costs = Costs::default();
        let of = |n: usize| Kind { options: format!("{{\"nfe_step\":{n}}}"), ..kind() };
        for n in 0..3 * MOST_MODELS {
            for _ in 0..ENOUGH {
                costs.observe(&of(n), observed(1000.0, 1.0));
                costs.observe(&kind(), observed(1000.0, 1.0));
            }
            assert!(costs.knows(&of(n)), "{n}");
        }
        assert!(costs.knows(&kind()) && !costs.knows(&of(0)));
        assert_eq!(costs.models.len(), MOST_MODELS);
    }

    #[test]
    fn kinds_do_not_mix() {
        let mut costs = Costs::default();
        let slow = Kind { options: "{\"nfe_step\":32}".into(), ..kind() };
        for n in 0..20 {
            costs.observe(&kind(), observed(1000.0 + 10.0 * f64::from(n), 1.0));
            costs.observe(&slow, observed(1000.0 + 10.0 * f64::from(n), 4.0));
        }
        let ratio =
            costs.estimate(&slow, 1000.0, 0).total.to_ms() / costs.estimate(&kind(), 1000.0, 0).total.to_ms();
        assert!((ratio - 4.0).abs() < 0.2, "{ratio}");
    }

    proptest! {
        #[test]
        fn an_upper_quantile_that_no_outlier_moves(
            noise in prop::collection::vec(0.9_f64..1.1, 48),
            outliers in prop::collection::vec((0_usize..48, 5.0_f64..100.0), 0..4),
        ) {
            let mut costs = Costs::default();
            let mut noise = noise;
            for (at, times) in outliers {
                noise[at] = times;
            }
            for (n, noise) in (0_i32..).zip(&noise) {
                costs.observe(&kind(), observed(600.0 + 100.0 * f64::from(n % 13), *noise));
            }
            let ratio = costs.estimate(&kind(), 1500.0, 0).total.to_ms() / observed(1500.0, 1.0).total_ms;
            prop_assert!((0.95..1.3).contains(&ratio), "{ratio}");
        }

        #[test]
        fn anything_may_be_observed(values in prop::collection::vec((any::<f64>(), any::<f64>(), any::<f64>()), 0..60)) {
            let mut costs = Costs::default();
            for (spoken_ms, audio_ms, total_ms) in values {
                costs.observe(&kind(), Observed { spoken_ms, audio_ms, first_ms: total_ms, total_ms });
                let estimate = costs.estimate(&kind(), 1000.0, 0);
                prop_assert!(estimate.total > Micros::ZERO && estimate.first <= estimate.total);
            }
        }
    }
}
