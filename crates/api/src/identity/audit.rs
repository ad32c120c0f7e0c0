//! The audit log: what happened to accounts, for administrators.

use recto_domain::{AuditAction, AuditEntry, AuditId, UserId};
use recto_persistence::identity::audit;

use crate::answer::List;
use crate::context::Context;
use crate::error::Error;
use crate::extract::{ListQuery, Narrowed};
use crate::parameters::{ParameterError, Parameters};
use crate::state::State;

pub(crate) use recto_persistence::identity::audit::AuditFilter;

impl State {
    /// Stores an audit entry about something that changed no data, and logs it. A failure to store
    /// it is logged and does not change the response.
    pub(crate) async fn note(&self, entry: AuditEntry) {
        log(&entry);
        let stored = self.database.write(move |conn| audit::insert(conn, &entry)).await;
        if let Err(error) = stored {
            tracing::error!(%error, "an audit entry was lost");
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

impl Narrowed for AuditFilter {
    const FILTERS: &'static [(&'static str, &'static str)] = &[
        ("action", "Entries of this action."),
        ("user_uid", "Entries of what this user did, or of what was done to it."),
    ];

    fn take(parameters: &mut Parameters) -> Result<Self, ParameterError> {
        let action = parameters.take_parsed::<AuditAction>("action")?;
        let user = parameters.take_parsed::<UserId>("user_uid")?;
        Ok(Self { action, user })
    }
}

/// `GET /audit`
pub(crate) async fn list(
    ctx: Context,
    query: ListQuery<AuditId, AuditFilter>,
) -> Result<List<AuditEntry>, Error> {
    let ListQuery { limit, after, filter, next } = query;
    let listed = ctx.read(move |tx| Ok(audit::page(tx, &filter, after, limit)?)).await?;
    Ok(List::new(listed, |entry| entry.id, next))
}
