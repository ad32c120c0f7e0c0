//! A new book with its tags and contributors.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::super::{author, tag};
use super::{CreditLine, NewBook};
use crate::{Code, Contributors, Input, TagNames, Violations, input::Fields};
#[cfg(feature = "openapi")]
use crate::{Contributor, NewTag};

/// A book to create, with its tags and contributors. Either `author` or `contributors` is required.
///
/// If contributors are given, `author` is their names; it may be left out, but not differ.
///
/// ```
/// use recto_domain::{Input, NewBookGraph};
/// use serde_json::json;
///
/// let graph = NewBookGraph::parse(&json!({
///     "title": "The Odyssey",
///     "tags": [{"name": "epic"}],
///     "contributors": [{"name": "Homer"}, {"name": "Robert Fagles", "role": "translator"}],
/// }))?;
/// assert_eq!(graph.book.author.as_str(), "Homer, Robert Fagles");
/// # Ok::<(), recto_domain::Violations>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = NewBook))]
pub struct NewBookGraph {
    /// The book.
    #[cfg_attr(feature = "openapi", serde(flatten), schema(inline))]
    pub book: NewBook,
    /// The tags, by name.
    #[cfg_attr(
        feature = "openapi",
        schema(inline, value_type = Option<Vec<NewTag>>, max_items = 100)
    )]
    pub tags: Option<TagNames>,
    /// The contributors, in order. If they are given, `author` is their names.
    #[cfg_attr(
        feature = "openapi",
        schema(inline, value_type = Option<Vec<Contributor>>, max_items = 100)
    )]
    pub contributors: Option<Contributors>,
}

/// A book without tags, and with the contributors that its credit line names.
impl From<NewBook> for NewBookGraph {
    fn from(book: NewBook) -> Self {
        Self { book, tags: None, contributors: None }
    }
}

/// Serializes as one object. A derive would need `flatten`, which `ToSchema` reads as well.
impl Serialize for NewBookGraph {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Object<'g> {
            #[serde(flatten)]
            book: &'g NewBook,
            #[serde(flatten)]
            tags: &'g Option<TagNames>,
            #[serde(flatten)]
            contributors: &'g Option<Contributors>,
        }

        let Self { book, tags, contributors } = self;
        Object { book, tags, contributors }.serialize(serializer)
    }
}

impl Input for NewBookGraph {
    fn parse(value: &Value) -> Result<Self, Violations> {
        let credited = value.get("contributors").is_some_and(|given| !given.is_null());
        let mut fields = Fields::of(value)?;
        let title = fields.field("title");
        let mut author: Option<CreditLine> = if credited {
            fields.field::<Option<CreditLine>>("author").flatten()
        } else {
            fields.field("author")
        };
        let publisher = fields.field("publisher");
        let published_date = fields.field("published_date");
        let page_count = fields.field("page_count");
        let language = fields.field("language");
        let isbn = fields.field("isbn");
        let tags: Option<Option<tag::TagList>> = fields.field("tags");
        let contributors: Option<Option<author::ContributorList>> = fields.field("contributors");
        let contributors = contributors.map(|given| given.map(|listed| listed.0));
        if let Some(Some(given)) = &contributors {
            if author.as_ref().is_some_and(|line| line != given.line()) {
                fields.refuse(
                    "author",
                    Code::Conflict,
                    "must be the names of the contributors, or be left out",
                );
            }
            author = Some(given.line().clone());
        }
        fields.finish(|| {
            let (title, author) = (title?, author?);
            let (publisher, published_date) = (publisher?, published_date?);
            let (page_count, language, isbn) = (page_count?, language?, isbn?);
            Some(Self {
                book: NewBook {
                    title,
                    author,
                    publisher,
                    published_date,
                    page_count,
                    language,
                    isbn,
                },
                tags: tags?.map(tag::TagList::into_names),
                contributors: contributors?,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusals(body: &Value) -> Vec<String> {
        let wrong = NewBookGraph::parse(body).unwrap_err();
        wrong.as_slice().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn book_without_graph_is_valid() {
        let body = json!({"title": "Emma", "author": "Jane Austen", "tags": null});
        let graph = NewBookGraph::parse(&body).unwrap();
        assert_eq!(graph.book.author.as_str(), "Jane Austen");
        assert_eq!((graph.tags, graph.contributors), (None, None));
        assert_eq!(refusals(&json!({"title": "Emma"})), ["/author is required"]);
    }

    #[test]
    fn graph_round_trips() {
        let body = json!({
            "title": "The Odyssey", "author": "Homer, Robert Fagles", "tags": [{"name": "epic"}],
            "contributors": [{"name": "Homer"}, {"name": "Robert Fagles", "role": "translator"}],
        });
        let graph = NewBookGraph::parse(&body).unwrap();
        assert_eq!(serde_json::to_value(&graph).unwrap(), body);
        let alone = NewBookGraph::from(graph.book);
        assert_eq!(
            serde_json::to_value(&alone).unwrap(),
            json!({"title": "The Odyssey", "author": "Homer, Robert Fagles"})
        );
    }

    #[test]
    fn author_must_equal_contributors() {
        let body = |author: &str| {
            json!({
                "title": "T", "author": author, "contributors": [{"name": "A"}, {"name": "B"}],
            })
        };
        assert!(NewBookGraph::parse(&body("A, B")).is_ok());
        assert_eq!(
            refusals(&body("A")),
            ["/author must be the names of the contributors, or be left out"]
        );
    }

    #[test]
    fn violations_have_nested_pointers() {
        let body = json!({
            "tags": [{"name": ""}, {}], "years": 3,
            "contributors": [{"name": "A"}, {"name": "B", "role": "cook"}, {"name": 3}],
        });
        let pointers: Vec<_> = NewBookGraph::parse(&body).unwrap_err().into_vec();
        let pointers: Vec<_> = pointers.iter().map(|wrong| wrong.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/title",
                "/tags/0/name",
                "/tags/1/name",
                "/contributors/1/role",
                "/contributors/2/name",
                "/years"
            ]
        );
    }
}
