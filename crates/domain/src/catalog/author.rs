//! Authors: the people whom books credit, each once, and what they did for a book.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use recto_relations::{LinkData, SortField, SortValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CreditLine;
use crate::{
    AuthorId, Input, Invalid, NewId, Violation, Violations,
    input::{Fields, read_text},
    record::{entity, input, object},
    text::line,
    text_key,
    value::text_value,
};

text_value! {
    /// The name of somebody whom books credit, unique without regard to case; the case it was first written in stays.
    AuthorName, 1..=1000, line, "Iris Murdoch"
}

impl AuthorName {
    /// The key under which the name is unique, see [`text_key`].
    pub fn key(&self) -> String {
        text_key(self.as_str())
    }
}

entity! {
    /// Somebody whom books credit: an author, a translator, an illustrator.
    pub struct Author in "authors", key uid: AuthorId, sorts [name: AuthorName] {
        /// The key.
        pub uid: AuthorId,
        /// The name; no two authors have one that is equal without regard to case.
        pub name: AuthorName,
        /// When a book first credited them, in UTC.
        pub created_at: DateTime<Utc>,
        /// When the name last changed, in UTC.
        pub updated_at: DateTime<Utc>,
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
        }
    }
}

macro_rules! roles {
    ($($(#[doc = $doc:literal])+ $role:ident = $word:literal,)+) => {
        /// What somebody did for a book.
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
            /// Every role there is.
            pub const ALL: &[Self] = &[$(Self::$role),+];

            const REFUSAL: &str = concat!("must be one of", $(" ", $word),+);

            /// The word for the role.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$role => $word,)+
                }
            }
        }
    };
}

roles! {
    /// Wrote it.
    Author = "author",
    /// Put it together, or in order.
    Editor = "editor",
    /// Brought it into another language.
    Translator = "translator",
    /// Drew or painted what is in it.
    Illustrator = "illustrator",
    /// Took the pictures that are in it.
    Photographer = "photographer",
    /// Reads it aloud.
    Narrator = "narrator",
    /// Wrote the foreword.
    Foreword = "foreword",
    /// Wrote the introduction.
    Introduction = "introduction",
    /// Wrote the afterword.
    Afterword = "afterword",
    /// Did something else.
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
        roles.find(|role| role.as_str() == word).ok_or_else(|| Invalid::new(Self::REFUSAL))
    }
}

impl Input for ContributorRole {
    fn parse(value: &Value) -> Result<Self, Violations> {
        read_text(value, str::parse)
    }
}

object! {
    /// What the link between a book and an author says besides that it is there.
    pub struct Contribution {
        /// Where in the book's credit line the author stands, from 1.
        #[cfg_attr(
            feature = "openapi",
            schema(value_type = usize, maximum = 4_294_967_295_u32, examples(1))
        )]
        pub position: u32,
        /// What the author did for the book.
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
    /// Somebody whom a book is to credit.
    pub struct Contributor {
        /// The name; somebody of that name who does not exist yet is made.
        pub name: AuthorName,
        /// What they did for the book; `author` unless said otherwise.
        pub role: Option<ContributorRole>,
    }
}

/// The contributors to a book, in order: at least one, each once.
///
/// A credit line and a list of contributors are two forms of one fact.
/// [`of_line`](Self::of_line) reads the names out of a line,
/// [`line`](Self::line) is the line of the names.
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
    /// Everybody, by name.
    #[cfg_attr(feature = "openapi", schema(inline, max_items = 100))]
    contributors: Vec<Contributor>,
    #[serde(skip)]
    line: CreditLine,
}

impl Contributors {
    /// The most that one body may name.
    pub const MAX: usize = 100;

    /// What stands between the names of a credit line.
    pub const SEPARATOR: &str = ", ";

    /// Whom a credit line names, all as authors; somebody who is named again counts once.
    pub fn of_line(line: &CreditLine) -> Self {
        let mut seen = HashSet::new();
        let contributors: Vec<Contributor> = line
            .as_str()
            .split(Self::SEPARATOR)
            // A part of a line is as clean as the line once it is trimmed; what is left out is empty.
            .filter_map(|part| AuthorName::parse(part).ok())
            .filter(|name| seen.insert(name.key()))
            .map(|name| Contributor { name, role: None })
            .collect();
        let line = joined(&contributors).unwrap_or_else(|_| line.clone());
        Self { contributors, line }
    }

    /// Who is credited, in order.
    pub fn as_slice(&self) -> &[Contributor] {
        &self.contributors
    }

    /// The credit line: the names in order, with a comma between.
    pub fn line(&self) -> &CreditLine {
        &self.line
    }

    /// These people, in this order.
    ///
    /// # Errors
    /// Nobody or too many, somebody twice, and names that together are longer
    /// than a credit line may be.
    fn of_list(contributors: Vec<Contributor>) -> Result<Self, Violations> {
        if contributors.is_empty() {
            return Err(Violations::one("must have at least 1 item"));
        }
        let mut seen = HashSet::new();
        let repeated =
            contributors.iter().enumerate().filter(|(_, one)| !seen.insert(one.name.key()));
        let wrong: Vec<Violation> = repeated
            .map(|(index, _)| Violation {
                pointer: format!("/{index}/name"),
                detail: "is named already; a book credits everybody once".into(),
            })
            .collect();
        if let Some(wrong) = Violations::from_list(wrong) {
            return Err(wrong);
        }
        let line = joined(&contributors).map_err(|_| {
            Violations::one(format!(
                "must have names that together, with a comma between, have at most {} characters",
                CreditLine::MAX_CHARS
            ))
        })?;
        Ok(Self { contributors, line })
    }
}

fn joined(contributors: &[Contributor]) -> Result<CreditLine, Invalid> {
    let names: Vec<&str> = contributors.iter().map(|one| one.name.as_str()).collect();
    CreditLine::parse(&names.join(Contributors::SEPARATOR))
}

/// The array alone, as a member of a larger body; its length is checked before anything in it is read.
pub(super) struct Listed(pub(super) Contributors);

impl Input for Listed {
    fn parse(value: &Value) -> Result<Self, Violations> {
        match value.as_array() {
            Some(items) if items.len() > Contributors::MAX => {
                Err(Violations::one(format!("must have at most {} items", Contributors::MAX)))
            }
            _ => Vec::parse(value).and_then(Contributors::of_list).map(Self),
        }
    }
}

impl Input for Contributors {
    fn parse(value: &Value) -> Result<Self, Violations> {
        let mut fields = Fields::of(value)?;
        let listed: Option<Listed> = fields.member("contributors");
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
    fn a_line_names_everybody_once() {
        assert_eq!(names(&of_line("Homer, Robert Fagles,  HOMER")), ["Homer", "Robert Fagles"]);
        assert_eq!(names(&of_line("Smith,Jr., \u{3000}A, , a")), ["Smith,Jr.", "A"]);
        assert_eq!(names(&of_line(",")), [","]);
        assert_eq!(names(&of_line(&"x".repeat(1000))).len(), 1);
        let crowd = (0..47).map(|n| format!("N{n}")).collect::<Vec<_>>().join(", ");
        assert_eq!(of_line(&crowd).as_slice().len(), 47);
        assert_eq!(of_line(&crowd).line().as_str(), crowd);
    }

    #[test]
    fn a_list_survives_a_round_trip() {
        let body = json!({"contributors": [{"name": "Homer"}, {"name": "R", "role": "foreword"}]});
        let read = Contributors::parse(&body).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), body);
        assert_eq!(serde_json::from_value::<Contributors>(body).unwrap(), read);
    }

    #[test]
    fn every_role_is_read_as_it_is_written() {
        for role in ContributorRole::ALL {
            assert_eq!(role.to_string().parse(), Ok(*role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert!("cook".parse::<ContributorRole>().is_err());
    }

    proptest! {
        #[test]
        fn a_line_names_somebody_and_its_names_name_them_again(raw in "(?s:.{0,40})|[aA, \u{a0}ß]{1,30}") {
            if let Ok(line) = CreditLine::parse(&raw) {
                let contributors = Contributors::of_line(&line);
                prop_assert!(!contributors.as_slice().is_empty());
                let again = Contributors::of_line(contributors.line());
                prop_assert_eq!(names(&again), names(&contributors));
            }
        }
    }
}
