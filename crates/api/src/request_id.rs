//! Request ids.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use recto_domain::{IdGenerator as _, RequestName};
use recto_persistence::SystemIds;

/// The header with the id of a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, in the log and in problems.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// Returns the id from the header, as a proxy sets it, or a new one.
    pub(crate) fn of(request: &ServiceRequest) -> Self {
        let given = request.headers().get(&REQUEST_ID).filter(|id| {
            let clean = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
            (1..=64).contains(&id.len()) && id.as_bytes().iter().all(clean)
        });
        given.cloned().map_or_else(Self::next, Self)
    }

    /// Returns a new id: a random number of the process, and a counter.
    fn next() -> Self {
        static PROCESS: LazyLock<u32> = LazyLock::new(|| {
            let random = SystemIds.new_id().uid().as_u128();
            u32::try_from(random & u128::from(u32::MAX)).unwrap_or_default()
        });
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:08x}-{count:08x}", *PROCESS);
        Self(HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("-")))
    }

    /// Returns the id for the audit log.
    pub(crate) fn name(&self) -> Option<RequestName> {
        RequestName::parse(self.as_str()).ok()
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or("-")
    }
}

impl From<RequestId> for HeaderValue {
    fn from(id: RequestId) -> Self {
        id.0
    }
}
