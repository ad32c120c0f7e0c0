//! Another password, by who knows the present one or holds a mailed token.

use actix_web::HttpResponse;
use recto_domain::{
    Account, AuditAction, MailKind, MailedPurpose, PasswordAttempt, PasswordChange, PasswordReset,
    SecretHash, User, UserId, Violations,
};
use recto_persistence::Connection;
use recto_persistence::identity::account::{self, PasswordHash};
use recto_persistence::identity::{key, mailed};
use recto_relations::Include;

use super::mailing;
use crate::extract::{Body, Caller, NoQuery, RequestOrigin};
use crate::present;
use crate::problem::{Problem, ProblemType};
use crate::state::Shared;

/// `PUT /auth/password`: by who has signed in and knows the present one. All
/// other sessions end.
pub(crate) async fn change(
    state: Shared,
    caller: Caller,
    witness: RequestOrigin,
    _: NoQuery,
    body: Body<PasswordChange>,
) -> Result<HttpResponse, Problem> {
    let asking = caller.clone();
    let (user, account, stored) = state
        .database
        .read(move |conn| {
            let (account, _) = asking.in_person(conn)?;
            let (user, stored) = credentials(conn, account.user_uid)?;
            Ok::<_, Problem>((user, account, stored))
        })
        .await?;
    let PasswordChange { current_password, new_password } = body.checked()?;
    new_password
        .check_against(user.names(), &account.email)
        .map_err(|invalid| Violations::from(invalid).under("new_password"))?;
    confirm(&state, &witness, &account, &current_password, &stored).await?;
    let hash = state.hasher.hash(&new_password).await?;
    let shared = state.clone();
    state
        .write_noting(move |conn, entries| {
            let (account, session) = caller.in_person(conn)?;
            let (user, now) = (account.user_uid, shared.ids.now());
            let changed =
                account::set_password(conn, user, &hash, Some(&stored), Some(session), now)?;
            if !changed {
                return Err(wrong_password());
            }
            mailing::enqueue(conn, &shared, &account, MailKind::PasswordChanged)?;
            let mut entry = witness.entry(&shared, AuditAction::PasswordChanged);
            entry.actor_uid = Some(user);
            entries.push(entry);
            Ok(())
        })
        .await?;
    state.mail.enqueued();
    Ok(present::no_content())
}

/// `POST /auth/password-reset-confirm`: by who holds the token of a link. All
/// sessions end, and all API keys are revoked. A failed try does not spend the token.
pub(crate) async fn reset(
    state: Shared,
    witness: RequestOrigin,
    _: NoQuery,
    body: Body<PasswordReset>,
) -> Result<HttpResponse, Problem> {
    let PasswordReset { token, new_password, .. } = body.checked()?;
    let token: SecretHash = token.hash();
    let now = state.ids.now();
    let (user, account) = state
        .database
        .read(move |conn| {
            let holder = mailed::look(conn, MailedPurpose::Reset, &token, now)?;
            let holder = holder.ok_or_else(no_such_token)?;
            let account = account::of_user(conn, holder)?;
            let account = account.filter(|one| !one.disabled).ok_or_else(no_such_token)?;
            let (user, _) = credentials(conn, holder)?;
            Ok::<_, Problem>((user, account))
        })
        .await?;
    new_password
        .check_against(user.names(), &account.email)
        .map_err(|invalid| Violations::from(invalid).under("new_password"))?;
    let hash = state.hasher.hash(&new_password).await?;
    let shared = state.clone();
    state
        .write_noting(move |conn, entries| {
            let now = shared.ids.now();
            let spent = mailed::spend(conn, MailedPurpose::Reset, &token, now)?;
            let user = spent.ok_or_else(no_such_token)?;
            account::set_password(conn, user, &hash, None, None, now)?;
            // Whoever had got in may have left a way back.
            key::delete_all(conn, user)?;
            mailing::enqueue(conn, &shared, &account, MailKind::PasswordChanged)?;
            let mut entry = witness.entry(&shared, AuditAction::PasswordReset);
            entry.subject_uid = Some(user);
            entries.push(entry);
            Ok(())
        })
        .await?;
    state.mail.enqueued();
    Ok(present::no_content())
}

/// Somebody who has signed in shows to know the password as well. Failing at
/// it counts as failing to sign in.
pub(crate) async fn confirm(
    state: &Shared,
    witness: &RequestOrigin,
    account: &Account,
    attempt: &PasswordAttempt,
    stored: &PasswordHash,
) -> Result<(), Problem> {
    let counted = match state.throttle.sign_in(&witness.client, Some(&account.email)) {
        Ok(counted) => counted,
        Err(refusal) => {
            super::auth::note_throttling(state, witness).await;
            return Err(refusal);
        }
    };
    let judged = state.hasher.verify(attempt, Some(stored)).await;
    if !matches!(judged, Ok(false)) {
        // It was right, or could not be judged.
        counted.give_back();
        judged?;
        return Ok(());
    }
    let mut entry = witness.entry(state, AuditAction::SignInFailed);
    entry.subject_uid = Some(account.user_uid);
    state.note(entry).await;
    Err(wrong_password())
}

/// A user, and what its password is checked against.
pub(crate) fn credentials(
    conn: &mut Connection,
    user: UserId,
) -> Result<(User, PasswordHash), Problem> {
    let gone = || Problem::invalid_token("the account of this token is gone");
    let (_, hash) = account::with_password(conn, user)?.ok_or_else(gone)?;
    let level = conn.find::<User>(user, &Include::nothing())?;
    let user = level.and_then(|level| level.into_vec().pop()).ok_or_else(gone)?;
    Ok((user, hash))
}

fn wrong_password() -> Problem {
    Problem::new(ProblemType::WrongPassword, "that is not the password of this account")
}

fn no_such_token() -> Problem {
    Problem::not_found("token: it is used, expired or replaced")
}
