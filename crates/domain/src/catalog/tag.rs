//! Tags.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Code, Create, Input, Invalid, NewId, TagId, Update, UserId, Violations,
    id::later_than,
    input::Fields,
    record::{entity, input},
    text::{LINE, TextRules, refuse_ignorable, refuse_layout},
    text_key,
    value::text_value,
};
use recto_relations::Version;

text_value! {
    /// The name of a tag, unique without regard to case. The case is that of its first use.
    TagName, 1..=100, TAG_NAME, "science-fiction"
}

const TAG_NAME: TextRules = TextRules { check_new: check_new_name, ..LINE };

fn check_new_name(name: &str) -> Result<(), Invalid> {
    refuse_ignorable(name)?;
    refuse_layout(name)
}

impl TagName {
    /// Returns the key under which the name is unique, see [`text_key`].
    pub fn key(&self) -> String {
        text_key(self.as_str())
    }
}

entity! {
    /// A tag of books.
    pub struct Tag in "tags", key uid: TagId, sorts [name: TagName] {
        /// The id.
        pub uid: TagId,
        /// The name; no two are equal without regard to case.
        pub name: TagName,
    }
}

impl Tag {
    /// Returns a new tag; its key and creation time are those of `new_id`.
    ///
    /// ```
    /// use recto_domain::{NewId, Tag, TagName};
    ///
    /// let tag = Tag::new(NewId::new(0, [1; 10]), TagName::parse("Poetry")?);
    /// assert_eq!((tag.name.as_str(), tag.name.key().as_str()), ("Poetry", "poetry"));
    /// # Ok::<(), recto_domain::Invalid>(())
    /// ```
    pub fn new(new_id: NewId, name: TagName) -> Self {
        Self {
            uid: TagId::from_uuid(new_id.uid()),
            name,
            created_at: new_id.at(),
            updated_at: new_id.at(),
            version: Version::FIRST,
        }
    }

    /// Sets the name, and returns whether it changed. If it did, `updated_at` is later than before.
    pub fn rename(&mut self, name: TagName, now: DateTime<Utc>) -> bool {
        let changed = name != self.name;
        if changed {
            self.name = name;
            self.updated_at = later_than(self.updated_at, now);
            self.version.advance();
        }
        changed
    }
}

input! {
    /// A tag to create, or the new name of a tag.
    pub struct NewTag {
        /// The name.
        pub name: TagName,
    }
}

impl Create for Tag {
    type New = NewTag;
    type Parent = ();

    fn create(new_id: NewId, new: NewTag, (): (), _: UserId) -> Self {
        Self::new(new_id, new.name)
    }
}

impl Update for Tag {
    type Patch = NewTag;

    fn apply(&mut self, patch: NewTag, now: DateTime<Utc>) -> bool {
        self.rename(patch.name, now)
    }
}

/// The names of tags, each at most once without regard to case.
///
/// Of names that are equal without regard to case the first is used.
///
/// ```
/// use recto_domain::{Input, TagNames};
/// use serde_json::json;
///
/// let body = json!({"tags": [{"name": "Poetry"}, {"name": "poetry"}, {"name": "Latin"}]});
/// let names: Vec<_> = TagNames::parse(&body)?.into_names();
/// assert_eq!(names.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["Poetry", "Latin"]);
/// # Ok::<(), recto_domain::Violations>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), serde(deny_unknown_fields))]
pub struct TagNames {
    /// The tags, by name.
    #[cfg_attr(feature = "openapi", schema(inline, max_items = 100))]
    tags: Vec<NewTag>,
}

impl TagNames {
    /// The maximum number of names in a body, including repeated ones.
    pub const MAX: usize = 100;

    /// Returns these names, each once.
    ///
    /// ```
    /// use recto_domain::{TagName, TagNames};
    ///
    /// let twice = [TagName::parse("latin")?, TagName::parse("Latin")?];
    /// assert_eq!(TagNames::new(twice).into_names().len(), 1);
    /// # Ok::<(), recto_domain::Invalid>(())
    /// ```
    pub fn new(names: impl IntoIterator<Item = TagName>) -> Self {
        let mut seen = HashSet::new();
        let fresh = names.into_iter().filter(|name| seen.insert(name.key()));
        Self { tags: fresh.map(|name| NewTag { name }).collect() }
    }

    /// Returns the names, in the given order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &TagName> {
        self.tags.iter().map(|tag| &tag.name)
    }

    /// Returns the names.
    pub fn into_names(self) -> Vec<TagName> {
        self.tags.into_iter().map(|tag| tag.name).collect()
    }
}

impl Input for TagNames {
    fn parse(value: &Value) -> Result<Self, Violations> {
        let mut fields = Fields::of(value)?;
        let tags: Option<TagList> = fields.field("tags");
        fields.finish(|| tags.map(TagList::into_names))
    }
}

impl<'de> Deserialize<'de> for TagNames {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        <Self as Input>::parse(&value).map_err(serde::de::Error::custom)
    }
}

/// A field with an array of tags. Its length is checked before its items are parsed.
pub(super) struct TagList(Vec<NewTag>);

impl TagList {
    /// Returns the names, each once.
    pub(super) fn into_names(self) -> TagNames {
        TagNames::new(self.0.into_iter().map(|tag| tag.name))
    }
}

impl Input for TagList {
    fn parse(value: &Value) -> Result<Self, Violations> {
        match value.as_array() {
            Some(items) if items.len() > TagNames::MAX => Err(Violations::one(
                Code::Length,
                format!("must have at most {} items", TagNames::MAX),
            )),
            _ => Vec::parse(value).map(Self),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn case_is_kept_but_not_compared() {
        let name = TagName::parse("  Sci-Fi ").unwrap();
        assert_eq!((name.as_str(), name.key().as_str()), ("Sci-Fi", "sci-fi"));
        assert!(TagName::parse(" \u{3000}").is_err());
        assert!(TagName::parse(&"x".repeat(101)).is_err());
    }

    #[test]
    fn new_name_has_no_invisible_characters() {
        for invisible in ["poetry\u{200b}", "po\u{ad}etry", "\u{202e}yrteop", "\u{2067}x\u{2069}"] {
            let wrong = TagName::parse(invisible).unwrap_err();
            assert_eq!(wrong.detail(), "must not contain invisible characters");
            assert_eq!(TagName::try_from(invisible.to_owned()).unwrap().as_str(), invisible);
        }
        assert!(TagName::parse("poe\u{2028}try").is_err(), "it is one line");
    }

    #[test]
    fn list_is_deduplicated_and_bounded() {
        let names = |count: usize| json!({"tags": vec![json!({"name": "x"}); count]});
        assert_eq!(TagNames::parse(&names(100)).unwrap().names().len(), 1);
        assert_eq!(TagNames::parse(&names(0)).unwrap().names().len(), 0);
        let wrong = TagNames::parse(&names(101)).unwrap_err();
        assert_eq!(wrong.to_string(), "/tags must have at most 100 items");
    }

    #[test]
    fn tag_names_round_trip() {
        let body = json!({"tags": [{"name": "Latin"}, {"name": "verse"}]});
        let names: TagNames = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(serde_json::to_value(&names).unwrap(), body);
    }

    #[test]
    fn new_case_is_a_change() {
        let mut tag = Tag::new(NewId::new(1000, [1; 10]), TagName::parse("latin").unwrap());
        let later = NewId::new(2000, [1; 10]).at();
        assert!(!tag.rename(TagName::parse("latin").unwrap(), later));
        assert!(tag.rename(TagName::parse("Latin").unwrap(), later));
        assert_eq!((tag.name.as_str(), tag.updated_at), ("Latin", later));
    }

    proptest! {
        #[test]
        fn parse_inverts_display(raw in any::<String>()) {
            if let Ok(name) = TagName::parse(&raw) {
                let shown = name.to_string();
                prop_assert_eq!(TagName::parse(&shown).unwrap(), name);
            }
        }
    }
}
