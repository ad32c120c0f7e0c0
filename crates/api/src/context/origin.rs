//! The origin of a request.

use std::net::Ipv4Addr;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpMessage as _, HttpRequest};
use recto_domain::{
    AuditAction, AuditEntry, AuditRequestId, DeviceFingerprint, IdGenerator, MailDetail, UserAgent,
};

use recto_identity::ClientAddress;

use crate::request_id::RequestId;
use crate::state::SharedState;

/// The client, user agent and id of a request, for sessions, the audit log and throttling.
#[derive(Debug, Clone)]
pub(crate) struct RequestOrigin {
    /// The client, whose attempts are counted.
    pub(crate) client: ClientAddress,
    agent: Option<UserAgent>,
    request: Option<AuditRequestId>,
}

impl RequestOrigin {
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let agent = request.headers().get(header::USER_AGENT);
        let agent = agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        Self {
            client: client(request),
            agent: agent.and_then(|agent| UserAgent::of(&agent)),
            request: request.extensions().get::<RequestId>().and_then(RequestId::name),
        }
    }

    /// Returns the device that a session shows.
    pub(crate) fn device(&self) -> recto_domain::Device {
        recto_domain::Device { address: Some(self.client.address()), agent: self.agent.clone() }
    }

    /// Returns the fingerprint by which the device is recognized.
    pub(crate) fn fingerprint(&self) -> DeviceFingerprint {
        recto_identity::device::fingerprint(&self.client, self.agent.as_ref())
    }

    /// Returns the device as mails show it.
    pub(crate) fn described_device(&self) -> Option<MailDetail> {
        let address = self.client.address();
        let described = match &self.agent {
            Some(agent) => format!("{agent}, at the IP address {address}"),
            None => format!("at the IP address {address}"),
        };
        MailDetail::parse(&described).ok()
    }

    /// Returns an audit entry about the request.
    pub(crate) fn entry(&self, ids: &dyn IdGenerator, action: AuditAction) -> AuditEntry {
        let mut entry = AuditEntry::new(ids.new_id(), action);
        entry.address = Some(self.client.address());
        entry.request_id.clone_from(&self.request);
        entry
    }
}

/// Returns the client that sent a request.
pub(crate) fn client(request: &HttpRequest) -> ClientAddress {
    if let Some(client) = request.extensions().get::<ClientAddress>() {
        return client.clone();
    }
    let peer = request.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
    let state = request.app_data::<SharedState>();
    let address = state
        .map_or(peer, |state| state.trusted_proxies.behind(peer, forwarded(request.headers())));
    let client = ClientAddress::at(address);
    request.extensions_mut().insert(client.clone());
    client
}

/// Returns the values of `X-Forwarded-For`. A value that is not text ends the search like one that
/// is not an address.
fn forwarded(headers: &HeaderMap) -> impl DoubleEndedIterator<Item = &str> {
    let values: Vec<_> = headers
        .get_all(header::X_FORWARDED_FOR)
        .map(|value| value.to_str().unwrap_or(""))
        .collect();
    values.into_iter()
}
