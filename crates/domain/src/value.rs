//! Macros that declare validated values and implement the traits that these have in common.
//!
//! A value is a newtype with a private field. It can only be made by its constructors, so it is
//! always valid.

use recto_relations::{SortKind, SortValue};

/// A value by which entities can be sorted.
pub(crate) trait Sortable {
    /// How values are compared.
    const KIND: SortKind;
    /// Whether values may be empty.
    const NULLABLE: bool = false;

    /// Returns the value that is compared.
    fn sort_value(&self) -> SortValue;
}

impl<T: Sortable> Sortable for Option<T> {
    const KIND: SortKind = T::KIND;
    const NULLABLE: bool = true;

    fn sort_value(&self) -> SortValue {
        self.as_ref().map_or(SortValue::Empty, T::sort_value)
    }
}

/// Implements the common traits of a text value by its `clean: fn(&str) -> Result<Cow<str>,
/// Invalid>` and, if new texts have further rules, their check.
///
/// `clean` borrows text that is clean already, so that converting an owned string (as of a row)
/// costs one scan and no allocation.
macro_rules! string_value {
    ($name:ident, $example:literal) => {
        $crate::value::string_value!($name, $example, |_| Ok(()));
    };
    ($name:ident, $example:literal, $check_new:expr) => {
        impl $name {
            /// Cleans and validates `raw`, a new text.
            #[doc = concat!("
```
use recto_domain::", stringify!($name), ";

let value = ", stringify!($name), "::parse(", stringify!($example), ")?;
assert_eq!(value.as_str(), ", stringify!($example), ");
# Ok::<(), recto_domain::Invalid>(())
```")]
            pub fn parse(raw: &str) -> Result<Self, $crate::Invalid> {
                let check_new: fn(&str) -> Result<(), $crate::Invalid> = $check_new;
                let clean = Self::clean(raw)?;
                check_new(&clean)?;
                Ok(Self(clean.into_owned()))
            }

            /// Cleans and validates `raw`, a text that exists elsewhere, such as in an import. It
            /// may be older than some rules of new texts.
            pub fn parse_existing(raw: &str) -> Result<Self, $crate::Invalid> {
                Self::clean(raw).map(|clean| Self(clean.into_owned()))
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Invalid;

            fn from_str(raw: &str) -> Result<Self, $crate::Invalid> {
                Self::parse(raw)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        /// As [`parse_existing`](Self::parse_existing). Reuses the string's memory if it is clean
        /// already.
        impl TryFrom<String> for $name {
            type Error = $crate::Invalid;

            fn try_from(raw: String) -> Result<Self, $crate::Invalid> {
                let clean = match Self::clean(&raw)? {
                    std::borrow::Cow::Borrowed(same) if same.len() == raw.len() => None,
                    other => Some(other.into_owned()),
                };
                Ok(Self(clean.unwrap_or(raw)))
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl $crate::Input for $name {
            fn parse(value: &serde_json::Value) -> Result<Self, $crate::Violations> {
                $crate::input::read_text(value, Self::parse)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        /// As [`parse_existing`](Self::parse_existing), for entities that a server returned.
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let raw = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::try_from(raw).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use string_value;

/// Declares a text of a bounded number of characters with rules such as those in [`crate::text`].
///
/// The pattern has the rules about control characters and blank texts. It describes stored texts
/// too, which may be older than further rules.
macro_rules! text_value {
    ($(#[doc = $doc:literal])+ $name:ident, 0..=$max:tt, PARAGRAPHS, $example:tt) => {
        $crate::value::text_value! {
            $(#[doc = $doc])+ $name, 0..=$max, PARAGRAPHS, $example,
            r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
        }
    };
    ($(#[doc = $doc:literal])+ $name:ident, 1..=$max:tt, PARAGRAPHS, $example:tt) => {
        $crate::value::text_value! {
            $(#[doc = $doc])+ $name, 1..=$max, PARAGRAPHS, $example,
            r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
        }
    };
    ($(#[doc = $doc:literal])+ $name:ident, 1..=$max:tt, $rules:path, $example:tt) => {
        $crate::value::text_value! {
            $(#[doc = $doc])+ $name, 1..=$max, $rules, $example,
            r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$"
        }
    };
    (
        $(#[doc = $doc:literal])+
        $name:ident, $min:tt..=$max:tt, $rules:path, $example:tt, $pattern:literal
    ) => {
        $(#[doc = $doc])+
        ///
        #[doc = concat!(
            "Trimmed, in NFC, with ", $min, " to ", $max, " characters."
        )]
        #[derive(Clone, PartialEq, Eq, Hash)]
        #[cfg_attr(
            feature = "openapi",
            derive(utoipa::ToSchema),
            schema(min_length = $min, max_length = $max, pattern = $pattern, examples($example))
        )]
        pub struct $name(String);

        impl $name {
            /// The minimum number of characters.
            pub const MIN_CHARS: usize = $min;
            /// The maximum number of characters.
            pub const MAX_CHARS: usize = $max;

            fn clean(raw: &str) -> Result<std::borrow::Cow<'_, str>, $crate::Invalid> {
                ($rules.clean)(raw, $min..=$max)
            }
        }

        $crate::value::string_value!($name, $example, $rules.check_new);

        impl $crate::value::Sortable for $name {
            const KIND: recto_relations::SortKind = recto_relations::SortKind::Text;

            fn sort_value(&self) -> recto_relations::SortValue {
                recto_relations::SortValue::Text($crate::text_key(&self.0))
            }
        }
    };
}
pub(crate) use text_value;

/// Declares a whole number within bounds.
macro_rules! number_value {
    (
        $(#[doc = $doc:literal])+
        $name:ident($repr:ty), $min:tt..=$max:tt, $example:tt
    ) => {
        $(#[doc = $doc])+
        #[doc = concat!("
```
use recto_domain::", stringify!($name), ";

assert_eq!(", stringify!($name), "::new(", $example, ")?.get(), ", $example, ");
assert!(", stringify!($name), "::new(", $max, " + 1).is_err());
# Ok::<(), recto_domain::Invalid>(())
```")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        // `isize` is described as an integer without a format.
        #[cfg_attr(
            feature = "openapi",
            derive(utoipa::ToSchema),
            schema(value_type = isize, minimum = $min, maximum = $max, examples($example))
        )]
        pub struct $name($repr);

        impl $name {
            /// The minimum.
            pub const MIN: $repr = $min;
            /// The maximum.
            pub const MAX: $repr = $max;

            const RULE: &str = concat!("must be a whole number from ", $min, " to ", $max);

            /// Returns the value of `number`, which must be within the bounds.
            pub fn new(number: i64) -> Result<Self, $crate::Invalid> {
                <$repr>::try_from(number)
                    .ok()
                    .filter(|number| (Self::MIN..=Self::MAX).contains(number))
                    .map(Self)
                    .ok_or_else(|| $crate::Invalid::new($crate::Code::Range, Self::RULE))
            }

            /// Returns the number.
            pub const fn get(self) -> $repr {
                self.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = $crate::Invalid;

            fn try_from(number: i64) -> Result<Self, $crate::Invalid> {
                Self::new(number)
            }
        }

        impl From<$name> for i64 {
            fn from(value: $name) -> Self {
                value.0.into()
            }
        }

        impl $crate::value::Sortable for $name {
            const KIND: recto_relations::SortKind = recto_relations::SortKind::Integer;

            fn sort_value(&self) -> recto_relations::SortValue {
                recto_relations::SortValue::Integer(self.0.into())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Invalid;

            /// Parses only the form that is displayed: `+4` and `04` are refused, so that each
            /// value has one URL.
            fn from_str(text: &str) -> Result<Self, $crate::Invalid> {
                let number = text.parse().ok().filter(|number: &i64| number.to_string() == text);
                let invalid = || $crate::Invalid::new($crate::Code::Format, Self::RULE);
                Self::new(number.ok_or_else(invalid)?)
            }
        }

        impl $crate::Input for $name {
            fn parse(value: &serde_json::Value) -> Result<Self, $crate::Violations> {
                let number = $crate::input::whole_number(value);
                let invalid = || $crate::Invalid::new($crate::Code::Type, Self::RULE);
                Ok(Self::new(number.ok_or_else(invalid)?)?)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serde::Serialize::serialize(&self.0, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = <i64 as serde::Deserialize>::deserialize(deserializer)?;
                Self::new(number).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use number_value;
