//! The cost of a request's query, from its extractor to its [`Context`](crate::context::Context).

use actix_web::{HttpMessage as _, HttpRequest};
use recto_persistence::is_expensive;
use recto_relations::Cost;

/// The cost of an expensive query, an extension of its request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryCost(pub(crate) Cost);

impl QueryCost {
    /// Attaches the cost of a query to its request, if it is expensive. Most are not, and need no
    /// extension.
    pub(super) fn attach(request: &HttpRequest, cost: Cost) {
        if is_expensive(cost) {
            request.extensions_mut().insert(Self(cost));
        }
    }
}
