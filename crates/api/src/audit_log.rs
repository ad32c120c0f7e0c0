//! Writing audit entries to the database and to the log.

use recto_domain::AuditEntry;
use recto_persistence::identity::audit;

use crate::state::State;

impl State {
    /// Logs an audit entry about something that changed no data, and stores it before the response
    /// is sent. A failure to store it is logged; the response stays the same.
    pub(crate) async fn audit(&self, entry: AuditEntry) {
        log(&entry);
        let action = entry.action;
        let stored = self.database.request_write(move |conn| audit::insert(conn, &entry)).await;
        if let Err(error) = stored {
            tracing::error!(%action, %error, "an audit entry was not stored");
        }
    }
}

/// Logs an audit entry.
pub(crate) fn log(entry: &AuditEntry) {
    let AuditEntry { action, actor_uid, subject_uid, address, request_id, detail, .. } = entry;
    tracing::info!(
        target: "recto::audit",
        action = action.as_str(),
        actor = actor_uid.map(tracing::field::display),
        subject = subject_uid.map(tracing::field::display),
        address = address.map(tracing::field::display),
        request = request_id.as_ref().map(tracing::field::display),
        detail = detail.as_ref().map(tracing::field::display),
        "audit"
    );
}
