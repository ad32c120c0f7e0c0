//! Rules that a value or a document breaks.

use std::{borrow::Cow, error::Error, fmt};

use serde::Serialize;

/// The kind of a broken rule, for programs.
///
/// ```
/// use recto_domain::{Code, Rating};
///
/// assert_eq!(Rating::new(6).unwrap_err().code(), Code::Range);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(examples("range")))]
#[serde(rename_all = "lowercase")]
pub enum Code {
    /// A value is missing or `null`.
    Required,
    /// There is no such field, parameter or relation here.
    Unknown,
    /// The value has the wrong JSON type.
    Type,
    /// The value is not allowed: a number or a date out of bounds, a choice that an enumeration
    /// does not have, a reserved name.
    Range,
    /// The value is empty, too short or too long, or has too many items.
    Length,
    /// The text is malformed.
    Format,
    /// The value is repeated.
    Duplicate,
    /// The id refers to nothing that exists.
    Reference,
    /// The value contradicts another one of the same request.
    Conflict,
    /// The cursor is malformed or belongs to another query.
    Cursor,
}

impl Code {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Required,
        Self::Unknown,
        Self::Type,
        Self::Range,
        Self::Length,
        Self::Format,
        Self::Duplicate,
        Self::Reference,
        Self::Conflict,
        Self::Cursor,
    ];

    /// Returns the name in JSON.
    ///
    /// ```
    /// assert_eq!(recto_domain::Code::Range.as_str(), "range");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Unknown => "unknown",
            Self::Type => "type",
            Self::Range => "range",
            Self::Length => "length",
            Self::Format => "format",
            Self::Duplicate => "duplicate",
            Self::Reference => "reference",
            Self::Conflict => "conflict",
            Self::Cursor => "cursor",
        }
    }
}

/// A rule that a value breaks, worded to follow the name of the value: "rating" *"must be a whole
/// number from 1 to 5"*.
///
/// ```
/// use recto_domain::Rating;
///
/// let refused = Rating::new(6).unwrap_err();
/// assert_eq!(refused.to_string(), "must be a whole number from 1 to 5");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    code: Code,
    detail: Cow<'static, str>,
}

impl Invalid {
    /// Returns a broken rule. `detail` starts in lower case and has no full stop.
    ///
    /// ```
    /// use recto_domain::{Code, Invalid};
    ///
    /// let rule = Invalid::new(Code::Length, "must not be empty");
    /// assert_eq!(rule.detail(), "must not be empty");
    /// ```
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// Returns the kind of the rule.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Returns the rule.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Returns the rule.
    pub fn into_detail(self) -> Cow<'static, str> {
        self.detail
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl Error for Invalid {}

/// A rule that a JSON document breaks, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// A JSON pointer (RFC 6901) into the document; empty for the whole document.
    pub pointer: String,
    /// The kind of the rule.
    pub code: Code,
    /// The rule.
    pub detail: Cow<'static, str>,
}

impl Violation {
    /// Returns whether the document must not have the field at all.
    ///
    /// ```
    /// use recto_domain::{Input, NewTag};
    /// use serde_json::json;
    ///
    /// let wrong = NewTag::parse(&json!({"name": "", "Name": "x"})).unwrap_err();
    /// let unknown: Vec<_> = wrong.as_slice().iter().map(|one| one.is_unknown_field()).collect();
    /// assert_eq!(unknown, [false, true]);
    /// ```
    pub fn is_unknown_field(&self) -> bool {
        self.code == Code::Unknown
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            write!(f, "the document {}", self.detail)
        } else {
            write!(f, "{} {}", self.pointer, self.detail)
        }
    }
}

/// All violations of a document, at least one.
///
/// Serializes as an array of `{"pointer", "code", "detail"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Returns a single violation, of the whole document.
    ///
    /// ```
    /// use recto_domain::{Code, Violations};
    ///
    /// let wrong = Violations::one(Code::Length, "must not be empty").under("name").under("tags");
    /// assert_eq!(wrong.as_slice()[0].pointer, "/tags/name");
    /// ```
    pub fn one(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(vec![Violation { pointer: String::new(), code, detail: detail.into() }])
    }

    /// Returns the violations in `list`; `None` if it is empty.
    pub fn from_list(list: Vec<Violation>) -> Option<Self> {
        (!list.is_empty()).then_some(Self(list))
    }

    /// Adds the violations of `others`.
    #[must_use]
    pub(crate) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Prepends `token`, the name of a field or the index in an array, to each pointer.
    #[must_use]
    pub fn under(mut self, token: &str) -> Self {
        let prefix = pointer_step(token);
        for violation in &mut self.0 {
            violation.pointer.insert_str(0, &prefix);
        }
        self
    }

    /// Limits the violations to the first `most` and one that counts the others, so that a response
    /// is not many times larger than its request.
    ///
    /// ```
    /// use recto_domain::{Input, NewTag, Violations};
    /// use serde_json::json;
    ///
    /// let wrong = Vec::<NewTag>::parse(&json!([1, 2, 3])).unwrap_err().up_to(1);
    /// let details: Vec<_> = wrong.as_slice().iter().map(ToString::to_string).collect();
    /// assert_eq!(details, ["/0 must be an object", "the document breaks 2 more rules"]);
    /// ```
    #[must_use]
    pub fn up_to(mut self, most: usize) -> Self {
        let more = self.0.len().saturating_sub(most);
        if let Some(code) = self.0.get(most).map(|first| first.code) {
            self.0.truncate(most);
            self.0.extend(Self::one(code, format!("breaks {more} more rules")).0);
        }
        self
    }

    /// Returns the violations, in the order in which they were found.
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }

    /// Returns the violations.
    pub fn into_vec(self) -> Vec<Violation> {
        self.0
    }
}

impl From<Invalid> for Violations {
    fn from(invalid: Invalid) -> Self {
        Self::one(invalid.code, invalid.detail)
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{violation}")?;
        }
        Ok(())
    }
}

impl Error for Violations {}

/// Returns `/token`, escaped as in RFC 6901.
fn pointer_step(token: &str) -> String {
    format!("/{}", token.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_escape_tilde_and_slash() {
        let wrong = Violations::one(Code::Format, "is odd").under("a/b~c").under("0");
        assert_eq!(wrong.as_slice()[0].pointer, "/0/a~1b~0c");
    }

    #[test]
    fn display_lists_pointers() {
        let mut all = Violations::one(Code::Length, "must not be empty").under("title").into_vec();
        all.extend(Violations::one(Code::Type, "must be an object").into_vec());
        let all = Violations::from_list(all).unwrap();
        assert_eq!(all.to_string(), "/title must not be empty; the document must be an object");
    }

    #[test]
    fn empty_list_is_none() {
        assert_eq!(Violations::from_list(Vec::new()), None);
    }

    #[test]
    fn serializes_as_an_array() {
        let json =
            serde_json::to_value(Violations::one(Code::Required, "is required").under("title"))
                .unwrap();
        assert_eq!(
            json,
            serde_json::json!([{"pointer": "/title", "code": "required", "detail": "is required"}])
        );
    }
}
