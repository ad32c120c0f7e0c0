//! Which client sent a request.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::Ipv4Addr;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};

use crate::client::Client;
use crate::state::Shared;

/// The client that sent a request, found once.
pub(crate) fn client(request: &HttpRequest) -> Client {
    if let Some(client) = request.extensions().get::<Client>() {
        return client.clone();
    }
    let peer = request.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
    let state = request.app_data::<Shared>();
    let address = state
        .map_or(peer, |state| state.trusted_proxies.behind(peer, forwarded(request.headers())));
    let client = Client::at(address);
    request.extensions_mut().insert(client.clone());
    client
}

impl FromRequest for Client {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(client(request)))
    }
}

/// A value that is no text says nothing, and nothing left of it is believed.
fn forwarded(headers: &HeaderMap) -> impl DoubleEndedIterator<Item = &str> {
    let values: Vec<_> = headers
        .get_all(header::X_FORWARDED_FOR)
        .map(|value| value.to_str().unwrap_or(""))
        .collect();
    values.into_iter()
}
