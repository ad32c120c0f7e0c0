//! Queries of lists in the order of their keys: sessions, API keys, the audit log.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use recto_relations::Sort;

use super::query::without_cursor;
use crate::cursor::{self, QueryFingerprint};
use crate::error::Error;
use crate::parameters::{ParameterError, Parameters};
use crate::present::NextLink;

/// A filter of a list.
pub(crate) trait ListFilter: Sized {
    /// The names and descriptions of its parameters.
    const FILTERS: &'static [(&'static str, &'static str)];

    /// Takes its parameters.
    fn take(parameters: &mut Parameters) -> Result<Self, ParameterError>;
}

impl ListFilter for () {
    const FILTERS: &'static [(&'static str, &'static str)] = &[];

    fn take(_: &mut Parameters) -> Result<Self, ParameterError> {
        Ok(())
    }
}

/// The query of a page of a list, the newest first.
#[derive(Debug)]
pub(crate) struct ListQuery<K, F = ()> {
    /// The maximum number of items.
    pub(crate) limit: u32,
    /// The key of the last item of the page before.
    pub(crate) after: Option<K>,
    /// The filter.
    pub(crate) filter: F,
    /// The link to the next page.
    pub(crate) next: NextLink,
}

impl<K: FromStr, F: ListFilter> ListQuery<K, F> {
    fn parse(path: &str, query: &str) -> Result<Self, ParameterError> {
        let mut parameters = Parameters::parse(query)?;
        let pairs: Vec<(String, String)> =
            parameters.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let limit = parameters.limit()?;
        let cursor = parameters.take("cursor")?;
        let filter = F::take(&mut parameters)?;
        let filters = F::FILTERS.iter().map(|(name, _)| *name);
        let known: Vec<&str> = ["limit", "cursor"].into_iter().chain(filters).collect();
        parameters.finish(&known)?;
        let sort = Sort::default();
        let fingerprint = QueryFingerprint::new(path, &pairs, &sort);
        let after = match cursor {
            None => None,
            Some(cursor) => Some(cursor::decode::<K>(&fingerprint, &sort, &cursor)?.key),
        };
        let next = NextLink { fingerprint, url: without_cursor(path, pairs) };
        Ok(Self { limit, after, filter, next })
    }
}

impl<K: FromStr, F: ListFilter> FromRequest for ListQuery<K, F> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.path(), request.query_string()).map_err(Error::from))
    }
}
