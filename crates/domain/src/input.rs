//! Parsing of untrusted JSON that reports all violations at once.
//!
//! [`Input`] is implemented for single values (`Title`), bodies (`NewBook`) and arrays of either. A
//! body reads its fields through [`Fields`], which prepends their names to the pointers of
//! violations, so that an `Input` does not depend on its position in the document.
//!
//! ```
//! use recto_domain::{Input, NewReview};
//! use serde_json::json;
//!
//! let refused = NewReview::parse(&json!({"rating": 6, "text": "Fine"})).unwrap_err();
//! let pointers: Vec<_> = refused.as_slice().iter().map(|v| v.pointer.as_str()).collect();
//! assert_eq!(pointers, ["/rating", "/review_text", "/text"]);
//! ```

use std::borrow::Cow;

use chrono::{DateTime, Datelike as _, Utc};
use recto_relations::excerpt;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{Code, Invalid, Violation, Violations};

/// A type that is parsed from untrusted JSON.
pub trait Input: Sized {
    /// Parses `value`. The pointers of violations start at `value`.
    fn parse(value: &Value) -> Result<Self, Violations>;
}

/// The type of a field of an object: required (`T`), optional (`Option<T>`), or part of a merge
/// patch ([`Change<T>`], [`Change<Option<T>>`](Change)).
pub trait InputField: Sized {
    /// Parses the value of the field; `None` if the field is absent.
    fn read(value: Option<&Value>) -> Result<Self, Violations>;

    /// Returns whether the field is left out when the object is serialized.
    fn is_absent(&self) -> bool {
        false
    }
}

/// The change of one field in a merge patch (RFC 7396).
///
/// `Change<Option<T>>` is for optional fields: `null` is `Set(None)` and clears the field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// The field is absent: its value stays.
    #[default]
    Keep,
    /// The field is present: this is its new value.
    Set(T),
}

impl<T: PartialEq> Change<T> {
    /// Applies the change to `target`, and returns whether `target` changed.
    ///
    /// ```
    /// use recto_domain::Change;
    ///
    /// let mut pages = Some(310);
    /// assert!(!Change::Set(Some(310)).apply_to(&mut pages));
    /// assert!(Change::Set(None).apply_to(&mut pages));
    /// ```
    pub fn apply_to(self, target: &mut T) -> bool {
        match self {
            Self::Set(value) if value != *target => {
                *target = value;
                true
            }
            Self::Set(_) | Self::Keep => false,
        }
    }
}

/// Serializes as the new value. Objects leave `Keep` out.
impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep => serializer.serialize_none(),
            Self::Set(value) => value.serialize(serializer),
        }
    }
}

impl<T: Input> InputField for T {
    fn read(value: Option<&Value>) -> Result<Self, Violations> {
        match value {
            None => Err(Violations::one(Code::Required, "is required")),
            Some(Value::Null) => Err(Violations::one(Code::Required, "must not be null")),
            Some(value) => T::parse(value),
        }
    }
}

impl<T: Input> InputField for Option<T> {
    fn read(value: Option<&Value>) -> Result<Self, Violations> {
        match value {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::parse(value).map(Some),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Input> InputField for Change<T> {
    fn read(value: Option<&Value>) -> Result<Self, Violations> {
        match value {
            None => Ok(Self::Keep),
            present => T::read(present).map(Self::Set),
        }
    }

    fn is_absent(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

impl<T: Input> InputField for Change<Option<T>> {
    fn read(value: Option<&Value>) -> Result<Self, Violations> {
        match value {
            None => Ok(Self::Keep),
            present => Option::read(present).map(Self::Set),
        }
    }

    fn is_absent(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

impl<T: Input> Input for Vec<T> {
    fn parse(value: &Value) -> Result<Self, Violations> {
        let Value::Array(items) = value else {
            return Err(Violations::one(Code::Type, "must be an array"));
        };
        let mut list = Self::with_capacity(items.len());
        let mut violations = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match T::parse(item) {
                Ok(read) => list.push(read),
                Err(wrong) => violations.extend(wrong.under(&index.to_string()).into_vec()),
            }
        }
        Violations::from_list(violations).map_or(Ok(list), Err)
    }
}

/// An array of at most `MAX` items. Its length is checked before its items are parsed.
///
/// ```
/// use recto_domain::{Input, TagName, input::AtMost};
/// use serde_json::json;
///
/// let two = AtMost::<TagName, 2>::parse(&json!(["poetry", "latin"])).unwrap();
/// assert_eq!(two.into_vec().len(), 2);
/// let wrong = AtMost::<TagName, 2>::parse(&json!([1, 2, 3])).unwrap_err();
/// assert_eq!(wrong.to_string(), "the document must have at most 2 items");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct AtMost<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> AtMost<T, MAX> {
    /// Returns the items.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }

    /// Returns the items.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }
}

impl<T: Input, const MAX: usize> Input for AtMost<T, MAX> {
    fn parse(value: &Value) -> Result<Self, Violations> {
        match value.as_array() {
            Some(items) if items.len() > MAX => {
                Err(Violations::one(Code::Length, format!("must have at most {MAX} items")))
            }
            _ => Vec::parse(value).map(Self),
        }
    }
}

impl Input for bool {
    fn parse(value: &Value) -> Result<Self, Violations> {
        value.as_bool().ok_or_else(|| Violations::one(Code::Type, "must be true or false"))
    }
}

/// A time as in RFC 3339, with any offset; stored in UTC, to the microsecond.
impl Input for DateTime<Utc> {
    fn parse(value: &Value) -> Result<Self, Violations> {
        read_text(value, |text| {
            let moment = DateTime::parse_from_rfc3339(text).ok();
            moment
                .and_then(|moment| Self::from_timestamp_micros(moment.timestamp_micros()))
                // In UTC the year can be one that RFC 3339 cannot express.
                .filter(|moment| (0..=9999).contains(&moment.year()))
                .ok_or_else(|| Invalid::new(Code::Format, "must be a time such as 2027-01-31T12:00:00Z"))
        })
    }
}

/// The fields of a JSON object, while they are parsed.
///
/// ```
/// use recto_domain::{Input, TagName, Violations, input::Fields};
/// use serde_json::{Value, json};
///
/// struct Shelf { name: TagName, tags: Option<Vec<TagName>> }
///
/// impl Input for Shelf {
///     fn parse(value: &Value) -> Result<Self, Violations> {
///         let mut fields = Fields::of(value)?;
///         let (name, tags) = (fields.field("name"), fields.field("tags"));
///         fields.finish(|| Some(Self { name: name?, tags: tags? }))
///     }
/// }
///
/// let shelf = Shelf::parse(&json!({"name": "fresh"})).unwrap();
/// assert_eq!(shelf.name.as_str(), "fresh");
/// assert!(shelf.tags.is_none());
/// let wrong = Shelf::parse(&json!({"name": "fresh", "tags": ["x", 1]})).err().unwrap();
/// assert_eq!(wrong.to_string(), "/tags/1 must be a string");
/// ```
#[derive(Debug)]
pub struct Fields<'a> {
    values: &'a Map<String, Value>,
    known: Vec<&'static str>,
    violations: Vec<Violation>,
}

impl<'a> Fields<'a> {
    /// Further unknown fields are counted, not listed, so that a small body cannot request a huge
    /// response.
    const UNKNOWN_LISTED: usize = 50;

    /// Returns the fields of an object. Any other value is a violation at the pointer "".
    pub fn of(value: &'a Value) -> Result<Self, Violations> {
        match value {
            Value::Object(values) => Ok(Self { values, known: Vec::new(), violations: Vec::new() }),
            _ => Err(Violations::one(Code::Type, "must be an object")),
        }
    }

    /// Parses the field `name`. On a violation, records it and returns `None`.
    pub fn field<F: InputField>(&mut self, name: &'static str) -> Option<F> {
        self.known.push(name);
        match F::read(self.values.get(name)) {
            Ok(field) => Some(field),
            Err(wrong) => {
                self.violations.extend(wrong.under(name).into_vec());
                None
            }
        }
    }

    /// Records that the parsed field `name` breaks a rule that involves other fields.
    pub fn refuse(&mut self, name: &str, code: Code, detail: impl Into<Cow<'static, str>>) {
        self.violations.extend(Violations::one(code, detail).under(name).into_vec());
    }

    /// Refuses unknown fields, then builds the value if there are no violations.
    ///
    /// `build` returns `None` if a field was refused. If it returns `None` although none was, the
    /// violation is at the whole object.
    pub fn finish<T>(mut self, build: impl FnOnce() -> Option<T>) -> Result<T, Violations> {
        self.refuse_unknown();
        match Violations::from_list(self.violations) {
            Some(violations) => Err(violations),
            None => build().ok_or_else(|| Violations::one(Code::Format, "is not valid")),
        }
    }

    fn refuse_unknown(&mut self) {
        self.known.sort_unstable();
        let mut unknown = self.values.keys().filter(|name| !self.known.contains(&name.as_str()));
        let known = self.known.join(", ");
        let detail = format!("is not a known field; known are: {known}");
        for name in unknown.by_ref().take(Self::UNKNOWN_LISTED) {
            let wrong = Violations::one(Code::Unknown, detail.clone()).under(&excerpt(name));
            self.violations.extend(wrong.into_vec());
        }
        let more = unknown.count();
        if more > 0 {
            let wrong = Violations::one(Code::Unknown, format!("has {more} more unknown fields"));
            self.violations.extend(wrong.into_vec());
        }
    }
}

/// Parses a JSON string with `parse`.
pub(crate) fn read_text<T>(
    value: &Value,
    parse: impl FnOnce(&str) -> Result<T, Invalid>,
) -> Result<T, Violations> {
    let Value::String(text) = value else {
        return Err(Violations::one(Code::Type, "must be a string"));
    };
    Ok(parse(text)?)
}

/// Returns the whole number `value`. As in JSON Schema, `5.0` is one; `4.5` and `"5"` are not.
/// Numbers outside `i64` become its nearest bound, which no range of the domain includes.
pub(crate) fn whole_number(value: &Value) -> Option<i64> {
    let Value::Number(number) = value else {
        return None;
    };
    if let Some(exact) = number.as_i64() {
        return Some(exact);
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the fraction is zero and the cast saturates at both ends"
    )]
    let nearest = float as i64;
    Some(nearest)
}

#[cfg(test)]
mod tests;
