//! When API keys were last used: noted behind the answer, so that reading does not write.

use std::sync::{Arc, Mutex, PoisonError};

use recto_domain::{ApiKeyId, IdGenerator};
use recto_persistence::Database;
use recto_persistence::identity::key;
use tokio::sync::Notify;

/// Keys whose use is still to be noted.
#[derive(Debug, Clone, Default)]
pub struct KeyUses(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    keys: Mutex<Vec<ApiKeyId>>,
    wake: Notify,
}

/// How many keys may wait; a use that does not fit is noted at the next one.
const WAITING: usize = 1024;

impl KeyUses {
    /// The key was used, and that is worth noting.
    pub(crate) fn note(&self, key: ApiKeyId) {
        let mut keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() < WAITING && !keys.contains(&key) {
            keys.push(key);
            self.0.wake.notify_one();
        }
    }

    /// Notes uses as they come, for ever.
    pub(crate) async fn keep(self, database: Database, ids: Arc<dyn IdGenerator>) {
        loop {
            self.0.wake.notified().await;
            let keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let (now, used) = (ids.now(), keys.clone());
            let noted = database
                .write(move |conn| used.iter().try_for_each(|id| key::touch(conn, *id, now)));
            if let Err(error) = noted.await {
                tracing::warn!(%error, "the use of API keys could not be noted");
            }
            // Only now: until it is kept, each further use would ask for it again.
            let mut waiting = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.retain(|key| !keys.contains(key));
        }
    }
}
