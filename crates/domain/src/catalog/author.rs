//! Authors, and their contributions to books.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use recto_relations::{LinkData, SortField, SortValue, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CreditLine;
use crate::{
    AuthorId, Change, Code, Input, Invalid, NewId, Update, Violation, Violations,
    id::later_than,
    input::{Fields, read_text},
    record::{entity, input, object},
    text::LINE,
    text_key,
    value::text_value,
};

text_value! {
    /// The name of an author, unique without regard to case. The case is that of its first use.
    AuthorName, 1..=1000, LINE, "Iris Murdoch"
}

impl AuthorName {
    /// Returns the key under which the name is unique, see [`text_key`].
    pub fn key(&self) -> String {
        text_key(self.as_str())
    }
}

entity! {
    /// A contributor to books: an author, a translator, an illustrator.
    pub struct Author in "authors", key uid: AuthorId, sorts [name: AuthorName] {
        /// The id.
        pub uid: AuthorId,
        /// The name; no two are equal without regard to case.
        pub name: AuthorName,
    }
}

impl Author {
    /// Returns a new author; its key and creation time are those of `new_id`.
    ///
    /// ```
    /// use recto_domain::{Author, AuthorName, NewId};
    ///
    /// let author = Author::new(NewId::new(0, [1; 10]), AuthorName::parse("Iris Murdoch")?);
    /// assert_eq!(author.name.key(), "iris murdoch");
    /// # Ok::<(), recto_domain::Invalid>(())
    /// ```
    pub fn new(new_id: NewId, name: AuthorName) -> Self {
        Self {
            uid: AuthorId::from_uuid(new_id.uid()),
            name,
            created_at: new_id.at(),
            updated_at: new_id.at(),
            version: Version::FIRST,
        }
    }
}

input! {
    /// Changes to an author. Absent fields stay as they are.
    pub struct AuthorPatch {
        /// The new name. The credit lines of books stay as they are.
        pub name: Change<AuthorName>,
    }
}

impl Update for Author {
    type Patch = AuthorPatch;

    fn apply(&mut self, patch: AuthorPatch, now: DateTime<Utc>) -> bool {
        let AuthorPatch { name } = patch;
        let changed = name.apply_to(&mut self.name);
        if changed {
            self.updated_at = later_than(self.updated_at, now);
            self.version.advance();
        }
        changed
    }
}

macro_rules! roles {
    ($($(#[doc = $doc:literal])+ $role:ident = $word:literal,)+) => {
        /// The role of a contributor to a book.
        ///
        /// ```
        /// use recto_domain::ContributorRole;
        ///
        /// assert_eq!("translator".parse::<ContributorRole>()?, ContributorRole::Translator);
        /// assert_eq!(ContributorRole::default().as_str(), "author");
        /// # Ok::<(), recto_domain::Invalid>(())
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(examples("author")))]
        #[serde(rename_all = "lowercase")]
        pub enum ContributorRole {
            #[default]
            $($(#[doc = $doc])+ $role,)+
        }

        impl ContributorRole {
            /// All roles.
            pub const ALL: &[Self] = &[$(Self::$role),+];

            const RULE: &str = concat!("must be one of", $(" ", $word),+);

            /// Returns the name of the role.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$role => $word,)+
                }
            }
        }
    };
}

roles! {
    /// The author.
    Author = "author",
    /// The editor.
    Editor = "editor",
    /// The translator.
    Translator = "translator",
    /// The illustrator.
    Illustrator = "illustrator",
    /// The photographer.
    Photographer = "photographer",
    /// The narrator of an audio book.
    Narrator = "narrator",
    /// The author of the foreword.
    Foreword = "foreword",
    /// The author of the introduction.
    Introduction = "introduction",
    /// The author of the afterword.
    Afterword = "afterword",
    /// Any other role.
    Other = "other",
}

impl fmt::Display for ContributorRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ContributorRole {
    type Err = Invalid;

    fn from_str(word: &str) -> Result<Self, Invalid> {
        let mut roles = Self::ALL.iter().copied();
        roles
            .find(|role| role.as_str() == word)
            .ok_or_else(|| Invalid::new(Code::Range, Self::RULE))
    }
}

impl Input for ContributorRole {
    fn parse(value: &Value) -> Result<Self, Violations> {
        read_text(value, str::parse)
    }
}

object! {
    /// The data of the link between a book and an author.
    pub struct Contribution {
        /// The position of the author in the book's credit line, from 1.
        #[cfg_attr(
            feature = "openapi",
            schema(value_type = usize, minimum = 1, maximum = 4_294_967_295_u32, examples(1))
        )]
        pub position: u32,
        /// The author's role in the book.
        pub role: ContributorRole,
    }
}

impl Copy for Contribution {}

impl LinkData for Contribution {
    fn sort_value(&self, field: &SortField) -> SortValue {
        match field.name {
            "position" => SortValue::Integer(self.position.into()),
            _ => SortValue::Empty,
        }
    }
}

input! {
    /// A contributor to a book.
    pub struct Contributor {
        /// The name. An author is created if there is none with this name.
        pub name: AuthorName,
        /// The role; `author` by default.
        pub role: Option<ContributorRole>,
    }
}

/// The contributors to a book, in order: at least one, each once.
///
/// A book's credit line consists of their names: [`of_line`](Self::of_line) converts a line to
/// contributors, and [`line`](Self::line) returns their line.
///
/// ```
/// use recto_domain::{Contributors, CreditLine};
///
/// let line = CreditLine::parse("Homer, Robert Fagles, homer")?;
/// let contributors = Contributors::of_line(&line);
/// assert_eq!(contributors.as_slice().len(), 2);
/// assert_eq!(contributors.line().as_str(), "Homer, Robert Fagles");
/// # Ok::<(), recto_domain::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), serde(deny_unknown_fields))]
pub struct Contributors {
    /// The contributors, in order; each name once.
    #[cfg_attr(feature = "openapi", schema(inline, min_items = 1, max_items = 100))]
    contributors: Vec<Contributor>,
    #[serde(skip)]
    line: CreditLine,
}

impl Contributors {
    /// The maximum number of contributors in a body.
    pub const MAX: usize = 100;

    /// The separator of the names in a credit line.
    pub const SEPARATOR: &str = ", ";

    /// Returns the people named in a credit line, as authors. Repeated names are ignored.
    pub fn of_line(line: &CreditLine) -> Self {
        let mut seen = HashSet::new();
        let contributors: Vec<Contributor> = line
            .as_str()
            .split(Self::SEPARATOR)
            // The parts of a clean line are clean; those that are refused are empty.
            .filter_map(|part| AuthorName::parse_existing(part).ok())
            .filter(|name| seen.insert(name.key()))
            .map(|name| Contributor { name, role: None })
            .collect();
        let line = joined(&contributors).unwrap_or_else(|_| line.clone());
        Self { contributors, line }
    }

    /// Returns the contributors, in order.
    pub fn as_slice(&self) -> &[Contributor] {
        &self.contributors
    }

    /// Returns the credit line: the names in order, separated by commas.
    pub fn line(&self) -> &CreditLine {
        &self.line
    }

    /// Returns these contributors.
    ///
    /// # Errors
    /// There are none, or their credit line is too long.
    fn of_list(contributors: Vec<Contributor>) -> Result<Self, Violations> {
        if contributors.is_empty() {
            return Err(Violations::one(Code::Length, "must have at least 1 item"));
        }
        let line = joined(&contributors).map_err(|_| {
            Violations::one(
                Code::Length,
                format!(
                    "must have names of at most {} characters in total, with separators",
                    CreditLine::MAX_CHARS
                ),
            )
        })?;
        Ok(Self { contributors, line })
    }
}

fn joined(contributors: &[Contributor]) -> Result<CreditLine, Invalid> {
    let names: Vec<&str> = contributors.iter().map(|one| one.name.as_str()).collect();
    CreditLine::parse(&names.join(Contributors::SEPARATOR))
}

/// A field with an array of contributors. Its length is checked before its items are parsed.
pub(super) struct ContributorList(pub(super) Contributors);

impl Input for ContributorList {
    fn parse(value: &Value) -> Result<Self, Violations> {
        match value.as_array() {
            Some(items) if items.len() > Contributors::MAX => Err(Violations::one(
                Code::Length,
                format!("must have at most {} items", Contributors::MAX),
            )),
            _ => match (Vec::parse(value), Violations::from_list(repeated_names(value))) {
                (Ok(contributors), None) => Contributors::of_list(contributors).map(Self),
                (Ok(_), Some(repeated)) => Err(repeated),
                (Err(wrong), None) => Err(wrong),
                (Err(wrong), Some(repeated)) => Err(wrong.and(repeated)),
            },
        }
    }
}

/// Returns a violation for each name of an earlier contributor. They are searched in the JSON, so
/// that they are reported together with other violations.
fn repeated_names(list: &Value) -> Vec<Violation> {
    let mut seen = HashSet::new();
    let items = list.as_array().into_iter().flatten().enumerate();
    items
        .filter(|(_, item)| {
            let name = item.get("name").and_then(Value::as_str);
            let name = name.and_then(|name| AuthorName::parse(name).ok());
            name.is_some_and(|name| !seen.insert(name.key()))
        })
        .map(|(index, _)| Violation {
            pointer: format!("/{index}/name"),
            code: Code::Duplicate,
            detail: "is repeated; each contributor may be listed once".into(),
        })
        .collect()
}

impl Input for Contributors {
    fn parse(value: &Value) -> Result<Self, Violations> {
        let mut fields = Fields::of(value)?;
        let listed: Option<ContributorList> = fields.field("contributors");
        fields.finish(|| listed.map(|listed| listed.0))
    }
}

impl<'de> Deserialize<'de> for Contributors {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        <Self as Input>::parse(&value).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn names(contributors: &Contributors) -> Vec<&str> {
        contributors.as_slice().iter().map(|one| one.name.as_str()).collect()
    }

    fn of_line(line: &str) -> Contributors {
        Contributors::of_line(&CreditLine::parse(line).unwrap())
    }

    #[test]
    fn repeated_names_are_ignored() {
        assert_eq!(names(&of_line("Homer, Robert Fagles,  HOMER")), ["Homer", "Robert Fagles"]);
        assert_eq!(names(&of_line("Smith,Jr., \u{3000}A, , a")), ["Smith,Jr.", "A"]);
        assert_eq!(names(&of_line(",")), [","]);
        assert_eq!(names(&of_line(&"x".repeat(1000))).len(), 1);
        let crowd = (0..47).map(|n| format!("N{n}")).collect::<Vec<_>>().join(", ");
        assert_eq!(of_line(&crowd).as_slice().len(), 47);
        assert_eq!(of_line(&crowd).line().as_str(), crowd);
    }

    #[test]
    fn contributors_round_trip() {
        let body = json!({"contributors": [{"name": "Homer"}, {"name": "R", "role": "foreword"}]});
        let read = Contributors::parse(&body).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), body);
        assert_eq!(serde_json::from_value::<Contributors>(body).unwrap(), read);
    }

    #[test]
    fn roles_round_trip() {
        for role in ContributorRole::ALL {
            assert_eq!(role.to_string().parse(), Ok(*role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert!("cook".parse::<ContributorRole>().is_err());
    }

    proptest! {
        #[test]
        fn line_of_contributors_names_them_again(raw in "(?s:.{0,40})|[aA, \u{a0}ß]{1,30}") {
            if let Ok(line) = CreditLine::parse(&raw) {
                let contributors = Contributors::of_line(&line);
                prop_assert!(!contributors.as_slice().is_empty());
                let again = Contributors::of_line(contributors.line());
                prop_assert_eq!(names(&again), names(&contributors));
            }
        }
    }
}
