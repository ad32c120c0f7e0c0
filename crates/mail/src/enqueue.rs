//! Adding mails to the outbox.

use chrono::{DateTime, Utc};
use recto_domain::{
    Account, Email, IdGenerator, MailDetail, MailId, MailKind, MailedPurpose, MailedTokenId,
};
use recto_identity::mailed_token::MailedTokens;
use recto_persistence::identity::mailed_token::{self, NewMailedToken};
use recto_persistence::identity::outbox::{self, NewMail};
use recto_persistence::{Connection, Error};

/// Adds a mail to the outbox, with a link if its kind has one. The worker sends it once the
/// transaction is committed.
///
/// # Errors
/// A database error.
pub fn enqueue(
    conn: &mut Connection,
    ids: &dyn IdGenerator,
    tokens: &MailedTokens,
    account: &Account,
    kind: MailKind,
) -> Result<(), Error> {
    let now = ids.now();
    let token = match kind.purpose() {
        None => None,
        Some(purpose) => Some(token(conn, ids, tokens, account, purpose, now)?),
    };
    let id = MailId::from_uuid(ids.new_id().uid());
    let (user, recipient) = (account.user_uid, &account.email);
    outbox::enqueue(conn, &NewMail { id, user, kind, token, recipient, detail: None, at: now })
}

/// Adds a notice to the outbox, with its detail, and returns `true`; `false` if the address of
/// the account is not verified, since it may belong to another person.
///
/// # Errors
/// A database error.
pub fn enqueue_notice(
    conn: &mut Connection,
    ids: &dyn IdGenerator,
    account: &Account,
    kind: MailKind,
    detail: Option<&MailDetail>,
) -> Result<bool, Error> {
    if !account.verified {
        return Ok(false);
    }
    let id = MailId::from_uuid(ids.new_id().uid());
    let (user, recipient) = (account.user_uid, &account.email);
    let at = ids.now();
    outbox::enqueue(conn, &NewMail { id, user, kind, token: None, recipient, detail, at })?;
    Ok(true)
}

/// Adds the mail for a change of the e-mail address to the outbox, with a link, to the new address.
/// It replaces an earlier link.
///
/// # Errors
/// A database error.
pub fn enqueue_email_change(
    conn: &mut Connection,
    ids: &dyn IdGenerator,
    tokens: &MailedTokens,
    account: &Account,
    new_email: &Email,
) -> Result<(), Error> {
    let (user, at) = (account.user_uid, ids.now());
    let id = MailedTokenId::from_uuid(ids.new_id().uid());
    let (purpose, hash) = (MailedPurpose::ChangeEmail, tokens.hash(id));
    let new = NewMailedToken { id, user, purpose, hash, at };
    mailed_token::issue_email_change(conn, &new, new_email)?;
    let (kind, token) = (MailKind::EmailChange, Some(id));
    let id = MailId::from_uuid(ids.new_id().uid());
    let recipient = new_email;
    outbox::enqueue(conn, &NewMail { id, user, kind, token, recipient, detail: None, at })
}

/// Returns the token for a link. The last one is reused during half of its lifetime, so that
/// nobody can invalidate an owner's link by requesting another.
fn token(
    conn: &mut Connection,
    ids: &dyn IdGenerator,
    tokens: &MailedTokens,
    account: &Account,
    purpose: MailedPurpose,
    now: DateTime<Utc>,
) -> Result<MailedTokenId, Error> {
    let user = account.user_uid;
    if let Some(recent) =
        mailed_token::issued_since(conn, user, purpose, now - purpose.lifetime() / 2)?
    {
        return Ok(recent);
    }
    let id = MailedTokenId::from_uuid(ids.new_id().uid());
    let hash = tokens.hash(id);
    mailed_token::issue(conn, &NewMailedToken { id, user, purpose, hash, at: now })?;
    Ok(id)
}
