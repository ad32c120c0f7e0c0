//! Queries of items and pages: relations to load, order, filters, cursor.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use recto_domain::{
    Author, AuthorName, Book, Comment, Company, Course, CreditLine, Department, Employee, Invalid,
    Post, Review, Student, Tag, TagName, TagNames, User, Username,
};
use recto_persistence::catalog::{BookFilter, UserFilter};
use recto_persistence::{Recto, Stored};
use recto_relations::{
    Cost, Entity, Filter, Include, PageRequest, PageStart, Quantifier, Relation, RelationInfo, Sort,
};

use super::QueryCost;
use crate::cursor::{self, QueryFingerprint};
use crate::error::Error;
use crate::fields::Fields;
use crate::parameters::{ParameterError, Parameters};
use crate::present::{PageLinks, PageOptions};

/// The query of an item.
#[derive(Debug)]
pub(crate) struct ItemQuery<E> {
    /// The relations to load and to count.
    pub(crate) include: Arc<Include>,
    /// The own fields to show.
    pub(crate) fields: Arc<Fields>,
    entity: PhantomData<fn() -> E>,
}

impl<E: Entity> ItemQuery<E> {
    /// The names of the parameters.
    pub(crate) const NAMES: &'static [&'static str] = &["include", "count", "fields"];

    fn parse(query: &str) -> Result<Self, ParameterError> {
        let (mut include, mut fields) = (Include::nothing(), Fields::default());
        if !query.is_empty() {
            let mut parameters = Parameters::parse(query)?;
            include = take_include::<E>(&mut parameters)?;
            fields = take_fields::<E>(&mut parameters)?;
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
    const FILTERS: &'static [(&'static str, &'static str)];

    /// Takes the parameters.
    fn filter(parameters: &mut Parameters) -> Result<Self::Filter, ParameterError>;
}

impl Filtered for Book {
    const FILTERS: &'static [(&'static str, &'static str)] = &[
        ("author", "Books whose author line contains this, without regard to case."),
        ("language", "Books in this language, a BCP 47 tag."),
        ("tag", "Books with the tag of this name; repeat it for books with all of them."),
        ("user_uid", "Books that this user owns."),
        ("isbn", "Books with this ISBN, in either form."),
        (
            "published_from",
            "Books published then or later: a year, a month or a day. A date counts as the first day of what is known.",
        ),
        ("published_to", "Books published then or earlier, to the end of that year, month or day."),
    ];

    fn filter(parameters: &mut Parameters) -> Result<BookFilter, ParameterError> {
        let tags = parameters.take_all("tag");
        // Tags may be older than the rules of new names.
        let name = |tag: &String| {
            TagName::parse_existing(tag).map_err(|wrong| ParameterError::new("tag", wrong))
        };
        let tags = tags.iter().map(name).collect::<Result<Vec<_>, _>>()?;
        let tags = TagNames::new(tags).into_names();
        if tags.len() > MAX_TAGS {
            let detail = format!("at most {MAX_TAGS} different tags fit in one query");
            return Err(ParameterError::new("tag", detail));
        }
        let author = parameters.take("author")?.filter(|author| !author.is_empty());
        if author.as_ref().is_some_and(|author| author.chars().count() > CreditLine::MAX_CHARS) {
            let detail = format!("has more than {} characters", CreditLine::MAX_CHARS);
            return Err(ParameterError::new("author", detail));
        }
        Ok(BookFilter {
            author,
            language: parameters.take_parsed("language")?,
            tags,
            user_uid: parameters.take_parsed("user_uid")?,
            isbn: parameters.take_parsed("isbn")?,
            published_from: parameters.take_parsed("published_from")?,
            published_to: parameters.take_parsed("published_to")?,
        })
    }
}

/// Takes a name that may be older than the rules of new ones.
fn take_name<T>(
    parameters: &mut Parameters,
    parse: impl FnOnce(&str) -> Result<T, Invalid>,
) -> Result<Option<T>, ParameterError> {
    let name = parameters.take("name")?;
    name.map(|name| parse(&name).map_err(|wrong| ParameterError::new("name", wrong))).transpose()
}

impl Filtered for Tag {
    const FILTERS: &'static [(&'static str, &'static str)] =
        &[("name", "The tag of this name, without regard to case.")];

    fn filter(parameters: &mut Parameters) -> Result<Option<TagName>, ParameterError> {
        take_name(parameters, TagName::parse_existing)
    }
}

impl Filtered for Author {
    const FILTERS: &'static [(&'static str, &'static str)] =
        &[("name", "The author of this name, without regard to case.")];

    fn filter(parameters: &mut Parameters) -> Result<Option<AuthorName>, ParameterError> {
        take_name(parameters, AuthorName::parse_existing)
    }
}

impl Filtered for User {
    const FILTERS: &'static [(&'static str, &'static str)] = &[
        ("username", "The user of this name, without regard to case."),
        ("email", "The user whose account has this address, without regard to case."),
    ];

    fn filter(parameters: &mut Parameters) -> Result<UserFilter, ParameterError> {
        let username = parameters.take("username")?.map(|name| {
            Username::parse_existing(&name).map_err(|wrong| ParameterError::new("username", wrong))
        });
        Ok(UserFilter { username: username.transpose()?, email: parameters.take_parsed("email")? })
    }
}

/// The maximum number of tags of a query; each is a subquery.
const MAX_TAGS: usize = 10;

/// Entities without filters.
macro_rules! unfiltered {
    ($($entity:ty),*) => {$(
        impl Filtered for $entity {
            const FILTERS: &'static [(&'static str, &'static str)] = &[];

            fn filter(_: &mut Parameters) -> Result<(), ParameterError> {
                Ok(())
            }
        }
    )*};
}

unfiltered!(Review, Post, Comment, Student, Course, Company, Department, Employee);

/// The entities that a page is taken from: all of a type, or those that a relation leads to.
pub(crate) trait PageSource<E: Stored<Recto>> {
    /// The conditions on their own fields.
    type Filter;
    /// The names and descriptions of the parameters.
    const FILTERS: &'static [(&'static str, &'static str)];
    /// Whether there are filters on related entities.
    const RELATED: bool;
    /// The relation.
    const RELATION: Option<&'static RelationInfo>;

    /// Takes the parameters.
    fn filter(parameters: &mut Parameters) -> Result<Self::Filter, ParameterError>;

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

    const FILTERS: &'static [(&'static str, &'static str)] = E::FILTERS;
    const RELATION: Option<&'static RelationInfo> = None;

    const RELATED: bool = true;

    fn filter(parameters: &mut Parameters) -> Result<E::Filter, ParameterError> {
        E::filter(parameters)
    }

    fn filter_cost(filter: &E::Filter) -> Cost {
        E::filter_cost(filter)
    }
}

impl<E: Stored<Recto>, R: Relation<To = E>> PageSource<E> for OfParent<R> {
    type Filter = ();

    const FILTERS: &'static [(&'static str, &'static str)] = &[];
    const RELATION: Option<&'static RelationInfo> = Some(R::INFO);

    const RELATED: bool = false;

    fn filter(_: &mut Parameters) -> Result<(), ParameterError> {
        Ok(())
    }

    fn filter_cost((): &()) -> Cost {
        Cost::default()
    }
}

/// The query of a page.
#[derive(Debug)]
pub(crate) struct PageQuery<E: Stored<Recto>, S: PageSource<E>> {
    /// The conditions on the entities' own fields.
    pub(crate) filter: S::Filter,
    /// The conditions on what the entities are related to.
    pub(crate) related: Filter,
    /// Everything that the response needs.
    pub(crate) options: Arc<PageOptions<E::Key>>,
}

/// The parameters of every page.
pub(crate) const PAGE_PARAMETERS: &[&str] =
    &["limit", "cursor", "total", "sort", "include", "count", "fields"];

impl<E: Stored<Recto>, S: PageSource<E>> PageQuery<E, S> {
    fn parse(path: &str, query: &str) -> Result<Self, ParameterError> {
        let mut parameters = Parameters::parse(query)?;
        let pairs: Vec<(String, String)> =
            parameters.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let limit = parameters.limit()?;
        let sort = match (parameters.take_list("sort"), S::RELATION) {
            (Some(sort), Some(relation)) => Sort::parse_along(relation, &sort),
            (Some(sort), None) => Sort::parse(E::INFO, &sort),
            (None, Some(relation)) => Ok(Sort::along(relation)),
            (None, None) => Ok(Sort::default()),
        };
        let sort = sort.map_err(|error| ParameterError::new("sort", error.to_string()))?;
        let include = take_include::<E>(&mut parameters)?;
        let fields = take_fields::<E>(&mut parameters)?;
        let total = parameters.flag("total")?;
        let cursor = parameters.take("cursor")?;
        let filter = S::filter(&mut parameters)?;
        let related =
            if S::RELATED { take_related::<E>(&mut parameters)? } else { Filter::everything() };
        let filters = S::FILTERS.iter().map(|(name, _)| *name);
        let quantifiers = Quantifier::ALL.map(Quantifier::name);
        let quantifiers = quantifiers.into_iter().filter(|_| S::RELATED);
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
            related,
            options: Arc::new(PageOptions { request, include, total, fields, links }),
        })
    }

    fn cost(&self) -> Cost {
        let PageOptions { request, total, include, .. } = &*self.options;
        let mut filters = S::filter_cost(&self.filter) + self.related.cost();
        if filters > Cost::default() && !request.sort.terms().is_empty() {
            // An index serves one of them.
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

fn take_fields<E: Entity>(parameters: &mut Parameters) -> Result<Fields, ParameterError> {
    let fields = parameters.take_list("fields");
    fields.map_or_else(|| Ok(Fields::default()), |fields| Fields::parse(E::INFO, &fields))
}

fn take_include<E: Entity>(parameters: &mut Parameters) -> Result<Include, ParameterError> {
    let mut include = match parameters.take_list("include") {
        Some(paths) => Include::parse(E::INFO, &paths)
            .map_err(|error| ParameterError::new("include", error.to_string()))?,
        None => Include::nothing(),
    };
    if let Some(paths) = parameters.take_list("count") {
        include
            .count(E::INFO, &paths)
            .map_err(|error| ParameterError::new("count", error.to_string()))?;
    }
    Ok(include)
}

fn take_related<E: Entity>(parameters: &mut Parameters) -> Result<Filter, ParameterError> {
    let mut filters = Vec::new();
    for quantifier in Quantifier::ALL {
        for raw in parameters.take_all(quantifier.name()) {
            let filter = Filter::parse(E::INFO, quantifier, &raw)
                .map_err(|error| ParameterError::new(quantifier.name(), error.to_string()))?;
            filters.push(filter);
        }
    }
    if filters.len() > MAX_RELATED {
        let detail = format!("at most {MAX_RELATED} filters on relations fit in one query");
        return Err(ParameterError::new("some", detail));
    }
    Ok(Filter::And(filters))
}

/// The maximum number of filters on relations of a query; each is a subquery.
const MAX_RELATED: usize = 4;

pub(super) fn without_cursor(path: &str, pairs: Vec<(String, String)>) -> String {
    let mut kept = pairs.into_iter().filter(|(name, _)| name != "cursor").peekable();
    if kept.peek().is_none() {
        return path.to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    format!("{path}?{query}")
}
