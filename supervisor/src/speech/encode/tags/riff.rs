//! Chunks of a WAVE file ("Multimedia Programming Interface and Data Specifications 1.0", chapter 3): a `cue ` point where
//! each chapter begins, its label in `LIST adtl`, and the title and author in `LIST INFO`. They stand behind the samples, where
//! everybody finds these who expects them at byte 44.

use super::Tags;

/// The chunks; each has an even length, and so have all.
pub(super) fn chunks(rate: u32, tags: &Tags) -> Vec<u8> {
    let mut chunks = Vec::new();
    let chapters = tags.chapters();
    if !chapters.is_empty() {
        let count = u32::try_from(chapters.len()).unwrap_or_default();
        let mut cue = count.to_le_bytes().to_vec();
        let mut labels = b"adtl".to_vec();
        for (number, chapter) in (1_u32..).zip(chapters) {
            let sample = chapter.start_ms.saturating_mul(u64::from(rate)) / 1000;
            let sample = u32::try_from(sample).unwrap_or(u32::MAX).to_le_bytes();
            // Name, place in the order of play, chunk, where that and its block begin, and the sample in it.
            for field in [number.to_le_bytes(), sample, *b"data", [0; 4], [0; 4], sample] {
                cue.extend_from_slice(&field);
            }
            if let Some(title) = &chapter.title {
                let mut label = number.to_le_bytes().to_vec();
                label.extend_from_slice(title.as_bytes());
                label.push(0);
                put(&mut labels, *b"labl", &label);
            }
        }
        put(&mut chunks, *b"cue ", &cue);
        if labels.len() > 4 {
            put(&mut chunks, *b"LIST", &labels);
        }
    }
    let mut info = b"INFO".to_vec();
    for (name, text) in [(*b"INAM", tags.title()), (*b"IART", tags.author())] {
        if let Some(text) = text {
            put(&mut info, name, &[text.as_bytes(), &[0]].concat());
        }
    }
    if info.len() > 4 {
        put(&mut chunks, *b"LIST", &info);
    }
    chunks
}

fn put(out: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    out.extend_from_slice(&name);
    out.extend_from_slice(&u32::try_from(content.len()).unwrap_or_default().to_le_bytes());
    out.extend_from_slice(content);
    if content.len() % 2 == 1 {
        out.push(0);
    }
}
