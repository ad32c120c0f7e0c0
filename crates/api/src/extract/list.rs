//! Queries of lists in the order of their keys: sessions, API keys, the audit log.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use recto_relations::{Cost, PageRequest, PageStart, Sort};

use super::QueryCost;
use super::query::without_cursor;
use crate::cursor::{self, QueryFingerprint};
use crate::error::Error;
use crate::parameters::{ParameterError, Parameters};
use crate::present::PageLinks;
use crate::table::QueryParameter;

/// A filter of a list.
pub(crate) trait ListFilter: Sized {
    /// The names and descriptions of its parameters.
    const FILTERS: &'static [QueryParameter];

    /// Parses its parameters.
    fn take(parameters: &mut Parameters) -> Self;
}

impl ListFilter for () {
    const FILTERS: &'static [QueryParameter] = &[];

    fn take(_: &mut Parameters) -> Self {}
}

/// The query of a page of a list, the newest first.
#[derive(Debug)]
pub(crate) struct ListQuery<K, F = ()> {
    /// The page to load.
    pub(crate) request: PageRequest<K>,
    /// Whether all items are counted.
    pub(crate) total: bool,
    pub(crate) filter: F,
    /// The links to other pages.
    pub(crate) links: PageLinks,
}

impl<K: FromStr, F: ListFilter> ListQuery<K, F> {
    fn parse(path: &str, query: &str) -> Result<Self, Vec<ParameterError>> {
        let mut parameters = Parameters::parse(query);
        let pairs: Vec<(String, String)> =
            parameters.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let limit = parameters.limit();
        let total = parameters.flag("total");
        let cursor = parameters.take("cursor");
        let filter = F::take(&mut parameters);
        let filters = F::FILTERS.iter().map(|filter| filter.name);
        let known: Vec<&str> = ["limit", "cursor", "total"].into_iter().chain(filters).collect();
        parameters.finish(&known)?;
        let sort = Sort::default();
        let fingerprint = QueryFingerprint::new(path, &pairs, &sort);
        let start = match cursor {
            None => PageStart::First,
            Some(cursor) => cursor::decode(&fingerprint, &sort, &cursor)?,
        };
        let request = PageRequest { limit, sort, start };
        let links = PageLinks { fingerprint, url: without_cursor(path, pairs) };
        Ok(Self { request, total, filter, links })
    }
}

impl<K: FromStr, F: ListFilter> FromRequest for ListQuery<K, F> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = Self::parse(request.path(), request.query_string()).map_err(Error::from);
        ready(query.inspect(|query| {
            if query.total {
                QueryCost::attach(request, Cost::SCAN);
            }
        }))
    }
}
