//! Times as JSON.

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use serde::{Serialize as _, Serializer};

/// Writes a time as chrono does (RFC 3339), at a fifth of the cost: chrono passes a time to the
/// serializer in fourteen pieces, and `serde_json` searches each for characters to escape.
///
/// Times that are not whole milliseconds, or not of the years 0 to 9999, are left to chrono.
pub(crate) fn write<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    let utc = time.naive_utc();
    let (year, nanos) = (utc.year(), utc.nanosecond());
    let millis = nanos / 1_000_000;
    if !(0..=9999).contains(&year) || nanos % 1_000_000 != 0 || millis > 999 {
        return time.serialize(serializer);
    }
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let numbers = [
        (0..4, year.unsigned_abs()),
        (5..7, utc.month()),
        (8..10, utc.day()),
        (11..13, utc.hour()),
        (14..16, utc.minute()),
        (17..19, utc.second()),
        (20..23, millis),
    ];
    for (digits, mut number) in numbers {
        for digit in text[digits].iter_mut().rev() {
            *digit = b"0123456789"[(number % 10) as usize];
            number /= 10;
        }
    }
    let mut length = text.len();
    if millis == 0 {
        length = 20;
        text[length - 1] = b'Z';
    }
    serializer.serialize_str(str::from_utf8(&text[..length]).expect("it is ASCII"))
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, TimeDelta};
    use proptest::prelude::*;

    use super::*;

    fn written(time: &DateTime<Utc>) -> String {
        let mut json = Vec::new();
        write(time, &mut serde_json::Serializer::new(&mut json)).unwrap();
        String::from_utf8(json).unwrap()
    }

    proptest! {
        #[test]
        fn times_are_written_as_by_chrono(
            days in -800_000..3_700_000_i64, seconds in 0..86_400_i64, nanos in 0..2_000_000_000_i64,
            unit in prop::sample::select(vec![1, 1_000, 1_000_000, 1_000_000_000]),
        ) {
            let day = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + TimeDelta::days(days);
            let midnight = day.and_hms_opt(0, 0, 0).unwrap().and_utc();
            let time = midnight + TimeDelta::seconds(seconds) + TimeDelta::nanoseconds(nanos / unit * unit);
            prop_assert_eq!(written(&time), serde_json::to_string(&time).unwrap());
        }
    }

    #[test]
    fn leap_second_is_written() {
        let day = NaiveDate::from_ymd_opt(2016, 12, 31).unwrap();
        let leap = day.and_hms_milli_opt(23, 59, 59, 1_500).unwrap().and_utc();
        assert_eq!(written(&leap), serde_json::to_string(&leap).unwrap());
    }
}
