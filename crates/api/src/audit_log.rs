//! The log lines of audit entries.

use recto_domain::AuditEntry;

use crate::state::State;

impl State {
    /// Logs an audit entry about a read, a refusal or a failed sign-in, and adds it to the queue.
    pub(crate) fn audit(&self, entry: AuditEntry) {
        log(&entry);
        self.audit_queue.add(entry);
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
        request_id = request_id.as_ref().map(tracing::field::display),
        detail = detail.as_ref().map(tracing::field::display),
        "audit"
    );
}
