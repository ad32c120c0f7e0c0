//! The ids of a request: the server's own, and the client's.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use recto_domain::{AuditRequestId, IdGenerator as _};
use recto_persistence::SystemIds;

/// The header with the id of a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The ids of a request.
#[derive(Debug, Clone)]
pub(crate) struct RequestId {
    /// The server's own, in the log and the audit log.
    own: HeaderValue,
    /// The one that the client, or a proxy, has sent.
    of_client: Option<HeaderValue>,
}

impl RequestId {
    /// Returns a new id, with the one of the header if it is short and plain.
    pub(crate) fn of(request: &ServiceRequest) -> Self {
        let given = request.headers().get(&REQUEST_ID).filter(|id| {
            let clean = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
            (1..=64).contains(&id.len()) && id.as_bytes().iter().all(clean)
        });
        Self { own: Self::next(), of_client: given.cloned() }
    }

    /// Returns a new id: a random number of the process, and a counter.
    fn next() -> HeaderValue {
        static PROCESS: LazyLock<u32> = LazyLock::new(|| {
            let random = SystemIds.new_id().uid().as_u128();
            u32::try_from(random & u128::from(u32::MAX)).unwrap_or_default()
        });
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:08x}-{count:08x}", *PROCESS);
        HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }

    /// Returns the id for the audit log.
    pub(crate) fn name(&self) -> Option<AuditRequestId> {
        AuditRequestId::parse(self.as_str()).ok()
    }

    /// Returns the server's own id.
    pub(crate) fn as_str(&self) -> &str {
        self.own.to_str().unwrap_or("-")
    }

    /// Returns the id that the client has sent.
    pub(crate) fn of_client(&self) -> Option<&str> {
        self.of_client.as_ref()?.to_str().ok()
    }

    /// Returns the id in the response: the client's, or else the server's own.
    pub(crate) fn for_response(&self) -> &str {
        self.of_client().unwrap_or(self.as_str())
    }
}

impl From<RequestId> for HeaderValue {
    fn from(id: RequestId) -> Self {
        id.of_client.unwrap_or(id.own)
    }
}
