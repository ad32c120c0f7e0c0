//! Queries of items and pages: relations to load, order, filters, cursor.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use recto_domain::{
    Author, AuthorName, Book, Code, Comment, Company, Course, CreditLine, Department, Email,
    Employee, Invalid, Isbn, Language, Post, PublishedDate, Review, Student, Tag, TagName,
    TagNames, User, UserId, Username,
};
use recto_persistence::catalog::{BookFilter, UserFilter};
use recto_persistence::{Recto, Stored};
use recto_relations::{
    Cost, Entity, Filter, Include, PageRequest, PageStart, Quantifier, Relation, RelationInfo,
};

use super::QueryCost;
use super::relations::{take_fields, take_include, take_related, take_sort};
use crate::cursor::{self, QueryFingerprint};
use crate::error::Error;
use crate::fields::SelectedFields;
use crate::parameters::{ParameterError, Parameters};
use crate::present::{PageLinks, PageOptions};
use crate::table::QueryParameter;

/// The query of an item.
#[derive(Debug)]
pub(crate) struct ItemQuery<E> {
    /// The relations to load and to count.
    pub(crate) include: Arc<Include>,
    /// The item's fields to show.
    pub(crate) fields: Arc<SelectedFields>,
    entity: PhantomData<fn() -> E>,
}

impl<E: Entity> ItemQuery<E> {
    /// The names of the parameters.
    pub(crate) const NAMES: &'static [&'static str] = &["include", "count", "fields"];

    fn parse(query: &str) -> Result<Self, Vec<ParameterError>> {
        let (mut include, mut fields) = (Include::nothing(), SelectedFields::default());
        if !query.is_empty() {
            let mut parameters = Parameters::parse(query);
            include = take_include::<E>(&mut parameters);
            fields = take_fields::<E>(&mut parameters);
            parameters.finish(Self::NAMES)?;
        }
        Ok(Self { include: Arc::new(include), fields: Arc::new(fields), entity: PhantomData })
    }

    fn cost(&self) -> Cost {
        Cost::of(E::INFO, 1) + self.include.cost(1)
    }
}

impl<E: Entity> FromRequest for ItemQuery<E> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = Self::parse(request.query_string()).map_err(Error::from);
        ready(query.inspect(|query| QueryCost::attach(request, query.cost())))
    }
}

/// An entity whose pages can be filtered.
#[diagnostic::on_unimplemented(
    message = "the filters of `{Self}` are not declared",
    note = "list it in `unfiltered!` (`extract/query.rs`), or implement `Filtered`"
)]
pub(crate) trait Filtered: Stored<Recto> {
    /// The names and descriptions of the parameters.
    const FILTERS: &'static [QueryParameter];

    /// Parses the parameters.
    fn filter(parameters: &mut Parameters) -> Self::Filter;
}

impl Filtered for Book {
    const FILTERS: &'static [QueryParameter] = &[
        QueryParameter::new::<CreditLine>(
            "author",
            "Books whose author line contains this, without regard to case.",
        )
        .such_as("Austen"),
        QueryParameter::new::<Language>("language", "Books in this language, a BCP 47 tag."),
        QueryParameter::new::<TagName>(
            "tag",
            "Books with the tag of this name; repeat it for books with all of them.",
        )
        .such_as("gothic")
        .repeatable(MAX_TAGS),
        QueryParameter::new::<UserId>("user_uid", "Books that this user owns."),
        QueryParameter::new::<Isbn>("isbn", "Books with this ISBN, in either form.")
            .such_as("9780141439471"),
        QueryParameter::new::<PublishedDate>(
            "published_from",
            "Books published then or later: a year, a month or a day. A year comes before its months, and a month before its days: `1999-01` does not find a book dated `1999`.",
        )
        .such_as("1818"),
        QueryParameter::new::<PublishedDate>(
            "published_to",
            "Books published then or earlier, to the end of that year, month or day.",
        )
        .such_as("1899-12"),
    ];

    fn filter(parameters: &mut Parameters) -> BookFilter {
        let author = parameters.take("author").filter(|author| !author.is_empty());
        if author.as_ref().is_some_and(|author| author.chars().count() > CreditLine::MAX_CHARS) {
            let detail = format!("has more than {} characters", CreditLine::MAX_CHARS);
            parameters.refuse("author", Invalid::new(Code::Length, detail));
        }
        let published_from = parameters.take_parsed::<PublishedDate>("published_from");
        let published_to = parameters.take_parsed::<PublishedDate>("published_to");
        if let (Some(from), Some(to)) = (published_from, published_to)
            && from.sort_key() > to.last_sort_key()
        {
            let detail = "must not be after published_to";
            parameters.refuse("published_from", Invalid::new(Code::Conflict, detail));
        }
        BookFilter {
            author,
            language: parameters.take_parsed("language"),
            tags: take_tags(parameters),
            user_uid: parameters.take_parsed("user_uid"),
            isbn: parameters.take_parsed("isbn"),
            published_from,
            published_to,
        }
    }
}

fn take_tags(parameters: &mut Parameters) -> Vec<TagName> {
    let tags = parameters.take_all("tag");
    // Tags may be older than the rules of new names.
    let name = |tag: &String| parameters.check("tag", TagName::parse_existing(tag));
    let tags = TagNames::new(tags.iter().filter_map(name)).into_names();
    if tags.len() > MAX_TAGS {
        let detail = format!("at most {MAX_TAGS} different tags fit in one query");
        parameters.refuse("tag", Invalid::new(Code::Length, detail));
    }
    tags
}

/// Parses a name by the rules for stored names.
fn take_name<T>(
    parameters: &mut Parameters,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, Invalid>,
) -> Option<T> {
    let raw = parameters.take(name)?;
    parameters.check(name, parse(&raw))
}

impl Filtered for Tag {
    const FILTERS: &'static [QueryParameter] =
        &[QueryParameter::new::<TagName>("name", "The tag of this name, without regard to case.")
            .such_as("gothic")];

    fn filter(parameters: &mut Parameters) -> Option<TagName> {
        take_name(parameters, "name", TagName::parse_existing)
    }
}

impl Filtered for Author {
    const FILTERS: &'static [QueryParameter] = &[QueryParameter::new::<AuthorName>(
        "name",
        "The author of this name, without regard to case.",
    )
    .such_as("Jane Austen")];

    fn filter(parameters: &mut Parameters) -> Option<AuthorName> {
        take_name(parameters, "name", AuthorName::parse_existing)
    }
}

impl Filtered for User {
    const FILTERS: &'static [QueryParameter] = &[
        QueryParameter::new::<Username>(
            "username",
            "The user of this name, without regard to case.",
        )
        .such_as("reader"),
        QueryParameter::new::<Email>(
            "email",
            "The user whose account has this address, without regard to case.",
        )
        .such_as("reader@recto.example"),
    ];

    fn filter(parameters: &mut Parameters) -> UserFilter {
        UserFilter {
            username: take_name(parameters, "username", Username::parse_existing),
            email: parameters.take_parsed("email"),
        }
    }
}

/// The maximum number of tags of a query; each is a subquery.
const MAX_TAGS: usize = 10;

/// Entities without filters.
macro_rules! unfiltered {
    ($($entity:ty),*) => {$(
        impl Filtered for $entity {
            const FILTERS: &'static [QueryParameter] = &[];

            fn filter(_: &mut Parameters) {}
        }
    )*};
}

unfiltered!(Review, Post, Comment, Student, Course, Company, Department, Employee);

/// The entities that a page is taken from: all of a type, or those that a relation leads to.
pub(crate) trait PageSource<E: Stored<Recto>> {
    /// The conditions on their own fields.
    type Filter;
    /// The names and descriptions of the parameters.
    const FILTERS: &'static [QueryParameter];
    /// Whether there are filters on related entities.
    const HAS_RELATION_FILTERS: bool;
    /// The relation.
    const RELATION: Option<&'static RelationInfo>;

    /// Parses the parameters.
    fn filter(parameters: &mut Parameters) -> Self::Filter;

    /// Returns the cost of the conditions.
    fn filter_cost(filter: &Self::Filter) -> Cost;
}

/// All entities of a type.
#[derive(Debug)]
pub(crate) struct All;

/// The entities that a relation leads to from a parent.
#[derive(Debug)]
pub(crate) struct OfParent<R>(PhantomData<fn() -> R>);

impl<E: Filtered> PageSource<E> for All {
    type Filter = E::Filter;

    const FILTERS: &'static [QueryParameter] = E::FILTERS;
    const RELATION: Option<&'static RelationInfo> = None;

    const HAS_RELATION_FILTERS: bool = true;

    fn filter(parameters: &mut Parameters) -> E::Filter {
        E::filter(parameters)
    }

    fn filter_cost(filter: &E::Filter) -> Cost {
        E::filter_cost(filter)
    }
}

impl<E: Stored<Recto>, R: Relation<To = E>> PageSource<E> for OfParent<R> {
    type Filter = ();

    const FILTERS: &'static [QueryParameter] = &[];
    const RELATION: Option<&'static RelationInfo> = Some(R::INFO);

    const HAS_RELATION_FILTERS: bool = false;

    fn filter(_: &mut Parameters) {}

    fn filter_cost((): &()) -> Cost {
        Cost::default()
    }
}

/// The query of a page.
#[derive(Debug)]
pub(crate) struct PageQuery<E: Stored<Recto>, S: PageSource<E>> {
    /// The conditions on the entities' own fields.
    pub(crate) filter: S::Filter,
    /// The conditions on related entities.
    pub(crate) relation_filter: Filter,
    /// Everything that the response needs.
    pub(crate) options: Arc<PageOptions<E::Key>>,
}

/// The parameters of every page.
pub(crate) const PAGE_PARAMETERS: &[&str] =
    &["limit", "cursor", "total", "sort", "include", "count", "fields"];

impl<E: Stored<Recto>, S: PageSource<E>> PageQuery<E, S> {
    fn parse(path: &str, query: &str) -> Result<Self, Vec<ParameterError>> {
        let mut parameters = Parameters::parse(query);
        let pairs: Vec<(String, String)> =
            parameters.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let limit = parameters.limit();
        let sort = take_sort::<E>(&mut parameters, S::RELATION);
        let include = take_include::<E>(&mut parameters);
        let fields = take_fields::<E>(&mut parameters);
        let total = parameters.flag("total");
        let cursor = parameters.take("cursor");
        let filter = S::filter(&mut parameters);
        let relation_filter = if S::HAS_RELATION_FILTERS {
            take_related::<E>(&mut parameters)
        } else {
            Filter::everything()
        };
        let filters = S::FILTERS.iter().map(|filter| filter.name);
        let quantifiers = Quantifier::ALL.map(Quantifier::name);
        let quantifiers = quantifiers.into_iter().filter(|_| S::HAS_RELATION_FILTERS);
        let known: Vec<&str> =
            PAGE_PARAMETERS.iter().copied().chain(filters).chain(quantifiers).collect();
        parameters.finish(&known)?;

        let fingerprint = QueryFingerprint::new(path, &pairs, &sort);
        let start = match cursor {
            None => PageStart::First,
            Some(cursor) => cursor::decode(&fingerprint, &sort, &cursor)?,
        };
        let request = PageRequest { limit, sort, start };
        let links = PageLinks { fingerprint, url: without_cursor(path, pairs) };
        Ok(Self {
            filter,
            relation_filter,
            options: Arc::new(PageOptions { request, include, total, fields, links }),
        })
    }

    fn cost(&self) -> Cost {
        let PageOptions { request, total, include, .. } = &*self.options;
        let mut filters = S::filter_cost(&self.filter) + self.relation_filter.cost();
        if filters > Cost::default() && !request.sort.terms().is_empty() {
            // One index cannot serve both the filter and the sort.
            filters = filters + Cost::SCAN;
        }
        if *total {
            filters = filters + Cost::SCAN;
        }
        request.cost(E::INFO, S::RELATION) + include.cost(request.limit) + filters
    }
}

impl<E: Stored<Recto>, S: PageSource<E>> FromRequest for PageQuery<E, S> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = Self::parse(request.path(), request.query_string()).map_err(Error::from);
        ready(query.inspect(|query| QueryCost::attach(request, query.cost())))
    }
}

pub(super) fn without_cursor(path: &str, pairs: Vec<(String, String)>) -> String {
    let mut kept = pairs.into_iter().filter(|(name, _)| name != "cursor").peekable();
    if kept.peek().is_none() {
        return path.to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    format!("{path}?{query}")
}
