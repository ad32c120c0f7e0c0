//! Tags: words that readers sort books by.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Create, Input, NewId, TagId, Update, UserId, Violations,
    id::moved_on,
    input::Fields,
    record::{entity, input},
    text::line,
    text_key,
    value::text_value,
};

text_value! {
    /// The name of a tag, unique without regard to case; the case it was first written in stays.
    TagName, 1..=100, line, "science-fiction"
}

impl TagName {
    /// The key under which the name is unique, see [`text_key`].
    pub fn key(&self) -> String {
        text_key(self.as_str())
    }
}

entity! {
    /// A word that books are sorted by.
    pub struct Tag in "tags", key uid: TagId, sorts [name: TagName] {
        /// The key.
        pub uid: TagId,
        /// The word; no two tags are equal without regard to case.
        pub name: TagName,
        /// When the tag was first used, in UTC.
        pub created_at: DateTime<Utc>,
        /// When the tag was last renamed, in UTC.
        pub updated_at: DateTime<Utc>,
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
        }
    }

    /// Gives the tag another name; `updated_at` moves on only if it is another, which is told.
    pub fn rename(&mut self, name: TagName, now: DateTime<Utc>) -> bool {
        let changed = name != self.name;
        if changed {
            self.name = name;
            self.updated_at = moved_on(self.updated_at, now);
        }
        changed
    }
}

input! {
    /// A tag to make, or another name for one.
    pub struct NewTag {
        /// The word.
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
    /// The tags, each by its name.
    #[cfg_attr(feature = "openapi", schema(inline, max_items = 100))]
    tags: Vec<NewTag>,
}

impl TagNames {
    /// The most names that one body may hold, repeated ones counted.
    pub const MAX: usize = 100;

    /// These names, each once.
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

    /// The names in the order in which they came.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &TagName> {
        self.tags.iter().map(|tag| &tag.name)
    }

    /// The names themselves.
    pub fn into_names(self) -> Vec<TagName> {
        self.tags.into_iter().map(|tag| tag.name).collect()
    }
}

impl Input for TagNames {
    fn parse(value: &Value) -> Result<Self, Violations> {
        let mut fields = Fields::of(value)?;
        let tags: Option<Listed> = fields.member("tags");
        fields.finish(|| tags.map(Listed::into_names))
    }
}

impl<'de> Deserialize<'de> for TagNames {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        <Self as Input>::parse(&value).map_err(serde::de::Error::custom)
    }
}

/// The array of a [`TagNames`] body, its length checked before anything in it is read.
pub(super) struct Listed(Vec<NewTag>);

impl Listed {
    /// The names, each once.
    pub(super) fn into_names(self) -> TagNames {
        TagNames::new(self.0.into_iter().map(|tag| tag.name))
    }
}

impl Input for Listed {
    fn parse(value: &Value) -> Result<Self, Violations> {
        match value.as_array() {
            Some(items) if items.len() > TagNames::MAX => {
                Err(Violations::one(format!("must have at most {} items", TagNames::MAX)))
            }
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
    fn names_keep_their_case_but_it_does_not_distinguish() {
        let name = TagName::parse("  Sci-Fi ").unwrap();
        assert_eq!((name.as_str(), name.key().as_str()), ("Sci-Fi", "sci-fi"));
        assert!(TagName::parse(" \u{3000}").is_err());
        assert!(TagName::parse(&"x".repeat(101)).is_err());
    }

    #[test]
    fn a_list_has_each_name_once_and_an_end() {
        let names = |count: usize| json!({"tags": vec![json!({"name": "x"}); count]});
        assert_eq!(TagNames::parse(&names(100)).unwrap().names().len(), 1);
        assert_eq!(TagNames::parse(&names(0)).unwrap().names().len(), 0);
        let wrong = TagNames::parse(&names(101)).unwrap_err();
        assert_eq!(wrong.to_string(), "/tags must have at most 100 items");
    }

    #[test]
    fn a_list_survives_a_round_trip() {
        let body = json!({"tags": [{"name": "Latin"}, {"name": "verse"}]});
        let names: TagNames = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(serde_json::to_value(&names).unwrap(), body);
    }

    #[test]
    fn renaming_to_another_case_is_a_change() {
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
