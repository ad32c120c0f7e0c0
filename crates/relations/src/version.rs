//! Versions of entities.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// A number that increases with each change of the entity.
///
/// ```
/// use recto_relations::Version;
///
/// let mut version = Version::FIRST;
/// version.advance();
/// assert_eq!(version.to_string(), "2");
/// assert_eq!("2".parse(), Ok(version));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(i64);

impl Version {
    /// The version of a new entity.
    pub const FIRST: Self = Self(1);

    /// Increments the version.
    pub fn advance(&mut self) {
        self.0 = self.0.wrapping_add(1);
    }
}

impl Default for Version {
    fn default() -> Self {
        Self::FIRST
    }
}

impl From<i64> for Version {
    fn from(number: i64) -> Self {
        Self(number)
    }
}

impl From<Version> for i64 {
    fn from(version: Version) -> Self {
        version.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Version {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}
