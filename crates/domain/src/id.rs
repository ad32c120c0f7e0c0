//! Ids: the keys of entities, and the time that a UUIDv7 contains.

use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use uuid::{Builder, Uuid, Variant, Version};

use crate::{Code, Input, Invalid, Violations, input::read_text, value::number_value};

macro_rules! id {
    ($(#[doc = $doc:literal])+ $name:ident, $example:tt) => {
        $(#[doc = $doc])+
        ///
        /// Displayed in lower case; parsed only from the hyphenated form of 36 characters, in
        /// either case.
        #[doc = concat!("
```
use recto_domain::", stringify!($name), ";

let id: ", stringify!($name), " = \"", $example, "\".parse()?;
assert_eq!(id.to_string(), \"", $example, "\");
assert!(\"42\".parse::<", stringify!($name), ">().is_err());
# Ok::<(), recto_domain::Invalid>(())
```")]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(examples($example)))]
        pub struct $name(Uuid);

        impl $name {
            /// The example of the documentation.
            pub const EXAMPLE: &'static str = $example;

            /// Returns the id with this UUID.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Returns the UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// Returns the UUID's 16 bytes, most significant first. They sort as the ids do.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                parse_hyphenated(text).map(Self)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl Input for $name {
            fn parse(value: &Value) -> Result<Self, Violations> {
                read_text(value, str::parse)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut buffer = Uuid::encode_buffer();
                serializer.serialize_str(self.0.as_hyphenated().encode_lower(&mut buffer))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

id! {
    /// The id of a user.
    UserId, "0198c5a0-7b1e-7c3a-9d54-2f6b8e1a0c47"
}
id! {
    /// The id of a book.
    BookId, "0198c5a1-02d4-7f10-8a6e-51c0d93b7e22"
}
id! {
    /// The id of a review.
    ReviewId, "0198c5a1-9c37-7b85-b2f1-c64e07a9d318"
}
id! {
    /// The id of an author.
    AuthorId, "0198c5a2-6d0b-7a41-9e3c-58f7b1d2c064"
}
id! {
    /// The id of a tag.
    TagId, "0198c5a2-1f60-7de9-84c7-0ab35e9f62d1"
}
id! {
    /// The id of a session.
    SessionId, "0198c5a3-0e42-7a95-b3c8-7d10f2a6e593"
}
id! {
    /// The id of a pair of tokens of a session: the `jti` of its access token.
    TokenPairId, "0198c5a3-1b77-70d3-9f2e-40c8a15b6d7f"
}
id! {
    /// The id of an API key.
    ApiKeyId, "0198c5a3-2c05-7e6b-8a41-e59d03b7c218"
}
id! {
    /// The id of a mailed token.
    MailedTokenId, "0198c5a3-3d91-7b2c-94f0-16a7e8c5d03b"
}
id! {
    /// The id of a mail.
    MailId, "0198c5a3-4fa8-7c17-a6d5-92e04b1f873c"
}
id! {
    /// The id of a request for a mail.
    MailRequestId, "0198c5a3-5510-7a9e-b0f4-2c81d6e7390a"
}
id! {
    /// The id of an entry of the audit log.
    AuditId, "0198c5a3-5b3d-7f84-8e19-c3705da2b64e"
}

macro_rules! integer_id {
    ($($(#[doc = $doc:literal])+ $name:ident, $example:tt)+) => {$(
        number_value! {
            $(#[doc = $doc])+
            ///
            /// Assigned by the database in ascending order.
            $name(i64), 1..=9_007_199_254_740_991_i64, $example
        }

        impl $name {
            /// The id of an entity that is not inserted yet. It is never stored.
            pub const UNASSIGNED: Self = Self(0);
        }
    )+};
}

integer_id! {
    /// The id of a post.
    PostId, 1
    /// The id of a comment.
    CommentId, 1
    /// The id of a student.
    StudentId, 1
    /// The id of a course.
    CourseId, 1
    /// The id of a company.
    CompanyId, 1
    /// The id of a department.
    DepartmentId, 1
    /// The id of an employee.
    EmployeeId, 2
}

/// A new UUIDv7, and the time that it contains.
///
/// The key and the `created_at` of an entity come from one `NewId`, so keys sort by creation time:
/// "newest first" is one index, and a page needs no second column to break ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NewId {
    uid: Uuid,
    at: DateTime<Utc>,
}

impl NewId {
    /// The last millisecond that a UUIDv7 can contain, in the year 10889.
    const LAST_MILLISECOND: u64 = (1 << 48) - 1;

    /// Returns the id for a time in milliseconds since 1970-01-01T00:00:00Z and 80 random bits, of
    /// which 74 are used. A time too late for a UUIDv7 becomes the last one.
    ///
    /// ```
    /// use recto_domain::NewId;
    ///
    /// let new_id = NewId::new(1_767_225_600_000, [7; 10]);
    /// assert_eq!(new_id.at().to_rfc3339(), "2026-01-01T00:00:00+00:00");
    /// assert_eq!(NewId::from_v7(new_id.uid()), Some(new_id));
    /// ```
    pub fn new(millis_since_epoch: u64, random: [u8; 10]) -> Self {
        let millis = millis_since_epoch.min(Self::LAST_MILLISECOND);
        Self {
            uid: Builder::from_unix_timestamp_millis(millis, &random).into_uuid(),
            at: moment(millis),
        }
    }

    /// Returns a UUIDv7 with the time that it contains; `None` for UUIDs of other versions.
    pub fn from_v7(uid: Uuid) -> Option<Self> {
        let is_v7 =
            uid.get_version() == Some(Version::SortRand) && uid.get_variant() == Variant::RFC4122;
        is_v7.then(|| Self { uid, at: moment(uid.as_u64_pair().0 >> 16) })
    }

    /// Returns the UUID.
    pub const fn uid(&self) -> Uuid {
        self.uid
    }

    /// Returns the time, in UTC, to the millisecond.
    pub const fn at(&self) -> DateTime<Utc> {
        self.at
    }
}

/// The current time. This crate has no clock: the layers above pass one in, and tests their own.
pub trait Clock: Send + Sync {
    /// Returns the time, to the millisecond.
    fn now(&self) -> DateTime<Utc>;
}

/// Generates ids and other random values. This crate has no randomness of its own.
pub trait IdGenerator: Clock {
    /// Returns a new id for the current time. No two are equal.
    fn new_id(&self) -> NewId;

    /// Returns 256 unpredictable bits, for a bearer secret.
    fn random(&self) -> [u8; 32];
}

/// Returns `now`, or the millisecond after `before` if the clock is not past it. Two versions of
/// an entity never have the same `updated_at`.
pub(crate) fn later_than(before: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let next = before.checked_add_signed(TimeDelta::milliseconds(1)).unwrap_or(before);
    now.max(next)
}

fn moment(millis: u64) -> DateTime<Utc> {
    i64::try_from(millis)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .expect("48 bits of milliseconds end in the year 10889, which chrono can hold")
}

fn parse_hyphenated(text: &str) -> Result<Uuid, Invalid> {
    // Of the forms that `Uuid` parses, only the hyphenated one has this length.
    if text.len() == uuid::fmt::Hyphenated::LENGTH
        && let Ok(uuid) = Uuid::try_parse(text)
    {
        return Ok(uuid);
    }
    Err(Invalid::new(Code::Format, "must be a UUID in its hyphenated form of 36 characters"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_hyphenated_form_is_parsed() {
        let text = "0198c5a0-7b1e-7c3a-9d54-2f6b8e1a0c47";
        let id: UserId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(text.to_uppercase().parse::<UserId>().unwrap(), id);
        for other in [
            String::new(),
            text.replace('-', ""),
            format!("{{{text}}}"),
            format!("urn:uuid:{text}"),
            format!(" {}", &text[1..]),
            text.replace('-', "0"),
            text.replace('c', "g"),
        ] {
            assert!(other.parse::<UserId>().is_err(), "{other:?}");
        }
    }

    #[test]
    fn integer_ids_have_one_form() {
        for text in ["1", "42", "9007199254740991"] {
            assert_eq!(text.parse::<PostId>().unwrap().to_string(), text);
        }
        for other in ["0", "-1", "+1", "01", " 1", "1.0", "1e3", "", "9007199254740992"] {
            assert!(other.parse::<PostId>().is_err(), "{other:?}");
        }
    }

    #[test]
    fn ids_are_strings_in_json() {
        let json = "\"0198c5a1-02d4-7f10-8a6e-51c0d93b7e22\"";
        let id: BookId = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), json);
        assert!(serde_json::from_str::<BookId>("\"0198c5a102d47f108a6e51c0d93b7e22\"").is_err());
    }

    #[test]
    fn only_version_7_has_a_time() {
        assert_eq!(NewId::from_v7(Uuid::nil()), None);
        assert_eq!(NewId::from_v7(Uuid::max()), None);
        let v4 = Builder::from_random_bytes([9; 16]).into_uuid();
        assert_eq!(NewId::from_v7(v4), None);
    }

    #[test]
    fn late_time_becomes_the_last() {
        let last = NewId::new(u64::MAX, [0; 10]);
        assert_eq!(last, NewId::new(NewId::LAST_MILLISECOND, [0; 10]));
        assert_eq!(NewId::from_v7(last.uid()), Some(last));
    }

    proptest! {
        #[test]
        fn new_id_contains_its_time(millis in 0..=NewId::LAST_MILLISECOND, random: [u8; 10]) {
            let new_id = NewId::new(millis, random);
            prop_assert_eq!(u64::try_from(new_id.at().timestamp_millis()).unwrap(), millis);
            prop_assert_eq!(NewId::from_v7(new_id.uid()), Some(new_id));
        }

        #[test]
        fn keys_sort_by_time(a: u32, b: u32, x: [u8; 10], y: [u8; 10]) {
            let (a, b) = (NewId::new(a.into(), x), NewId::new(b.into(), y));
            prop_assert_eq!(a.uid().cmp(&b.uid()), (a.at(), a.uid()).cmp(&(b.at(), b.uid())));
        }

        #[test]
        fn parse_inverts_display(bytes: [u8; 16]) {
            let id = TagId::from_uuid(Uuid::from_bytes(bytes));
            prop_assert_eq!(id.to_string().parse::<TagId>().unwrap(), id);
        }

        #[test]
        fn arbitrary_text_does_not_panic(text in any::<String>()) {
            let _ = text.parse::<ReviewId>();
        }
    }
}
