//! When API keys were last used: recorded after the response is sent, so that reads stay read-only.

use std::sync::{Arc, Mutex, PoisonError};

use recto_domain::{ApiKeyId, IdGenerator};
use recto_persistence::Database;
use recto_persistence::identity::api_key;
use tokio::sync::Notify;

/// API keys whose use is to be recorded.
#[derive(Debug, Clone, Default)]
pub struct KeyUsage(Arc<PendingUses>);

#[derive(Debug, Default)]
struct PendingUses {
    keys: Mutex<Vec<ApiKeyId>>,
    wake: Notify,
}

/// The maximum number of keys in the queue. A use that does not fit is recorded at the next one.
const CAPACITY: usize = 1024;

impl KeyUsage {
    /// Adds a key that was used.
    pub(crate) fn used(&self, key: ApiKeyId) {
        let mut keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() < CAPACITY && !keys.contains(&key) {
            keys.push(key);
            self.0.wake.notify_one();
        }
    }

    /// Records uses as they come, until it is aborted.
    pub(crate) async fn record(self, database: Database, ids: Arc<dyn IdGenerator>) {
        loop {
            self.0.wake.notified().await;
            let keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let (now, used) = (ids.now(), keys.clone());
            let recorded = database.write(move |conn| {
                used.iter().try_for_each(|id| api_key::record_use(conn, *id, now))
            });
            if let Err(error) = recorded.await {
                tracing::warn!(%error, "the use of API keys was not recorded");
            }
            // Removed only now: until it is stored, each further use would add the key again.
            let mut waiting = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.retain(|key| !keys.contains(key));
        }
    }
}
