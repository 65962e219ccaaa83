//! MP3 by LAME.

use mp3lame_encoder::{Bitrate, Builder, Encoder, FlushGap, Mode, MonoPcm, Quality};

use super::{Codec, EncodeError, samples};

pub(super) struct Mp3 {
    lame: Encoder,
}

fn error(act: &'static str) -> impl Fn(String) -> EncodeError {
    move |reason| EncodeError { codec: "mp3", act, reason }
}

impl Mp3 {
    pub(super) fn new(rate: u32) -> Result<Self, EncodeError> {
        let failed = error("be set up");
        let told = |error: mp3lame_encoder::BuildError| failed(error.to_string());
        let mut builder = Builder::new().ok_or_else(|| failed("no memory".into()))?;
        builder.set_num_channels(1).map_err(told)?;
        builder.set_sample_rate(rate).map_err(told)?;
        builder.set_mode(Mode::Mono).map_err(told)?;
        // Transparent for speech; MPEG-2.5, at the lowest rates, knows no more than 64.
        builder.set_brate(if rate < 16_000 { Bitrate::Kbps64 } else { Bitrate::Kbps96 }).map_err(told)?;
        builder.set_quality(Quality::Good).map_err(told)?;
        // The tag with the length stands at the beginning, where a stream has long been.
        builder.set_to_write_vbr_tag(false).map_err(told)?;
        Ok(Self { lame: builder.build().map_err(told)? })
    }
}

impl Codec for Mp3 {
    fn push(&mut self, pcm: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let samples: Vec<i16> = samples(pcm).collect();
        out.reserve(mp3lame_encoder::max_required_buffer_size(samples.len()));
        let encoded = self.lame.encode_to_vec(MonoPcm(&samples), out);
        encoded.map(drop).map_err(|told| error("encode")(told.to_string()))
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        // What LAME says that it needs at most.
        out.reserve(7200);
        let flushed = self.lame.flush_to_vec::<FlushGap>(out);
        flushed.map(drop).map_err(|told| error("finish")(told.to_string()))
    }
}
