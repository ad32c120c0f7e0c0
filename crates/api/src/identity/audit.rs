//! The audit: written with what it tells of, and told to the log once that is kept.

use actix_web::HttpResponse;
use recto_domain::{AuditAction, AuditEntry, AuditId, UserId};
use recto_persistence::Connection;
use recto_persistence::identity::audit;

use crate::extract::{Caller, ListQuery, Narrowed};
use crate::parameters::{ParameterError, Parameters};
use crate::present;
use crate::problem::Problem;
use crate::state::{Shared, State};

pub(crate) use recto_persistence::identity::audit::AuditFilter;

impl State {
    /// A write that leaves entries in the audit: in the same transaction, and
    /// in the log once they are kept.
    pub(crate) async fn write_noting<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Connection, &mut Vec<AuditEntry>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let done = self.database.write(move |conn| {
            let mut entries = Vec::new();
            let value = work(conn, &mut entries)?;
            for entry in &entries {
                audit::insert(conn, entry)?;
            }
            Ok::<_, Problem>((value, entries))
        });
        let (value, entries) = done.await?;
        entries.iter().for_each(log);
        Ok(value)
    }

    /// Leaves an entry about something that was not done. That it could not be
    /// kept is no reason to answer something else.
    pub(crate) async fn note(&self, entry: AuditEntry) {
        log(&entry);
        let kept = self.database.write(move |conn| audit::insert(conn, &entry)).await;
        if let Err(error) = kept {
            tracing::error!(%error, "an entry of the audit was lost");
        }
    }
}

/// Tells the log.
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

/// `GET /audit`, by an administrator.
pub(crate) async fn list(
    state: Shared,
    caller: Caller,
    query: ListQuery<AuditId, AuditFilter>,
) -> Result<HttpResponse, Problem> {
    let ListQuery { limit, after, filter, .. } = query;
    let listed = state
        .database
        .read(move |conn| {
            caller.admin(conn)?;
            Ok::<_, Problem>(audit::page(conn, &filter, after, limit)?)
        })
        .await?;
    present::listed(&listed, |entry| entry.id, &query.place)
}
