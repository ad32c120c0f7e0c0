//! Reading the audit log.

use std::time::Duration;

use recto_domain::{AuditAction, AuditEntry, AuditId, UserId};
use recto_persistence::identity::audit;

use crate::context::Context;
use crate::error::Error;
use crate::extract::{ListFilter, ListQuery};
use crate::page_fields::Total;
use crate::parameters::Parameters;
use crate::response::List;
use crate::table::QueryParameter;

pub(crate) use recto_persistence::identity::audit::AuditFilter;

/// The time to wait for entries that are not stored yet.
const STORED_WITHIN: Duration = Duration::from_secs(1);

impl ListFilter for AuditFilter {
    const FILTERS: &'static [QueryParameter] = &[
        QueryParameter::new::<AuditAction>("action", "Entries of this action.").such_as("sign-in"),
        QueryParameter::new::<UserId>(
            "user_uid",
            "Entries of what this user did, or of what was done to it.",
        ),
    ];

    fn take(parameters: &mut Parameters) -> Self {
        let action = parameters.take_parsed::<AuditAction>("action");
        let user = parameters.take_parsed::<UserId>("user_uid");
        Self { action, user }
    }
}

/// `GET /audit`
pub(crate) async fn list(
    ctx: Context,
    query: ListQuery<AuditId, AuditFilter>,
) -> Result<List<AuditEntry>, Error> {
    let ListQuery { request, total, filter, links } = query;
    // The entries of earlier requests to this server are in the response, unless the database
    // fails.
    ctx.state.audit_queue.flush(STORED_WITHIN).await;
    let read = ctx.read(move |tx| {
        let counted = total.then(|| audit::count(tx, &filter, Total::COUNTED)).transpose()?;
        Ok((audit::page(tx, &filter, &request)?, counted.map(Total::of)))
    });
    let (paged, total) = read.await?;
    ctx.audit_reading(AuditAction::AuditRead, None);
    Ok(List::new(paged, total, |entry| entry.id, links))
}
