//! The table of what was measured.

use std::fmt;
use std::time::Duration;

use recto_testkit::database::Engine;

/// Prints a row for each check, as it is made.
pub(crate) struct Report {
    place: String,
    failed: usize,
}

/// A value with its unit.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) enum Measured {
    Milliseconds(f64),
    Megabytes(f64),
    Number(f64),
}

impl Report {
    pub(crate) fn new() -> Self {
        println!("| engine | scenario | measured | value | bound | result |");
        println!("| --- | --- | --- | ---: | ---: | --- |");
        Self { place: String::new(), failed: 0 }
    }

    /// Sets the scenario of the following checks.
    pub(crate) fn begin(&mut self, engine: Engine, scenario: &str) {
        self.place = format!("{engine} | {scenario}");
    }

    /// Checks that a value is at most `bound`, which has the same unit.
    pub(crate) fn at_most(&mut self, what: &str, value: Measured, bound: Measured) {
        self.row(what, value, &format!("≤ {bound}"), value <= bound);
    }

    /// Checks that a number is `expected`.
    pub(crate) fn exactly<N>(&mut self, what: &str, value: N, expected: N)
    where
        N: Copy + fmt::Display + PartialEq,
    {
        self.row(what, value, &format!("= {expected}"), value == expected);
    }

    /// Reports a value without a bound.
    pub(crate) fn note(&mut self, what: &str, value: impl fmt::Display) {
        self.row(what, value, "", true);
    }

    /// Reports a scenario that could not be finished.
    pub(crate) fn aborted(&mut self) {
        self.row("finished", "no", "yes", false);
    }

    pub(crate) fn is_passed(&self) -> bool {
        self.failed == 0
    }

    fn row(&mut self, what: &str, value: impl fmt::Display, bound: &str, passed: bool) {
        self.failed += usize::from(!passed);
        let result = if passed { "pass" } else { "FAIL" };
        println!("| {} | {what} | {value} | {bound} | {result} |", self.place);
    }
}

impl Measured {
    pub(crate) fn time(duration: Duration) -> Self {
        Self::Milliseconds(duration.as_secs_f64() * 1000.0)
    }

    pub(crate) fn count(number: usize) -> Self {
        Self::Number(f64::from(u32::try_from(number).unwrap_or(u32::MAX)))
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Milliseconds(time) if *time >= 10_000.0 => write!(f, "{:.1} s", time / 1000.0),
            Self::Milliseconds(time) => write!(f, "{time:.0} ms"),
            Self::Megabytes(size) => write!(f, "{size:.0} MB"),
            Self::Number(number) if number.fract() == 0.0 => write!(f, "{number:.0}"),
            Self::Number(number) => write!(f, "{number:.1}"),
        }
    }
}

/// Returns a quantile of durations, 0 without any. `share` is 0.5 for the median.
pub(crate) fn quantile(durations: &[Duration], share: f64) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index of a short list"
    )]
    let index = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}
