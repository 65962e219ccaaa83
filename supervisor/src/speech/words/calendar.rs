//! Days and hours, checked.

use super::numbers;

/// In which order the parts of a date are written; a year of four digits shows itself where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// 2026-11-25.
    YearFirst,
    /// 11/25/2026.
    MonthFirst,
    /// 25.11.2026.
    DayFirst,
}

/// A date that the calendar has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: Option<u64>,
    pub(super) month: u64,
    pub(super) day: u64,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl Date {
    /// If there is such a day.
    pub(super) fn of(year: Option<&str>, month: &str, day: &str) -> Option<Self> {
        let number = |text: &str| text.parse::<u64>().ok();
        let (year, month, day) = (year.map(number), number(month)?, number(day)?);
        let year = match year {
            Some(year) => Some(year?),
            None => None,
        };
        let last = match month {
            2 if year.is_none_or(is_leap) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        (1..=last).contains(&day).then_some(Self { year, month, day })
    }

    /// Of three numbers in this order.
    pub(super) fn in_order(parts: [&str; 3], order: DateOrder) -> Option<Self> {
        let [a, b, c] = parts;
        match order {
            _ if a.len() == 4 => Self::of(Some(a), b, c),
            DateOrder::YearFirst => Self::of(Some(a), b, c),
            DateOrder::MonthFirst => Self::of(Some(c), a, b),
            DateOrder::DayFirst => Self::of(Some(c), b, a),
        }
    }

    /// November twenty-fifth, twenty twenty-six.
    pub(super) fn in_english(self) -> String {
        let month = usize::try_from(self.month - 1).ok().and_then(|at| MONTHS.get(at)).copied();
        let day = format!("{} {}", month.unwrap_or_default(), numbers::english_ordinal(self.day));
        self.year.map_or(day.clone(), |year| format!("{day}, {}", numbers::english_year(year)))
    }

    /// 二零二六年十一月二十五日.
    pub(super) fn in_chinese(self) -> String {
        let year = self
            .year
            .map_or(String::new(), |year| format!("{}年", numbers::chinese_digits(&year.to_string())));
        format!("{year}{}月{}日", numbers::chinese(self.month), numbers::chinese(self.day))
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Hour, minute and second of a clock; none if no clock shows them.
pub(super) fn clock(hour: &str, minute: &str, second: &str) -> Option<(u64, u64, Option<u64>)> {
    let number = |text: &str, most: u64| text.parse().ok().filter(|number| *number <= most);
    let second = if second.is_empty() { None } else { Some(number(second, 59)?) };
    Some((number(hour, 24)?, number(minute, 59)?, second))
}
