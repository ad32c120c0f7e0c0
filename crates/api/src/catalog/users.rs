//! Users: public profiles, with their accounts for those who may see them.

use chrono::{DateTime, Utc};
use recto_domain::{
    Account, AuditAction, AuditDetail, Disabling, MailDetail, MailKind, ReviewsOnDeletion,
    RoleChange, User, UserId, UserPatch,
};
use recto_persistence::identity::account;
use recto_persistence::{Connection, write};

use crate::context::{Context, WriteTransaction};
use crate::error::Error;
use crate::extract::{All, Body, ItemQuery, PageQuery, PathKey};
use crate::identity::account_fields;
use crate::problem::{Problem, ProblemType};
use crate::response::{Item, NoContent, Page, Render as _, Rendered};
use recto_identity::access::may;

/// `GET /users`
pub(crate) async fn page(ctx: Context, query: PageQuery<User, All>) -> Result<Page<User>, Error> {
    let page = ctx.snapshot(move |tx| {
        let page = tx.page(&query)?;
        let accounts = account_fields::of(tx, page.entities())?;
        Ok(page.with_extra(accounts))
    });
    let page = page.await?;
    ctx.audit_reading(AuditAction::AccountsRead, None);
    Ok(page)
}

/// `GET /users/{uid}`: the public profile, with the account for its owner and administrators.
pub(crate) async fn item(
    ctx: Context,
    key: PathKey<User>,
    query: ItemQuery<User>,
) -> Result<Rendered, Error> {
    let user = key.0;
    let read = ctx.read(move |tx| {
        let item = tx.item(user, &query.include)?.with_fields(&query.fields);
        match tx.optional_caller().cloned() {
            Some(caller) if may::see_account(&caller, user) => {
                Ok((account_fields::with(tx, item)?.render()?, caller.user_uid != user))
            }
            Some(_) | None => Ok((item.render()?, false)),
        }
    });
    let (rendered, of_another) = read.await?;
    if of_another {
        ctx.audit_reading(AuditAction::AccountsRead, Some(user));
    }
    Ok(rendered)
}

/// `PATCH /users/{uid}`
pub(crate) async fn patch(
    ctx: Context,
    key: PathKey<User>,
    body: Body<UserPatch>,
) -> Result<Rendered, Error> {
    change_profile(ctx, body, move |tx| tx.target(key.0)).await
}

/// Changes the profile of the user that `find` locks.
///
/// # Errors
/// The errors of `find`; 403 if the caller may not change the profile; an invalid body.
pub(crate) async fn change_profile(
    ctx: Context,
    body: Body<UserPatch>,
    find: impl Fn(&mut WriteTransaction<'_>) -> Result<User, Error> + Send + 'static,
) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let user = find(tx)?;
        may::edit_profile(tx.caller()?, &user)?;
        let (patch, now) = (body.checked_for(&user)?, tx.now());
        let before = user.clone();
        let user = write::change(tx, user, patch, now)?;
        if let Some(changes) = profile_changes(&before, &user) {
            tx.audit(AuditAction::ProfileChanged).detail =
                AuditDetail::parse_existing(&changes).ok();
        }
        account_fields::with(tx, Item::alone(user))
    })
    .await
}

/// Describes the changes of a profile, for the audit log; `None` if there are none.
fn profile_changes(before: &User, after: &User) -> Option<String> {
    let mut changes = Vec::new();
    if before.username != after.username {
        changes.push(format!("username from {} to {}", before.username, after.username));
    }
    if before.first_name != after.first_name {
        changes.push("first name".to_owned());
    }
    if before.last_name != after.last_name {
        changes.push("last name".to_owned());
    }
    (!changes.is_empty()).then(|| changes.join(", "))
}

/// `DELETE /users/{uid}`. Books and reviews stay.
pub(crate) async fn delete(ctx: Context, key: PathKey<User>) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        tx.target_to_delete::<User>(key.0)?;
        account::delete(tx, key.0, ReviewsOnDeletion::Keep)?;
        tx.audit(AuditAction::AccountDeleted).subject_uid = Some(key.0);
        Ok(NoContent)
    })
    .await
}

/// `PUT /users/{uid}/role`
pub(crate) async fn set_role(
    ctx: Context,
    key: PathKey<User>,
    body: Body<RoleChange>,
) -> Result<Rendered, Error> {
    change_account(ctx, key.0, move |conn, account, at| {
        let RoleChange { role } = body.checked()?;
        if role == account.role {
            return Ok(None);
        }
        account::set_role(conn, account, role, at)?;
        let detail = format!("{} to {role}", account.role);
        Ok(Some((AuditAction::RoleChanged, MailKind::RoleChanged, Some(detail))))
    })
    .await
}

/// `PUT /users/{uid}/disabled`. Disabling ends the sessions; API keys are refused meanwhile.
pub(crate) async fn set_disabled(
    ctx: Context,
    key: PathKey<User>,
    body: Body<Disabling>,
) -> Result<Rendered, Error> {
    change_account(ctx, key.0, move |conn, account, at| {
        let Disabling { disabled } = body.checked()?;
        if disabled == account.disabled {
            return Ok(None);
        }
        account::set_disabled(conn, account.user_uid, disabled, at)?;
        Ok(Some(if disabled {
            (AuditAction::AccountDisabled, MailKind::AccountDisabled, None)
        } else {
            (AuditAction::AccountEnabled, MailKind::AccountEnabled, None)
        }))
    })
    .await
}

/// The audit entry and the notice of a change, and their detail; `None` if nothing changed.
type AuditedChange = Option<(AuditAction, MailKind, Option<String>)>;

/// Changes an account, for an administrator.
async fn change_account(
    ctx: Context,
    user: UserId,
    change: impl Fn(&mut Connection, &Account, DateTime<Utc>) -> Result<AuditedChange, Error>
    + Send
    + 'static,
) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let user = tx.target::<User>(user)?;
        let account = account::of_user(tx, user.uid)?
            .ok_or_else(|| Problem::new(ProblemType::NotFound, "the user has no account"))?;
        let now = tx.now();
        let Some((action, notice, detail)) = change(tx, &account, now)? else {
            return account_fields::with(tx, Item::alone(user));
        };
        let entry = tx.audit(action);
        entry.subject_uid = Some(user.uid);
        entry.detail = detail.as_deref().and_then(|detail| AuditDetail::parse(detail).ok());
        let detail = detail.as_deref().and_then(|detail| MailDetail::parse(detail).ok());
        tx.notify(&account, notice, detail.as_ref())?;
        // The change has incremented the version.
        let user = tx.get::<User>(user.uid)?;
        account_fields::with(tx, Item::alone(user))
    })
    .await
}
