//! Which bytes of a file are asked for (RFC 9110, section 14). Pure.

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// From this byte to that one, both among them.
    Part(u64, u64),
    /// It begins behind the end.
    Nothing,
}

/// Reads a `Range`. `there` is how many bytes there are by now; `is_all`: and will ever be. What is no range of bytes, and
/// several ranges at once, mean all of it, which whoever asks has to expect.
pub(super) fn wanted(header: Option<&str>, there: u64, is_all: bool) -> Wanted {
    let Some(range) = header.and_then(|value| value.trim().strip_prefix("bytes=")) else {
        return Wanted::Whole;
    };
    let Some((first, last)) = range.split_once('-') else { return Wanted::Whole };
    let number = |text: &str| {
        let text = text.trim();
        // More digits than fit are more bytes than there are.
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse().unwrap_or(u64::MAX))
    };
    let end = there.saturating_sub(1);
    match (number(first), number(last)) {
        (Some(first), _) if first >= there && (last.trim().is_empty() || number(last).is_some()) => {
            Wanted::Nothing
        }
        (Some(first), None) if last.trim().is_empty() => Wanted::Part(first, end),
        (Some(first), Some(last)) if first <= last => Wanted::Part(first, last.min(end)),
        // The end of what still grows is not known.
        (None, Some(count)) if first.trim().is_empty() && is_all => match count {
            0 => Wanted::Nothing,
            count => Wanted::Part(there.saturating_sub(count), end),
        },
        _ => Wanted::Whole,
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
            (Some("bytes=0-0"), Wanted::Part(0, 0)),
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
            assert_eq!(wanted(range, 100, true), expected, "{range:?}");
        }
        assert_eq!(wanted(Some("bytes=-10"), 100, false), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=90-200"), 100, false), Wanted::Part(90, 99));
        assert_eq!(wanted(Some("bytes=0-"), 0, true), Wanted::Nothing);
    }
}
