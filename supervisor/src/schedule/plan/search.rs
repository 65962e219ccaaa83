//! The search for the moment from which on something is so.

use super::Micros;

/// Looks at the middle of what is left that have to find nothing before a guess at the end is believed: what fits in
/// between need not fit for ever.
const DOUBTS: u32 = 2;
/// By so many times each step away from a guess that was wrong is longer than the one before.
const FURTHER: i64 = 2;

/// The first moment at which `fits`, to within `finest`, where it does at `over` at the latest and does not at zero.
/// Each look may cost a millisecond: where `guess` is right, two are enough, or three at the end, and where it is not
/// far off, a few more.
pub(super) fn first(
    mut fits: impl FnMut(Micros) -> bool,
    over: Micros,
    finest: Micros,
    guess: Micros,
) -> Micros {
    let (mut earliest, mut latest) = (Micros::ZERO, over);
    let is_at_end = guess + finest >= over;
    let (mut near, mut step) = (if is_at_end { Micros::ZERO } else { guess }, finest);
    let mut doubts = DOUBTS;
    while latest - earliest > finest {
        if is_at_end && latest == over {
            if doubts == 0 {
                near = over - finest;
            }
            doubts = doubts.saturating_sub(1);
        }
        let is_near = near > earliest && near < latest;
        let moment = if is_near { near } else { earliest + (latest - earliest) / 2 };
        let is_late_enough = fits(moment);
        if is_late_enough {
            latest = moment;
        } else {
            earliest = moment;
        }
        if is_near {
            // Ever further away from the guess, to where the other answer has to be.
            near = if is_late_enough { moment - step } else { moment + step };
            step = step * FURTHER;
        }
    }
    latest
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    const OVER: i64 = 400_000;
    const FINEST: i64 = 700;

    /// What is found where it is so from `from` on, and how often it was asked.
    fn found(from: i64, guess: i64) -> (i64, u32) {
        let looks = Cell::new(0);
        let fits = |moment: Micros| {
            looks.set(looks.get() + 1);
            moment >= Micros::ms(from)
        };
        let first = first(fits, Micros::ms(OVER), Micros::ms(FINEST), Micros::ms(guess));
        (first.0 / 1000, looks.get())
    }

    #[test]
    fn where_the_guess_is_right_two_looks_are_enough() {
        assert_eq!(found(200_000, 200_000), (200_000, 2));
        assert_eq!(found(200_000, 200_300), (200_300, 2));
        assert_eq!(found(OVER, OVER + 5_000), (OVER, 3));
    }

    proptest! {
        #[test]
        fn what_is_found_is_so_and_not_much_earlier(from in 1..OVER, guess in -OVER..2 * OVER) {
            let (first, looks) = found(from, guess);
            prop_assert!((from..=from + FINEST).contains(&first), "{first} for {from}");
            // Without any guess it takes ten.
            prop_assert!(looks <= 20, "{looks} looks");
        }

        #[test]
        fn a_guess_that_is_not_far_off_saves_looks(from in 10_000..OVER - 10_000, off in -2 * FINEST..2 * FINEST) {
            let (_, looks) = found(from, from + off);
            prop_assert!(looks <= 5, "{looks} looks");
        }
    }
}
