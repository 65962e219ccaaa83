//! Voices made of several of an engine: `one+other`, `one(2)+other(1)`. Pure.

/// Engines that mix their voices.
const MIX: [&str; 1] = ["kokoro"];
/// Far more than a difference that can be heard, and far from what is no number any more.
const HEAVIEST: f64 = 1000.0;
/// As many as anybody could tell apart.
const MOST: usize = 16;

/// Whether an engine mixes its voices.
pub fn mixes(engine: &str) -> bool {
    MIX.contains(&engine)
}

/// Names of all engines that do.
pub fn mixers() -> String {
    MIX.join(" and ")
}

/// One voice of a mixture, and how much of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Share<'m> {
    /// As it is written.
    pub name: &'m str,
    /// Above 0, at most 1000; weights count by their ratio.
    pub weight: f64,
}

/// Whether a name says that it is a mixture: one voice with a weight is one of nothing but itself.
pub fn is_mixture(name: &str) -> bool {
    name.contains(['+', '('])
}

/// The voices that a mixture is made of; of a name without `+` and brackets itself. The error says what is wrong, and
/// what would be right.
pub fn shares(mixture: &str) -> Result<Vec<Share<'_>>, String> {
    let shares: Vec<Share<'_>> = mixture.split('+').map(share).collect::<Result<_, _>>()?;
    if shares.len() > MOST {
        return Err(format!("{} voices are mixed; at most {MOST} are allowed", shares.len()));
    }
    Ok(shares)
}

fn share(part: &str) -> Result<Share<'_>, String> {
    let part = part.trim();
    let wrong = || {
        let shown: String = part.chars().take(80).collect();
        format!(
            "{shown:?} is no part of a mixture; write voices and, in brackets, their weights: one(2)+other(1)"
        )
    };
    let (name, weight) = match part.split_once('(') {
        None => (part, 1.0),
        Some((name, rest)) => {
            let written = rest.strip_suffix(')').ok_or_else(wrong)?.trim();
            let is_plain = written.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            let weight: f64 = written.parse().ok().filter(|_| is_plain).ok_or_else(wrong)?;
            (name.trim_end(), weight)
        }
    };
    if name.is_empty() || name.contains([')', ' ', '\t']) {
        return Err(wrong());
    }
    if weight <= 0.0 || weight > HEAVIEST {
        let name: String = name.chars().take(80).collect();
        return Err(format!(
            "the weight of {name:?} is {weight}; it must be above 0 and at most {HEAVIEST}; a voice of weight 0 is left \
             out"
        ));
    }
    Ok(Share { name, weight })
}

/// Shares as an engine reads them; those that all weigh the same have no weights.
pub fn mixture(shares: &[Share<'_>]) -> String {
    let weighs_one = |share: &Share<'_>| share.weight.to_bits() == 1.0_f64.to_bits();
    let is_even = shares.iter().all(weighs_one);
    let told = |Share { name, weight }: &Share<'_>| {
        if is_even { (*name).to_owned() } else { format!("{name}({weight})") }
    };
    shares.iter().map(told).collect::<Vec<_>>().join("+")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(&str, f64)>, String> {
        shares(text).map(|shares| shares.iter().map(|share| (share.name, share.weight)).collect())
    }

    #[test]
    fn voices_may_have_weights() {
        assert_eq!(read("a+b"), Ok(vec![("a", 1.0), ("b", 1.0)]));
        assert_eq!(read("a(2) + b ( 0.5 )+c"), Ok(vec![("a", 2.0), ("b", 0.5), ("c", 1.0)]));
        assert_eq!(read("alone"), Ok(vec![("alone", 1.0)]));
        assert_eq!(mixture(&shares("a + b").unwrap()), "a+b");
        assert_eq!(mixture(&shares("a(2)+b").unwrap()), "a(2)+b(1)");
    }

    #[test]
    fn what_is_no_mixture_is_told() {
        for wrong in
            ["a+", "+", "a(", "a()", "a(x)", "a(1)b", "a(-1)+b", "a(1e2)+b", "a(inf)+b", "a b+c", "a(1.2.3)"]
        {
            assert!(read(wrong).unwrap_err().contains("one(2)+other(1)"), "{wrong}");
        }
        for heavy in ["a(0)+b", "b+a(0.0)", "a(1001)+b"] {
            let told = read(heavy).unwrap_err();
            assert!(
                told.contains("the weight of \"a\"") && told.contains("above 0 and at most 1000"),
                "{told}"
            );
        }
        assert!(read(&vec!["a"; 17].join("+")).is_err());
    }
}
