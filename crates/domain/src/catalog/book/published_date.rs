//! Dates of publication.

use std::{fmt, str::FromStr};

use chrono::NaiveDate;
use recto_relations::{SortKind, SortValue};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::{Code, Input, Invalid, Violations, input::read_text, value::Sortable};

/// A year, a month or a day of the proleptic Gregorian calendar, from the year -9999 to 9999.
///
/// Written as in ISO 8601: `1999`, `1999-07`, `1999-07-08`. Years before the common era use
/// astronomical year numbers: `0000` is 1 BCE, `-0749` is 750 BCE. A year sorts before its months,
/// and a month before its days.
///
/// ```
/// use recto_domain::PublishedDate;
///
/// let iliad: PublishedDate = "-0749".parse()?;
/// let ulysses: PublishedDate = "1922-02-02".parse()?;
/// assert!(iliad < ulysses);
/// assert_eq!((ulysses.year(), ulysses.month(), ulysses.day()), (1922, Some(2), Some(2)));
/// assert!("1999-02-29".parse::<PublishedDate>().is_err());
/// # Ok::<(), recto_domain::Invalid>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(
        value_type = String,
        pattern = r"^-?[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$",
        examples("1978-08-14")
    )
)]
pub struct PublishedDate(
    /// `year × 10000 + month × 100 + day`, with 0 for an unknown month or day.
    i32,
);

impl Sortable for PublishedDate {
    const KIND: SortKind = SortKind::Range(|text| {
        let date: Self = text.parse().ok()?;
        Some((date.sort_key().into(), date.last_sort_key().into()))
    });

    fn sort_value(&self) -> SortValue {
        SortValue::Integer(self.sort_key().into())
    }
}

impl PublishedDate {
    /// The first year, 10000 BCE.
    pub const FIRST_YEAR: i32 = -9999;
    /// The last year.
    pub const LAST_YEAR: i32 = 9999;

    /// Returns a year without month and day.
    ///
    /// ```
    /// use recto_domain::PublishedDate;
    ///
    /// assert_eq!(PublishedDate::from_year(-749)?.to_string(), "-0749");
    /// assert!(PublishedDate::from_year(10_000).is_err());
    /// # Ok::<(), recto_domain::Invalid>(())
    /// ```
    pub fn from_year(year: i32) -> Result<Self, Invalid> {
        Self::from_parts(year, 0, 0)
    }

    /// Returns the date with this [`sort_key`](Self::sort_key).
    ///
    /// ```
    /// use recto_domain::PublishedDate;
    ///
    /// assert_eq!(PublishedDate::from_sort_key(1999_07_00)?.to_string(), "1999-07");
    /// assert!(PublishedDate::from_sort_key(1999_13_00).is_err());
    /// # Ok::<(), recto_domain::Invalid>(())
    /// ```
    pub fn from_sort_key(key: i32) -> Result<Self, Invalid> {
        let within_year = key.rem_euclid(10_000).unsigned_abs();
        Self::from_parts(key.div_euclid(10_000), within_year / 100, within_year % 100)
    }

    /// Returns a number that sorts as the dates do: `year × 10000 + month × 100 + day`, with 0 for
    /// an unknown month or day. It is the minimum of the keys of the dates within the period.
    ///
    /// ```
    /// use recto_domain::PublishedDate;
    ///
    /// let date: PublishedDate = "1999-07".parse()?;
    /// assert_eq!((date.sort_key(), date.last_sort_key()), (1999_07_00, 1999_07_31));
    /// # Ok::<(), recto_domain::Invalid>(())
    /// ```
    pub const fn sort_key(self) -> i32 {
        self.0
    }

    /// Returns an upper bound of the keys of the dates within the period, less than the keys of
    /// later dates: `1999_12_31` for `1999`, day 31 for every month, and the same day for a day.
    pub const fn last_sort_key(self) -> i32 {
        match (self.month(), self.day()) {
            (None, _) => self.0 + 1231,
            (Some(_), None) => self.0 + 31,
            (Some(_), Some(_)) => self.0,
        }
    }

    /// Returns the year; 0 is 1 BCE.
    pub const fn year(self) -> i32 {
        self.0.div_euclid(10_000)
    }

    /// Returns the month from 1 to 12, if known.
    pub const fn month(self) -> Option<u32> {
        known(self.within_year() / 100)
    }

    /// Returns the day of the month, if known.
    pub const fn day(self) -> Option<u32> {
        known(self.within_year() % 100)
    }

    const fn within_year(self) -> u32 {
        self.0.rem_euclid(10_000).unsigned_abs()
    }

    /// Returns the date with these parts if it exists. 0 is an unknown month or day.
    fn from_parts(year: i32, month: u32, day: u32) -> Result<Self, Invalid> {
        if !(Self::FIRST_YEAR..=Self::LAST_YEAR).contains(&year) {
            return Err(Invalid::new(Code::Range, "must have a year from -9999 to 9999"));
        }
        let real = match (month, day) {
            (0, day) => day == 0,
            (1..=12, 0) => true,
            _ => NaiveDate::from_ymd_opt(year, month, day).is_some(),
        };
        let within_year = i32::try_from(month * 100 + day);
        match within_year {
            Ok(within_year) if real => Ok(Self(year * 10_000 + within_year)),
            _ => Err(Invalid::new(Code::Range, "must be an existing month or day")),
        }
    }
}

impl fmt::Display for PublishedDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.year() < 0 { "-" } else { "" };
        write!(f, "{sign}{:04}", self.year().unsigned_abs())?;
        for part in [self.month(), self.day()].into_iter().flatten() {
            write!(f, "-{part:02}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for PublishedDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublishedDate({self})")
    }
}

impl FromStr for PublishedDate {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = || {
            Invalid::new(
                Code::Format,
                "must be a year, month or day written as 1999, 1999-07 or 1999-07-08",
            )
        };
        let (before_zero, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut parts = unsigned.split('-');
        let year = parts.next().and_then(|part| digits(part, 4));
        let month = parts.next().map_or(Some(0), nonzero);
        let day = parts.next().map_or(Some(0), nonzero);
        let (Some(year), Some(month), Some(day), None) = (year, month, day, parts.next()) else {
            return Err(refused());
        };
        let year = i32::try_from(year).map_err(|_| refused())?;
        match (before_zero, year) {
            (true, 0) => {
                Err(Invalid::new(Code::Format, "must not have the year -0000; 1 BCE is 0000"))
            }
            (true, year) => Self::from_parts(-year, month, day),
            (false, year) => Self::from_parts(year, month, day),
        }
    }
}

impl Input for PublishedDate {
    fn parse(value: &Value) -> Result<Self, Violations> {
        read_text(value, str::parse)
    }
}

impl Serialize for PublishedDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublishedDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

const fn known(part: u32) -> Option<u32> {
    if part == 0 { None } else { Some(part) }
}

/// Parses exactly `count` ASCII digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    let all_digits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok()).flatten()
}

/// Parses a month or a day, which must not be the 0 of an unknown one.
fn nonzero(text: &str) -> Option<u32> {
    digits(text, 2).filter(|&number| number != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> PublishedDate {
        text.parse().unwrap()
    }

    #[test]
    fn every_precision_round_trips() {
        for text in [
            "1999",
            "1999-07",
            "1999-07-08",
            "0000",
            "0001-01-01",
            "-0749",
            "-0749-07-08",
            "-9999",
            "9999-12-31",
            "2000-02-29",
            "0000-02-29",
        ] {
            assert_eq!(date(text).to_string(), text);
        }
    }

    #[test]
    fn impossible_dates_are_refused() {
        for text in ["1999-13", "1999-02-29", "1900-02-29", "1999-04-31", "1999-07-32"] {
            let refusal = text.parse::<PublishedDate>().unwrap_err();
            assert_eq!(refusal.detail(), "must be an existing month or day");
        }
    }

    #[test]
    fn other_notations_are_refused() {
        for text in [
            "",
            "-",
            "99",
            "19999",
            "+1999",
            "--1999",
            "-0000",
            "-0000-01",
            "1999-7",
            "1999-00",
            "1999-07-00",
            "1999-07-08-",
            "1999-07-08T00:00:00Z",
            " 1999",
            "1999-",
            "１９９９",
            "07/08/1999",
            "1999-007",
            "-749",
        ] {
            assert!(text.parse::<PublishedDate>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn keys_sort_across_the_eras() {
        let sorted = [
            "-9999",
            "-0750-12-31",
            "-0749",
            "-0749-01",
            "-0749-01-01",
            "-0749-07-08",
            "-0001-12-31",
            "0000",
            "0000-01",
            "0001",
            "1999",
            "1999-07",
            "1999-07-08",
            "1999-08",
        ];
        assert!(sorted.map(date).is_sorted());
        assert_eq!(date("-0749-07-08").sort_key(), -749 * 10_000 + 708);
    }

    #[test]
    fn periods_end_before_the_next_begins() {
        for (period, last, next) in [
            ("1999", "1999-12-31", "2000"),
            ("1999-02", "1999-02-28", "1999-03"),
            ("-0749", "-0749-12-31", "-0748"),
            ("1999-07-08", "1999-07-08", "1999-07-09"),
        ] {
            assert!(date(last).sort_key() <= date(period).last_sort_key());
            assert!(date(period).last_sort_key() < date(next).sort_key());
        }
    }

    #[test]
    fn invalid_keys_are_refused() {
        for key in
            [19_991_300, 19_990_001, 19_990_230, 100_000_000, -100_000_000, i32::MIN, i32::MAX]
        {
            assert!(PublishedDate::from_sort_key(key).is_err(), "{key}");
        }
        assert_eq!(PublishedDate::from_sort_key(0).unwrap().to_string(), "0000");
    }

    fn any_date() -> impl Strategy<Value = PublishedDate> {
        let parts = (-9999..=9999_i32, 0..=12_u32, 0..=31_u32);
        parts.prop_filter_map("a real date", |(year, month, day)| {
            PublishedDate::from_parts(year, month, day).ok()
        })
    }

    proptest! {
        #[test]
        fn parse_inverts_display(date in any_date()) {
            prop_assert_eq!(date.to_string().parse::<PublishedDate>().unwrap(), date);
        }

        #[test]
        fn sort_key_round_trips(date in any_date()) {
            prop_assert_eq!(PublishedDate::from_sort_key(date.sort_key()).unwrap(), date);
        }

        #[test]
        fn dates_sort_by_their_parts(a in any_date(), b in any_date()) {
            let parts = |date: PublishedDate| (date.year(), date.month(), date.day());
            prop_assert_eq!(a.cmp(&b), parts(a).cmp(&parts(b)));
        }

        #[test]
        fn arbitrary_text_does_not_panic(text in any::<String>()) {
            let _ = text.parse::<PublishedDate>();
        }

        #[test]
        fn text_like_dates_does_not_panic(text in "-?[0-9]{0,5}(-[0-9]{0,3}){0,4}") {
            let _ = text.parse::<PublishedDate>();
        }

        #[test]
        fn arbitrary_keys_do_not_panic(key in any::<i32>()) {
            let _ = PublishedDate::from_sort_key(key);
        }
    }
}
