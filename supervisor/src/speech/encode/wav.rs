//! RIFF/WAVE (Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0", 1991).

use bytes::{BufMut, Bytes, BytesMut};

/// RIFF header, `fmt ` and `data` chunk of a mono 16 bit file with so many bytes of samples, and so many of other chunks behind
/// them. While the first is not known it says the most that it can, as others do who write WAVE to a pipe.
pub(super) fn header(rate: u32, data: Option<u32>, behind: u32) -> Bytes {
    const BEHIND_RIFF_SIZE: u32 = 36;
    let mut header = BytesMut::with_capacity(44);
    header.put_slice(b"RIFF");
    header.put_u32_le(
        data.map_or(u32::MAX, |data| data.saturating_add(behind).saturating_add(BEHIND_RIFF_SIZE)),
    );
    header.put_slice(b"WAVEfmt ");
    header.put_u32_le(16); // size of the rest of this chunk
    header.put_u16_le(1); // PCM
    header.put_u16_le(1); // channels
    header.put_u32_le(rate);
    header.put_u32_le(rate.saturating_mul(2)); // bytes a second
    header.put_u16_le(2); // bytes a frame
    header.put_u16_le(16); // bits a sample
    header.put_slice(b"data");
    header.put_u32_le(data.unwrap_or(u32::MAX));
    header.freeze()
}
