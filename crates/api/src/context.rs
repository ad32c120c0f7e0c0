//! The context of a handler: the caller, ids and the clock, the audit log, and transactions.

mod credential;
mod origin;
mod quota;
mod read;
mod replay;
mod transaction;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::{HttpMessage as _, HttpRequest};
use recto_domain::{AuditAction, AuditEntry, UserId};

use recto_identity::{Access, Caller};
use recto_persistence::{Connection, is_expensive};
use recto_relations::Cost;

use crate::audit_log;
use crate::conditional::{IfMatch, IfNoneMatch};
use crate::error::Error;
use crate::extract::QueryCost;
use crate::idempotency::IdempotencyKeyHeader;
use crate::response::{Render, Rendered};
use crate::state::{SharedState, State};
use crate::statements::StatementCounter;

pub(crate) use credential::ResolvedUser;
pub(crate) use origin::RequestOrigin;
pub(crate) use read::ReadTransaction;
pub(crate) use transaction::WriteTransaction;

use credential::Credential;
use transaction::{ChangeRequest, Effects, ReservedCreations};

/// The context of a handler.
///
/// [`read`](Self::read), [`snapshot`](Self::snapshot) and [`write`](Self::write) run a closure on
/// a thread of the database. Each first authenticates the caller and checks the access that the
/// route requires, in the transaction that does the work: the end of a session, a changed role
/// or a revoked key takes effect at once, on every server.
pub(crate) struct Context {
    pub(crate) state: SharedState,
    request: HttpRequest,
    authentication: Authentication,
    access_checked: Rc<Cell<bool>>,
    statements: StatementCounter,
}

/// The credential of a request, and the access that its route requires.
#[derive(Debug, Clone)]
struct Authentication {
    access: Access,
    credential: Option<Credential>,
}

impl Context {
    /// Returns the context of a request to a route that requires `access`.
    ///
    /// # Errors
    /// 401 without a credential where one is required, and for a malformed one.
    pub(crate) fn new(request: &HttpRequest, access: Access) -> Result<Self, Error> {
        let state =
            request.app_data::<SharedState>().expect("the application has its state").clone();
        let credential = Credential::of(request, &state, access)?;
        let access_checked = Rc::new(Cell::new(access == Access::Anyone));
        let authentication = Authentication { access, credential };
        let statements = StatementCounter::default();
        request.extensions_mut().insert(statements.clone());
        Ok(Self { state, request: request.clone(), authentication, access_checked, statements })
    }

    /// Runs work that changes nothing. It may run again if the connection was broken.
    ///
    /// # Errors
    /// 401 or 403 without the access that the route requires; the errors of `work`.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&mut ReadTransaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (state, authentication, statements) = self.begin();
        let work = move |conn: &mut Connection| {
            statements.counting(conn, |conn| {
                let caller = authentication.authenticate(conn, &state)?;
                work(&mut ReadTransaction::new(conn, &state, caller))
            })
        };
        self.state.database.request_read(self.cost(), work).await
    }

    /// As [`read`](Self::read), and renders the response, or returns a 304 if the client has it. If
    /// the query is expensive, it is rendered on the database's thread, so that it does not block a
    /// thread that serves requests.
    ///
    /// # Errors
    /// As for [`read`](Self::read), and those of rendering.
    pub(crate) async fn respond<R: Render + Send + 'static>(
        &self,
        work: impl Fn(&mut ReadTransaction<'_>) -> Result<R, Error> + Send + 'static,
    ) -> Result<Rendered, Error> {
        let known = IfNoneMatch::of(&self.request);
        if is_expensive(self.cost()) {
            self.read(move |tx| render(work(tx)?, known.as_ref())).await
        } else {
            render(self.read(work).await?, known.as_ref())
        }
    }

    /// As [`read`](Self::read), with all statements on one snapshot of the data.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub(crate) async fn snapshot<T: Send + 'static>(
        &self,
        work: impl Fn(&mut ReadTransaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (state, authentication, statements) = self.begin();
        let work = move |conn: &mut Connection| {
            statements.counting(conn, |conn| {
                conn.snapshot(|conn| {
                    let caller = authentication.authenticate(conn, &state)?;
                    work(&mut ReadTransaction::new(conn, &state, caller))
                })
            })
        };
        self.state.database.request_read(self.cost(), work).await
    }

    /// Runs work in a transaction as [`transaction`](Self::transaction) does, and renders its
    /// result. If the request has an idempotency key, the response is stored in the transaction; if
    /// the key has a response already, that is returned instead.
    ///
    /// # Errors
    /// As for [`transaction`](Self::transaction), and those of rendering; 400, 409 and 422 for
    /// idempotency keys.
    pub(crate) async fn write<R: Render + Send + 'static>(
        &self,
        work: impl Fn(&mut WriteTransaction<'_>) -> Result<R, Error> + Send + 'static,
    ) -> Result<Rendered, Error> {
        let Some(header) = IdempotencyKeyHeader::of(&self.request) else {
            return self.transaction(work).await?.render();
        };
        let work = move |tx: &mut WriteTransaction<'_>| {
            let (key, now) = (header.key()?, tx.now());
            if let Some(response) = replay::claim(tx, key, now)? {
                return Ok(response);
            }
            tx.count_write()?;
            let response = tx.run_with_if_match(&work)?.render()?;
            replay::store(tx, key, &response, now)?;
            Ok(response)
        };
        self.run(work).await
    }

    /// Runs work in a transaction: committed if it succeeds, rolled back if it fails. It may run
    /// again after a conflict with another transaction.
    ///
    /// Audit entries are stored in the same transaction and logged once it is committed.
    ///
    /// # Errors
    /// 401 or 403 without the access that the route requires; the errors of `work`.
    pub(crate) async fn transaction<T: Send + 'static>(
        &self,
        work: impl Fn(&mut WriteTransaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.run(move |tx| {
            tx.count_write()?;
            tx.run_with_if_match(&work)
        })
        .await
    }

    /// Runs work in a transaction, which counts the write and checks its condition itself.
    async fn run<T: Send + 'static>(
        &self,
        work: impl Fn(&mut WriteTransaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (state, authentication, statements) = self.begin();
        let origin = self.origin();
        let client = origin.client.clone();
        let if_match = IfMatch::of(&self.request);
        let is_counted = self.authentication.access.counts_writes();
        let has_run = AtomicBool::new(false);
        let work = move |conn: &mut Connection| {
            statements.counting(conn, |conn| {
                let caller = authentication.authenticate(conn, &state)?;
                let read = ReadTransaction::new(conn, &state, caller);
                let is_first_run = !has_run.swap(true, Ordering::Relaxed);
                let request = ChangeRequest {
                    origin: &origin,
                    if_match: if_match.as_ref(),
                    is_counted,
                    is_first_run,
                };
                let mut transaction = WriteTransaction::new(read, request);
                let value = work(&mut transaction)?;
                let effects = transaction.finish()?;
                Ok::<(T, Effects), Error>((value, effects))
            })
        };
        let (value, effects) = self.state.database.request_write(work).await?;
        effects.entries.iter().for_each(audit_log::log);
        if effects.mail_enqueued {
            self.state.mail.enqueued();
        }
        if effects.mail_requested {
            self.state.mail.requested();
        }
        if let (Some(quotas), Some(reserved)) = (&self.state.quotas, effects.reserved) {
            let ReservedCreations { user, unused, remaining, ends_at } = reserved;
            quotas.reserved(&client, user, [unused, remaining], ends_at, self.state.ids.now());
        }
        Ok(value)
    }

    /// Returns where the request comes from.
    pub(crate) fn origin(&self) -> RequestOrigin {
        RequestOrigin::of(&self.request)
    }

    /// Returns an audit entry about this request.
    pub(crate) fn audit_entry(&self, action: AuditAction) -> AuditEntry {
        self.origin().entry(&*self.state.ids, action)
    }

    /// Adds an audit entry about an administrator who has read the accounts of others, one account
    /// (`subject`) or the audit log: once an hour for each.
    pub(crate) fn audit_reading(&self, action: AuditAction, subject: Option<UserId>) {
        let reader = self.request.extensions().get::<ResolvedUser>().and_then(ResolvedUser::user);
        let Some(reader) = reader else { return };
        let what = subject.map_or_else(|| action.to_string(), |subject| subject.to_string());
        if self.state.throttle.should_audit_reading(reader, &what) {
            let mut entry = self.audit_entry(action);
            (entry.actor_uid, entry.subject_uid) = (Some(reader), subject);
            self.state.audit(entry);
        }
    }

    /// Returns a flag that becomes true when the handler opens a transaction, which checks the
    /// access.
    pub(crate) fn access_checked(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.access_checked)
    }

    /// Returns the cost of the request's query, which selects the threads that read.
    fn cost(&self) -> Cost {
        self.request.extensions().get::<QueryCost>().map_or_else(Cost::default, |cost| cost.0)
    }

    fn begin(&self) -> (SharedState, Authentication, StatementCounter) {
        self.access_checked.set(true);
        (self.state.clone(), self.authentication.clone(), self.statements.clone())
    }
}

impl Authentication {
    /// Returns the caller, or `None` for an anonymous request.
    fn authenticate(&self, conn: &mut Connection, state: &State) -> Result<Option<Caller>, Error> {
        let Some(credential) = &self.credential else { return Ok(None) };
        let caller = credential.resolve(conn, state)?;
        self.access.check(&caller, credential.scope(), state.ids.now())?;
        Ok(Some(caller))
    }
}

/// Renders a value, or returns a 304 if the client has the response.
fn render<R: Render>(value: R, known: Option<&IfNoneMatch>) -> Result<Rendered, Error> {
    match known.zip(value.tag()).and_then(|(known, tag)| known.find(tag)) {
        Some(tag) => Ok(Rendered::not_modified(tag)),
        None => value.render(),
    }
}
