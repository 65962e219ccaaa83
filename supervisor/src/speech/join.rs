//! Joining segments: between two of them stands a pause as long as their punctuation asks for, whatever silence
//! the engines left there; nothing clicks, and no silence stands twice.

use bytes::{Bytes, BytesMut};

/// Below this a sample counts as silence: -50 dBFS, well under any speech and above an engine's noise floor.
const SILENCE: u16 = 104;
/// Longest run of silence that is held back, in milliseconds: it may turn out to be a segment's end.
const LONGEST_HELD_MS: u32 = 1000;
/// Length of the ramp at a seam, in milliseconds: too short to hear, long enough not to click.
const RAMP_MS: u32 = 4;

/// How long a voice rests between two segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// At least this many milliseconds.
    pub least_ms: u32,
    /// At most this many.
    pub most_ms: u32,
}

impl Pause {
    /// The rest that the end of a text asks for.
    pub fn after(text: &str) -> Self {
        let last = text
            .trim_end()
            .trim_end_matches(['"', '\'', '”', '’', '」', '』', ')', '）', '》'])
            .chars()
            .last();
        match last {
            Some('.' | '!' | '?' | '。' | '！' | '？' | '…' | '．') => {
                Self { least_ms: 180, most_ms: 380 }
            }
            Some(',' | ';' | ':' | '，' | '；' | '：' | '、' | '—') => {
                Self { least_ms: 100, most_ms: 250 }
            }
            // Words of two languages in one breath.
            _ => Self { least_ms: 30, most_ms: 80 },
        }
    }
}

/// Joins the audio of an utterance's segments. Sound passes through at once and uncopied but for the few
/// milliseconds at a seam; only silence is held back until it is known whether sound follows.
#[derive(Debug)]
pub struct Join {
    rate: u32,
    /// Silence since the last sound, not yet passed on.
    held: BytesMut,
    /// The pause that is due before the next sound, and the silence that the segment before it ended with.
    seam: Option<Pause>,
    /// Samples that the ramp after the last seam has still to cover.
    ramp_left: usize,
    /// Sound has been passed on in this segment.
    sounded: bool,
    /// Sound has been passed on at all.
    begun: bool,
}

impl Join {
    /// For audio of `rate` samples a second.
    pub fn new(rate: u32) -> Self {
        Self { rate, held: BytesMut::new(), seam: None, ramp_left: 0, sounded: false, begun: false }
    }

    /// Takes in PCM16 of the present segment; what can be passed on is appended to `out`.
    pub fn push(&mut self, pcm: Bytes, out: &mut Vec<Bytes>) {
        let Some((first, last)) = sound(&pcm) else {
            self.hold(&pcm, out);
            return;
        };
        let mut audio = pcm;
        let tail = audio.split_off(last);
        if self.sounded || !self.begun {
            self.release(out);
        } else {
            self.held.extend_from_slice(&audio.split_to(first));
            self.close_seam(out);
            self.ramp_left = self.samples(RAMP_MS);
        }
        self.emit(audio, out);
        (self.sounded, self.begun) = (true, true);
        self.held.extend_from_slice(&tail);
    }

    /// The present segment is complete, and this is the rest that follows it.
    pub fn end_segment(&mut self, pause: Pause) {
        self.sounded = false;
        // Of two segments without sound between them, the longer rest counts.
        self.seam = match self.seam {
            Some(earlier) if earlier.least_ms > pause.least_ms => Some(earlier),
            _ => Some(pause),
        };
    }

    /// The utterance is complete: passes on the silence that it ends with.
    pub fn finish(&mut self, out: &mut Vec<Bytes>) {
        self.release(out);
    }

    fn hold(&mut self, silence: &[u8], out: &mut Vec<Bytes>) {
        self.held.extend_from_slice(silence);
        // A pause within a segment is the engine's affair, however long; memory is ours.
        let most = self.samples(LONGEST_HELD_MS) * 2;
        if self.held.len() > most && (self.sounded || !self.begun) {
            let surplus = self.held.len() - most;
            let surplus = self.held.split_to(surplus).freeze();
            self.emit(surplus, out);
        } else {
            self.held.truncate(most);
        }
    }

    fn release(&mut self, out: &mut Vec<Bytes>) {
        if !self.held.is_empty() {
            let silence = self.held.split().freeze();
            self.emit(silence, out);
        }
    }

    /// Passes audio on; what stands right behind a seam rises from nothing.
    fn emit(&mut self, pcm: Bytes, out: &mut Vec<Bytes>) {
        if self.ramp_left == 0 {
            out.push(pcm);
            return;
        }
        let length = self.samples(RAMP_MS);
        let mut audio = BytesMut::from(&pcm[..]);
        let covered = self.ramp_left.min(audio.len() / 2);
        for pair in audio.chunks_exact_mut(2).take(covered) {
            let risen = i32::try_from(length - self.ramp_left).unwrap_or(i32::MAX);
            if let [low, high] = pair {
                let full = i32::from(i16::from_le_bytes([*low, *high]));
                let sample = full * risen / i32::try_from(length).unwrap_or(i32::MAX);
                [*low, *high] = i16::try_from(sample).unwrap_or_default().to_le_bytes();
            }
            self.ramp_left -= 1;
        }
        out.push(audio.freeze());
    }

    fn close_seam(&mut self, out: &mut Vec<Bytes>) {
        let pause = self.seam.take().unwrap_or(Pause { least_ms: 0, most_ms: LONGEST_HELD_MS });
        let (least, most) = (self.samples(pause.least_ms) * 2, self.samples(pause.most_ms) * 2);
        // Only what lies in the middle is cut out or put in: both ends of the silence stay as the engines made them.
        let length = self.held.len().clamp(least, most.max(least));
        let mut silence = self.held.split();
        if silence.len() > length {
            let tail = silence.split_off(silence.len() - length / 4 * 2);
            silence.truncate(length - tail.len());
            silence.unsplit(tail);
        } else {
            silence.resize(length, 0);
        }
        out.push(silence.freeze());
    }

    fn samples(&self, milliseconds: u32) -> usize {
        usize::try_from(u64::from(self.rate) * u64::from(milliseconds) / 1000).unwrap_or(usize::MAX)
    }
}

/// Where sound begins and ends in PCM16, in bytes.
fn sound(pcm: &[u8]) -> Option<(usize, usize)> {
    let mut samples = pcm.chunks_exact(2).map(|pair| match pair {
        [low, high] => i16::from_le_bytes([*low, *high]).unsigned_abs() > SILENCE,
        _ => false,
    });
    let first = samples.clone().position(|loud| loud)?;
    let last = samples.rposition(|loud| loud)?;
    Some((first * 2, last * 2 + 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: u32 = 1000;

    fn pcm(samples: &[i16]) -> Bytes {
        samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    fn joined(segments: &[&[i16]], chunk: usize, pause: Pause) -> Vec<i16> {
        let mut join = Join::new(RATE);
        let mut out = Vec::new();
        for segment in segments {
            for part in segment.chunks(chunk) {
                join.push(pcm(part), &mut out);
            }
            join.end_segment(pause);
        }
        join.finish(&mut out);
        out.concat().chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    fn sentence(leading: usize, loud: usize, trailing: usize) -> Vec<i16> {
        [vec![5; leading], vec![8000; loud], vec![-5; trailing]].concat()
    }

    #[test]
    fn the_pause_is_as_long_as_asked_whatever_the_engines_left() {
        let pause = Pause { least_ms: 100, most_ms: 200 };
        for (trailing, leading, expected) in [(0, 0, 100), (30, 20, 100), (100, 50, 150), (300, 400, 200)] {
            let audio = joined(&[&sentence(0, 50, trailing), &sentence(leading, 50, 0)], 17, pause);
            let silent = audio[50..].iter().take_while(|sample| sample.unsigned_abs() <= SILENCE).count();
            // The first sample of the ramp is zero.
            assert!((expected..=expected + 1).contains(&silent), "{trailing}+{leading}: {silent}");
        }
    }

    #[test]
    fn no_seam_jumps_from_silence_to_full_sound() {
        let audio = joined(&[&sentence(0, 50, 0), &sentence(0, 50, 0)], 50, Pause::after("a"));
        let rise = audio[50..].windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max();
        assert!(rise.unwrap() <= 8000 / 4 + 1, "{rise:?}");
    }

    #[test]
    fn punctuation_decides_how_long_the_voice_rests() {
        assert!(Pause::after("Done.\" ").least_ms > Pause::after("well, ").least_ms);
        assert!(Pause::after("well,").least_ms > Pause::after("我用").least_ms);
        assert_eq!(Pause::after("好。"), Pause::after("Good."));
    }

    proptest! {
        #[test]
        fn one_segment_passes_unchanged(samples in prop::collection::vec(any::<i16>(), 0..3000), chunk in 1_usize..500) {
            prop_assert_eq!(joined(&[&samples], chunk, Pause::after(".")), samples);
        }

        #[test]
        fn chunking_changes_nothing(
            a in prop::collection::vec(-300_i16..300, 1..300),
            b in prop::collection::vec(-300_i16..300, 1..300),
            chunk in 1_usize..50,
        ) {
            let pause = Pause::after(",");
            prop_assert_eq!(joined(&[&a, &b], chunk, pause), joined(&[&a, &b], 1000, pause));
        }
    }
}
