//! Joining segments: between two of them stands a pause as long as their punctuation asks for, whatever silence
//! the engines left there; nothing clicks, and no silence stands twice.

mod pause;
#[cfg(test)]
mod tests;

use bytes::{Buf, Bytes, BytesMut};

pub use pause::Pause;

/// Below this a sample counts as silence: -50 dBFS, well under any speech and above an engine's noise floor.
const SILENCE: u16 = 104;
/// Longest run of silence that is held back, in milliseconds: it may turn out to be a segment's end.
const LONGEST_HELD_MS: u32 = 1000;
/// In so many milliseconds a sound that a seam cuts off dies away, and one that begins at a seam rises: too short to
/// hear, long enough not to click.
const RAMP_MS: u32 = 4;

/// Where a segment has ended and the next one has not sounded yet.
#[derive(Debug)]
struct Seam {
    /// The pause that is due.
    pause: Pause,
    /// The silence that the segment ended with.
    before: BytesMut,
}

/// Joins the audio of an utterance's segments. Sound passes through at once and uncopied but for the few
/// milliseconds at a seam; only silence is held back until it is known whether sound follows.
#[derive(Debug)]
pub struct Join {
    rate: u32,
    /// Silence since the last sound or the last seam, not yet passed on.
    held: BytesMut,
    /// Present until this segment sounds.
    seam: Option<Seam>,
    /// Samples that the rise behind the last seam has still to cover.
    ramp_left: usize,
    /// The last sample of sound that was passed on, if any was.
    last: Option<i16>,
}

impl Join {
    /// For audio of `rate` samples a second.
    pub fn new(rate: u32) -> Self {
        Self { rate, held: BytesMut::new(), seam: None, ramp_left: 0, last: None }
    }

    /// The audio begins with a silence of exactly so many milliseconds, in place of the first segment's own.
    pub fn begin_with(&mut self, silence_ms: u32) {
        self.seam = Some(Seam { pause: Pause::exactly(silence_ms), before: BytesMut::new() });
    }

    /// Somebody asked for a silence of so many milliseconds before the next segment.
    pub fn rest(&mut self, silence_ms: u32) {
        match &mut self.seam {
            Some(seam) => seam.pause = seam.pause.with(Pause::exactly(silence_ms)),
            None => self.begin_with(silence_ms),
        }
    }

    /// Takes in PCM16 of the present segment; what can be passed on is appended to `out`.
    pub fn push(&mut self, pcm: Bytes, out: &mut Vec<Bytes>) {
        let Some((first, last)) = sound(&pcm) else {
            self.hold(&pcm, out);
            return;
        };
        let mut audio = pcm;
        let tail = audio.split_off(last);
        if let Some(seam) = self.seam.take() {
            self.held.extend_from_slice(&audio.split_to(first));
            self.close(seam, out);
        } else {
            self.release(out);
        }
        self.last = last_sample(&audio);
        self.emit(audio, out);
        self.held.extend_from_slice(&tail);
    }

    /// The present segment is complete, and this is the rest that follows it.
    pub fn end_segment(&mut self, pause: Pause) {
        let mut before = self.held.split();
        let mut due = pause;
        // Two segments without sound between them have one pause.
        if let Some(earlier) = self.seam.take() {
            due = earlier.pause.with(pause);
            let silence = std::mem::replace(&mut before, earlier.before);
            before.unsplit(silence);
            before.truncate(self.bytes(LONGEST_HELD_MS));
        }
        self.seam = Some(Seam { pause: due, before });
    }

    /// The utterance is complete: passes on the silence that it ends with.
    pub fn finish(&mut self, out: &mut Vec<Bytes>) {
        if let Some(Seam { pause, mut before }) = self.seam.take() {
            let length = if pause.is_exact() { self.bytes(pause.least_ms) } else { before.len() };
            before.truncate(length);
            let missing = length - before.len();
            self.emit(before.freeze(), out);
            silence(missing, out);
        }
        self.release(out);
    }

    fn hold(&mut self, silence: &[u8], out: &mut Vec<Bytes>) {
        self.held.extend_from_slice(silence);
        let surplus = self.held.len().saturating_sub(self.bytes(LONGEST_HELD_MS));
        let surplus = self.held.split_to(surplus).freeze();
        // A pause within a segment is the engine's affair, however long; memory is ours.
        if self.seam.is_none() {
            self.emit(surplus, out);
        }
    }

    fn release(&mut self, out: &mut Vec<Bytes>) {
        let silence = self.held.split().freeze();
        self.emit(silence, out);
    }

    /// Passes audio on; what stands right behind a seam rises from nothing.
    fn emit(&mut self, pcm: Bytes, out: &mut Vec<Bytes>) {
        if self.ramp_left == 0 || pcm.is_empty() {
            out.extend(Some(pcm).filter(|pcm| !pcm.is_empty()));
            return;
        }
        let length = self.samples(RAMP_MS);
        let mut audio = BytesMut::from(&pcm[..]);
        let covered = self.ramp_left.min(audio.len() / 2);
        for pair in audio.chunks_exact_mut(2).take(covered) {
            if let [low, high] = pair {
                let sample = i16::from_le_bytes([*low, *high]);
                [*low, *high] = share(sample, length - self.ramp_left, length).to_le_bytes();
            }
            self.ramp_left -= 1;
        }
        out.push(audio.freeze());
    }

    /// Passes on the silence of a seam. Its two ends stay as the engines made them; what lies between is cut out or
    /// filled up until the whole is as long as it should be.
    fn close(&mut self, seam: Seam, out: &mut Vec<Bytes>) {
        let Seam { pause, mut before } = seam;
        let mut behind = self.held.split();
        let Some(last_sound) = self.last.or(pause.is_exact().then_some(0)) else {
            // Nothing has sounded yet: this is the beginning, and the segments before have none.
            behind.advance(behind.len().saturating_sub(self.bytes(LONGEST_HELD_MS)));
            self.emit(behind.freeze(), out);
            return;
        };
        let (least, most) = (self.bytes(pause.least_ms), self.bytes(pause.most_ms.max(pause.least_ms)));
        let length = (before.len() + behind.len()).clamp(least, most);
        let dying = self.samples(RAMP_MS).min(length / 2);
        let room = length - dying * 2;
        // Of silence that is too long three quarters are left to the segment before: a sound dies away more slowly
        // than it begins.
        let share_behind = (room / 8 * 2).max(room.saturating_sub(before.len())).min(behind.len());
        before.truncate(room - share_behind);
        behind.advance(behind.len() - share_behind);
        let from = last_sample(&before).unwrap_or(last_sound);
        let fall = (1..=dying).rev().flat_map(|left| share(from, left - 1, dying).to_le_bytes());
        before.extend(fall);
        let missing = length - behind.len() - before.len();
        if missing > self.bytes(LONGEST_HELD_MS) {
            out.push(before.freeze());
            silence(missing, out);
            before = BytesMut::new();
        } else {
            before.resize(length - behind.len(), 0);
        }
        if behind.len() < self.bytes(RAMP_MS) {
            // The segment begins at once, so its sound is what rises.
            before.unsplit(behind.split());
        }
        out.extend(Some(before.freeze()).filter(|silence| !silence.is_empty()));
        self.ramp_left = self.samples(RAMP_MS);
        self.emit(behind.freeze(), out);
    }

    fn samples(&self, milliseconds: u32) -> usize {
        usize::try_from(u64::from(self.rate) * u64::from(milliseconds) / 1000).unwrap_or(usize::MAX)
    }

    fn bytes(&self, milliseconds: u32) -> usize {
        self.samples(milliseconds) * 2
    }
}

/// Passes on so many bytes of silence. However long, it takes no memory: all of it is the same.
fn silence(mut bytes: usize, out: &mut Vec<Bytes>) {
    static SILENCE: [u8; 1 << 16] = [0; 1 << 16];
    while bytes > 0 {
        let piece = Bytes::from_static(SILENCE.get(..bytes).unwrap_or(&SILENCE));
        bytes -= piece.len();
        out.push(piece);
    }
}

/// So many parts of a sample, of a whole that has `whole`.
fn share(sample: i16, parts: usize, whole: usize) -> i16 {
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    i16::try_from(i64::from(sample) * count(parts) / count(whole).max(1)).unwrap_or_default()
}

fn last_sample(pcm: &[u8]) -> Option<i16> {
    pcm.last_chunk().map(|pair| i16::from_le_bytes(*pair))
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
