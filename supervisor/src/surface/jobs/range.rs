//! Which bytes of a file are asked for (RFC 9110, section 14), also of one that still grows (RFC 8673). Pure.

/// The last byte of a range that ends where the file will: nobody knows where that is while it grows. It is what RFC 8673
/// tells servers and clients to write for it, and the largest number that all of them can read.
pub(super) const FAR: u64 = (1 << 53) - 1;

/// How long a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// So many bytes are all of it.
    All(u64),
    /// So many bytes are there, and more may come.
    AtLeast(u64),
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// From this byte to that one, both among them. They are there.
    Part(u64, u64),
    /// From this byte, which is there, to that one, or to the end if that comes before.
    Coming(u64, u64),
    /// It begins at this byte, which may come yet.
    Later(u64),
    /// It begins behind the end.
    Nothing,
}

/// Reads a `Range`. What is no range of bytes, and several ranges at once, mean all of it, which whoever asks has to expect;
/// so do the last bytes of what still grows. A part is never told as if it were all that is left: while more may come, an
/// open range ends at the end that the file will have.
pub(super) fn wanted(header: Option<&str>, extent: Extent) -> Wanted {
    match header.and_then(range) {
        None => Wanted::Whole,
        Some(range) => match extent {
            Extent::All(length) => of_all(range, length),
            Extent::AtLeast(there) => of_growing(range, there),
        },
    }
}

/// A range of bytes as it is asked for.
#[derive(Clone, Copy)]
enum Range {
    From(u64, Option<u64>),
    Last(u64),
}

fn range(header: &str) -> Option<Range> {
    let (unit, range) = header.trim().split_once('=')?;
    let (first, last) = range.split_once('-').filter(|_| unit.eq_ignore_ascii_case("bytes"))?;
    let number = |text: &str| {
        // More digits than fit are more bytes than there are.
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (first.trim(), last.trim()) {
        ("", count) => number(count).map(Range::Last),
        (first, "") => number(first).map(|first| Range::From(first, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Range::From(first, Some(last)))
        }
    }
}

fn of_all(range: Range, length: u64) -> Wanted {
    let end = length.saturating_sub(1);
    match range {
        Range::Last(0) => Wanted::Nothing,
        _ if length == 0 => Wanted::Nothing,
        Range::Last(count) => Wanted::Part(length.saturating_sub(count), end),
        Range::From(first, _) if first >= length => Wanted::Nothing,
        Range::From(first, last) => Wanted::Part(first, last.map_or(end, |last| last.min(end))),
    }
}

fn of_growing(range: Range, there: u64) -> Wanted {
    match range {
        Range::Last(_) | Range::From(0, None) => Wanted::Whole,
        Range::From(first, _) if first >= there => Wanted::Later(first),
        Range::From(first, Some(last)) if last < there => Wanted::Part(first, last),
        Range::From(first, last) => Wanted::Coming(first, last.map_or(FAR, |last| last.min(FAR))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_has_them() {
        for (range, expected) in [
            (None, Wanted::Whole),
            (Some("bytes=0-9"), Wanted::Part(0, 9)),
            (Some("Bytes=0-0"), Wanted::Part(0, 0)),
            (Some("bytes=90-"), Wanted::Part(90, 99)),
            (Some("bytes=90-1000"), Wanted::Part(90, 99)),
            (Some("bytes=-10"), Wanted::Part(90, 99)),
            (Some("bytes=-1000"), Wanted::Part(0, 99)),
            (Some("bytes=-0"), Wanted::Nothing),
            (Some("bytes=100-"), Wanted::Nothing),
            (Some("bytes=99999999999999999999999-"), Wanted::Nothing),
            (Some("bytes=9-5"), Wanted::Whole),
            (Some("bytes=0-1,5-6"), Wanted::Whole),
            (Some("bytes=-"), Wanted::Whole),
            (Some("bytes=x-y"), Wanted::Whole),
            (Some("bytes=+1-5"), Wanted::Whole),
            (Some("lines=1-2"), Wanted::Whole),
            (Some(""), Wanted::Whole),
        ] {
            assert_eq!(wanted(range, Extent::All(100)), expected, "{range:?}");
        }
        for range in ["bytes=0-", "bytes=-5", "bytes=0-9"] {
            assert_eq!(wanted(Some(range), Extent::All(0)), Wanted::Nothing, "{range}");
        }
    }

    #[test]
    fn what_may_come_yet_is_never_refused_nor_left_out() {
        for (range, expected) in [
            (None, Wanted::Whole),
            (Some("bytes=0-99"), Wanted::Part(0, 99)),
            (Some("bytes=0-100"), Wanted::Coming(0, 100)),
            (Some("bytes=90-200"), Wanted::Coming(90, 200)),
            (Some("bytes=0-"), Wanted::Whole),
            (Some("bytes=99-"), Wanted::Coming(99, FAR)),
            (Some("bytes=99-18446744073709551615"), Wanted::Coming(99, FAR)),
            (Some("bytes=100-"), Wanted::Later(100)),
            (Some("bytes=100-200"), Wanted::Later(100)),
            (Some("bytes=-10"), Wanted::Whole),
            (Some("bytes=-0"), Wanted::Whole),
        ] {
            assert_eq!(wanted(range, Extent::AtLeast(100)), expected, "{range:?}");
        }
    }
}
