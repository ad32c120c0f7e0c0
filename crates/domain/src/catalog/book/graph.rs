//! A book and what belongs to it, in one body.

use serde_json::Value;

use super::super::{author, tag};
use super::{CreditLine, NewBook};
use crate::{Contributors, Input, TagNames, Violations, input::Fields};

/// A book to add, with its tags and whom it credits.
///
/// The credit line follows from the contributors where they are given, so
/// `author` may be left out then, and may not say anything else.
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
pub struct NewBookGraph {
    /// The book itself.
    pub book: NewBook,
    /// Its tags, where they were given.
    pub tags: Option<TagNames>,
    /// Whom it credits, where that was given apart from the credit line.
    pub contributors: Option<Contributors>,
}

impl Input for NewBookGraph {
    fn parse(value: &Value) -> Result<Self, Violations> {
        let credited = value.get("contributors").is_some_and(|given| !given.is_null());
        let mut fields = Fields::of(value)?;
        let title = fields.member("title");
        let mut author: Option<CreditLine> = if credited {
            fields.member::<Option<CreditLine>>("author").flatten()
        } else {
            fields.member("author")
        };
        let publisher = fields.member("publisher");
        let published_date = fields.member("published_date");
        let page_count = fields.member("page_count");
        let language = fields.member("language");
        let isbn = fields.member("isbn");
        let tags: Option<Option<tag::Listed>> = fields.member("tags");
        let contributors: Option<Option<author::Listed>> = fields.member("contributors");
        let contributors = contributors.map(|given| given.map(|listed| listed.0));
        if let Some(Some(given)) = &contributors {
            if author.as_ref().is_some_and(|line| line != given.line()) {
                fields.refuse("author", "must be the names of the contributors, or be left out");
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
                tags: tags?.map(tag::Listed::into_names),
                contributors: contributors?,
            })
        })
    }
}

#[cfg(feature = "openapi")]
crate::openapi::described!(NewBookGraph, {
    crate::openapi::Shape::of::<NewBook>(
        "A book to add, with its tags and whom it credits: either `author` or `contributors` must be there.",
    )
    .optional("author")
    .member::<Option<tag::Listed>>("tags", "Its tags, each by its name.", false)
    .member::<Option<author::Listed>>(
        "contributors",
        "Whom it credits, in order; `author` follows from that.",
        false,
    )
    .closed()
    .schema()
});

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusals(body: &Value) -> Vec<String> {
        let wrong = NewBookGraph::parse(body).unwrap_err();
        wrong.as_slice().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_book_alone_is_read_as_ever() {
        let body = json!({"title": "Emma", "author": "Jane Austen", "tags": null});
        let graph = NewBookGraph::parse(&body).unwrap();
        assert_eq!(graph.book.author.as_str(), "Jane Austen");
        assert_eq!((graph.tags, graph.contributors), (None, None));
        assert_eq!(refusals(&json!({"title": "Emma"})), ["/author is required"]);
    }

    #[test]
    fn the_credit_line_is_that_of_the_contributors() {
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
    fn violations_point_into_the_nesting() {
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
