//! What a run must come to, such as `rtf_p50<0.5`.

use std::{cmp::Ordering, fmt, str::FromStr};

use super::figures::Figures;

/// A figure, and what it is to be compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    figure: String,
    relation: Relation,
    bound: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Relation {
    /// Longer signs first: `<` begins `<=`.
    const SIGNS: [(&'static str, Self); 4] =
        [("<=", Self::AtMost), (">=", Self::AtLeast), ("<", Self::Below), (">", Self::Above)];

    fn sign(self) -> &'static str {
        Self::SIGNS.iter().find(|(_, relation)| *relation == self).map_or("", |(sign, _)| sign)
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Below => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Above => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

impl Assertion {
    /// The figure's value, and whether that is as it must be. What could not be measured never is.
    pub fn check(&self, figures: &Figures) -> (Option<f64>, bool) {
        let value = figures.get(&self.figure);
        let order = value.and_then(|value| value.partial_cmp(&self.bound));
        (value, order.is_some_and(|order| self.relation.holds(order)))
    }
}

impl FromStr for Assertion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let cut = |&(sign, relation)| text.split_once(sign).map(|(figure, bound)| (figure, relation, bound));
        let (figure, relation, bound) = Relation::SIGNS
            .iter()
            .find_map(cut)
            .ok_or("write a figure, one of < <= > >=, and a number, such as rtf_p50<0.5")?;
        let (figure, bound) = (figure.trim(), bound.trim());
        let names: Vec<String> = Figures::default().all().into_iter().map(|(name, _)| name).collect();
        if !names.iter().any(|name| name == figure) {
            return Err(format!("there is no figure {figure:?}; there are {}", names.join(", ")));
        }
        let number = bound.parse().ok().filter(|number: &f64| number.is_finite());
        let bound = number.ok_or_else(|| format!("{bound:?} is no number"))?;
        Ok(Self { figure: figure.to_owned(), relation, bound })
    }
}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.figure, self.relation.sign(), self.bound)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn holds(text: &str) -> bool {
        let figures = Figures::of(&[], 0, Duration::from_secs(2));
        text.parse::<Assertion>().unwrap().check(&figures).1
    }

    #[test]
    fn each_relation_means_what_it_says() {
        for (text, expected) in [
            ("elapsed_s<2", false),
            ("elapsed_s<=2", true),
            (" elapsed_s >= 2.0 ", true),
            ("elapsed_s > 2", false),
            ("elapsed_s>-1e3", true),
            ("errors<=0", true),
            // Nothing was measured.
            ("rtf_p50<9", false),
            ("rtf_p50>0", false),
        ] {
            assert_eq!(holds(text), expected, "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (text, told) in [
            ("rtf_p50", "such as"),
            ("rtf_p50=1", "such as"),
            ("rtf<1", "there are requests, ok,"),
            ("rtf_p50<", "no number"),
            ("rtf_p50<fast", "no number"),
            ("rtf_p50<nan", "no number"),
            ("rtf_p50<<1", "no number"),
        ] {
            let problem = text.parse::<Assertion>().unwrap_err();
            assert!(problem.contains(told), "{text}: {problem}");
        }
        assert_eq!("c100 >= 99.5".parse::<Assertion>().unwrap().to_string(), "c100>=99.5");
    }
}
