//! Parsing of untrusted JSON that reports all violations at once.
//!
//! [`Input`] is implemented for single values (`Title`), bodies (`NewBook`) and arrays of either.
//! A body reads its fields through [`Fields`], which prepends their names to the pointers of
//! violations, so that an `Input` does not depend on its place in the document.
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
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{Invalid, Violation, Violations};

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

    /// Whether the field is left out when the object is serialized.
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
            None => Err(Violations::one("is required")),
            Some(Value::Null) => Err(Violations::one("must not be null")),
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
            return Err(Violations::one("must be an array"));
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
                Err(Violations::one(format!("must have at most {MAX} items")))
            }
            _ => Vec::parse(value).map(Self),
        }
    }
}

impl Input for bool {
    fn parse(value: &Value) -> Result<Self, Violations> {
        value.as_bool().ok_or_else(|| Violations::one("must be true or false"))
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
                .ok_or_else(|| Invalid::new("must be a moment such as 2027-01-31T12:00:00Z"))
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
            _ => Err(Violations::one("must be an object")),
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
    pub fn refuse(&mut self, name: &str, detail: impl Into<Cow<'static, str>>) {
        self.violations.extend(Violations::one(detail).under(name).into_vec());
    }

    /// Refuses unknown fields, then builds the value if there are no violations.
    ///
    /// `build` returns `None` if a field was refused. If it returns `None` although none was, the
    /// violation is at the whole object.
    pub fn finish<T>(mut self, build: impl FnOnce() -> Option<T>) -> Result<T, Violations> {
        self.refuse_unknown();
        match Violations::from_list(self.violations) {
            Some(violations) => Err(violations),
            None => build().ok_or_else(|| Violations::one("is not valid")),
        }
    }

    fn refuse_unknown(&mut self) {
        self.known.sort_unstable();
        let mut unknown = self.values.keys().filter(|name| !self.known.contains(&name.as_str()));
        let known = self.known.join(", ");
        let detail = format!("{}; known are: {known}", Violation::UNKNOWN_FIELD);
        for name in unknown.by_ref().take(Self::UNKNOWN_LISTED) {
            let wrong = Violations::one(detail.clone()).under(name);
            self.violations.extend(wrong.into_vec());
        }
        let more = unknown.count();
        if more > 0 {
            let wrong = Violations::one(format!("has {more} more unknown fields"));
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
        return Err(Violations::one("must be a string"));
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
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{
        BookPatch, Login, NewBook, NewReview, NewTag, Rating, ReviewPatch, RoleChange, SignUp,
        TagNames, Title, UserPatch,
    };

    fn refusals<T: Input>(value: &Value) -> Vec<(String, String)> {
        let wrong = T::parse(value).err().expect("the document is refused").into_vec();
        wrong.into_iter().map(|v| (v.pointer, v.detail.into_owned())).collect()
    }

    fn refusal<T: Input>(value: &Value) -> String {
        let [(pointer, detail)] = <[_; 1]>::try_from(refusals::<T>(value)).unwrap();
        assert_eq!(pointer, "");
        detail
    }

    #[test]
    fn all_violations_are_reported() {
        let body = json!({
            "title": "", "publisher": 3, "published_date": "1999-02-30", "page_count": 4.5,
            "language": "en_GB", "isbn": "9780099284094", "a/b": 1,
        });
        let pointers: Vec<_> = refusals::<NewBook>(&body).into_iter().map(|(at, _)| at).collect();
        assert_eq!(
            pointers,
            [
                "/title",
                "/author",
                "/publisher",
                "/published_date",
                "/page_count",
                "/language",
                "/isbn",
                "/a~1b",
            ]
        );
    }

    #[test]
    fn body_must_be_an_object() {
        for value in [json!(null), json!([]), json!("x"), json!(1), json!(true)] {
            assert_eq!(refusal::<NewBook>(&value), "must be an object");
        }
    }

    #[test]
    fn missing_required_field_is_refused() {
        assert_eq!(
            refusals::<NewReview>(&json!({"rating": null})),
            [
                ("/rating".into(), "must not be null".into()),
                ("/review_text".into(), "is required".into()),
            ]
        );
    }

    #[test]
    fn optional_fields_may_be_absent_or_null() {
        let bare = NewBook::parse(&json!({"title": "Emma", "author": "Jane Austen"})).unwrap();
        let nulls =
            json!({"title": "Emma", "author": "Jane Austen", "isbn": null, "language": null});
        assert_eq!(NewBook::parse(&nulls).unwrap(), bare);
    }

    #[test]
    fn unknown_fields_are_listed_and_counted() {
        assert_eq!(
            refusals::<NewTag>(&json!({"name": "x", "Name": "y"})),
            [("/Name".into(), "is not a known field; known are: name".into())]
        );
        let mut crowd: Map<String, Value> = (0..1000).map(|n| (n.to_string(), json!(n))).collect();
        crowd.insert("name".into(), json!("x"));
        let refused = refusals::<NewTag>(&Value::Object(crowd));
        assert_eq!(refused.len(), 51);
        assert_eq!(refused[50], (String::new(), "has 950 more unknown fields".into()));
    }

    #[test]
    fn patches_keep_clear_or_set() {
        let patch = BookPatch::parse(&json!({"title": "Persuasion", "isbn": null})).unwrap();
        assert_eq!(patch.title, Change::Set(Title::parse("Persuasion").unwrap()));
        assert_eq!((patch.isbn, patch.author), (Change::Set(None), Change::Keep));
        assert_eq!(
            refusals::<BookPatch>(&json!({"title": null})),
            [("/title".into(), "must not be null".into())]
        );
    }

    #[test]
    fn inputs_round_trip() {
        let patch = json!({"title": "Persuasion", "isbn": null});
        let read = BookPatch::parse(&patch).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), patch);
        assert_eq!(serde_json::from_value::<BookPatch>(patch).unwrap(), read);
        let bad = serde_json::from_value::<NewTag>(json!({})).unwrap_err();
        assert_eq!(bad.to_string(), "/name is required");
    }

    #[test]
    fn whole_numbers_may_have_a_zero_fraction() {
        for good in [json!(5), json!(5.0), json!(0.5e1)] {
            assert_eq!(<Rating as Input>::parse(&good).unwrap().get(), 5);
        }
        for bad in [
            json!(0),
            json!(6),
            json!(4.5),
            json!("5"),
            json!(-1),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1e300),
            json!(-1e300),
            json!([5]),
            json!(true),
        ] {
            assert_eq!(refusal::<Rating>(&bad), "must be a whole number from 1 to 5", "{bad}");
        }
    }

    #[test]
    fn array_violations_have_indexes() {
        assert_eq!(
            refusals::<TagNames>(&json!({"tags": [{"name": "x"}, null, {"name": 1}, {"x": 2}]})),
            [
                ("/tags/1".into(), "must be an object".into()),
                ("/tags/2/name".into(), "must be a string".into()),
                ("/tags/3/name".into(), "is required".into()),
                ("/tags/3/x".into(), "is not a known field; known are: name".into()),
            ]
        );
        assert_eq!(
            refusals::<TagNames>(&json!({"tags": {}})),
            [("/tags".into(), "must be an array".into())]
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "-?[0-9]{4}(-[0-9]{2}){0,2}".prop_map(Value::from),
        ];
        let name = prop_oneof![
            "title|author|publisher|published_date|page_count|language|isbn",
            "rating|review_text|name|tags|username|email|password|first_name|last_name|role",
            any::<String>(),
        ];
        leaf.prop_recursive(4, 64, 12, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(name.clone(), inner, 0..12)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn arbitrary_json_does_not_panic(value in any_json()) {
            let _ = NewBook::parse(&value);
            let _ = BookPatch::parse(&value);
            let _ = NewReview::parse(&value);
            let _ = ReviewPatch::parse(&value);
            let _ = TagNames::parse(&value);
            let _ = UserPatch::parse(&value);
            let _ = SignUp::parse(&value);
            let _ = Login::parse(&value);
            let _ = RoleChange::parse(&value);
        }

        #[test]
        fn pointers_exist_in_the_document(value in any_json()) {
            if let Err(wrong) = NewBook::parse(&value) {
                for violation in wrong.as_slice().iter().filter(|v| v.detail != "is required") {
                    prop_assert!(value.pointer(&violation.pointer).is_some(), "{}", violation);
                }
            }
        }
    }
}
