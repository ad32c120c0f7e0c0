//! Mails that requests ask for: put into the outbox by the transaction that needs them.

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use recto_domain::{
    Account, AuditAction, EmailRequest, MailId, MailKind, MailedPurpose, MailedTokenId, User,
    Verification,
};
use recto_persistence::Connection;
use recto_persistence::identity::{account, mailed, outbox};
use recto_relations::{Entities, Include};

use super::Accounts;
use crate::extract::{Body, NoQuery, RequestOrigin};
use crate::present;
use crate::problem::Problem;
use crate::state::{Shared, State};

/// Puts a mail into the outbox, with a link if it is of that kind. Whoever
/// calls this wakes the worker when it is kept.
pub(crate) fn enqueue(
    conn: &mut Connection,
    state: &State,
    account: &Account,
    kind: MailKind,
) -> Result<(), Problem> {
    let now = state.ids.now();
    let token = match kind.purpose() {
        None => None,
        Some(purpose) => Some(token(conn, state, account, purpose, now)?),
    };
    let id = MailId::from_uuid(state.ids.new_id().uid());
    let (user, recipient) = (account.user_uid, &account.email);
    outbox::enqueue(conn, &outbox::NewMail { id, user, kind, token, recipient, at: now })?;
    Ok(())
}

/// The token of a link. As long as the one before is young it is mailed again: otherwise anybody
/// could make an owner's link void, again and again, by asking for another.
fn token(
    conn: &mut Connection,
    state: &State,
    account: &Account,
    purpose: MailedPurpose,
    now: DateTime<Utc>,
) -> Result<MailedTokenId, Problem> {
    let user = account.user_uid;
    if let Some(young) = mailed::issued_since(conn, user, purpose, now - purpose.lifetime() / 2)? {
        return Ok(young);
    }
    let id = MailedTokenId::from_uuid(state.ids.new_id().uid());
    let hash = state.mailed_tokens.hash(id);
    mailed::issue(conn, &mailed::NewMailedToken { id, user, purpose, hash, at: now })?;
    Ok(id)
}

/// `POST /auth/verify-request`: another link, for an account that is there
/// and not verified. The answer does not tell whether it is.
pub(crate) async fn verify_request(
    state: Shared,
    witness: RequestOrigin,
    _: NoQuery,
    body: Body<EmailRequest>,
) -> Result<HttpResponse, Problem> {
    let wants = |account: &Account| !account.verified;
    request(state, witness, body, MailKind::Verification, wants).await
}

/// `POST /auth/password-reset-request`
pub(crate) async fn reset_request(
    state: Shared,
    witness: RequestOrigin,
    _: NoQuery,
    body: Body<EmailRequest>,
) -> Result<HttpResponse, Problem> {
    request(state, witness, body, MailKind::PasswordReset, |_| true).await
}

async fn request(
    state: Shared,
    witness: RequestOrigin,
    body: Body<EmailRequest>,
    kind: MailKind,
    wants: impl Fn(&Account) -> bool + Send + 'static,
) -> Result<HttpResponse, Problem> {
    let email = body.checked()?.email;
    state.throttle.mail(&witness.client)?;
    if !state.throttle.may_be_mailed(&email) {
        // To ask for more would be to fill somebody's mailbox; the answer does not tell.
        return Ok(HttpResponse::Accepted().finish());
    }
    let shared = state.clone();
    let enqueued = state
        .database
        .write(move |conn| {
            let found = account::by_email(conn, &email)?;
            let found = found.filter(|(account, _)| !account.disabled && wants(account));
            let Some((account, _)) = found else { return Ok(false) };
            enqueue(conn, &shared, &account, kind)?;
            Ok::<_, Problem>(true)
        })
        .await?;
    if enqueued {
        state.mail.enqueued();
    }
    Ok(HttpResponse::Accepted().finish())
}

/// `POST /auth/verify`: spends the token of a link.
pub(crate) async fn verify(
    state: Shared,
    witness: RequestOrigin,
    _: NoQuery,
    body: Body<Verification>,
) -> Result<HttpResponse, Problem> {
    let hash = body.checked()?.token.hash();
    let shared = state.clone();
    let (level, accounts) = state
        .write_noting(move |conn, entries| {
            let now = shared.ids.now();
            let user = mailed::spend(conn, MailedPurpose::Verify, &hash, now)?
                .ok_or_else(|| Problem::not_found("token: it is used, expired or replaced"))?;
            if account::set_verified(conn, user, now)? {
                let mut entry = witness.entry(&shared, AuditAction::EmailVerified);
                entry.subject_uid = Some(user);
                entries.push(entry);
            }
            let level: Entities<recto_domain::User> = conn
                .find::<User>(user, &Include::nothing())?
                .ok_or_else(|| Problem::not_found("user"))?;
            let accounts = Accounts::of(conn, &level)?;
            Ok((level, accounts))
        })
        .await?;
    let status = actix_web::http::StatusCode::OK;
    present::item_beside(status, &level, &Include::nothing(), &|index| accounts.beside(index))
}
