//! Users: public profiles, with their accounts for those who may see them.

use chrono::{DateTime, Utc};
use recto_domain::{
    Account, AuditAction, AuditDetail, Disabling, ReviewsFate, RoleChange, User, UserId, UserPatch,
};
use recto_persistence::identity::account;
use recto_persistence::{Connection, write};
use recto_relations::Entity as _;

use crate::answer::{Item, NoContent, Page};
use crate::context::Context;
use crate::error::Error;
use crate::extract::{All, Body, ItemQuery, PageQuery, PathKey};
use crate::identity::accounts;
use crate::problem::Problem;
use recto_identity::access::may;

/// `GET /users`
pub(crate) async fn page(ctx: Context, query: PageQuery<User, All>) -> Result<Page<User>, Error> {
    ctx.snapshot(move |tx| {
        let page = tx.page(&query)?;
        let accounts = accounts::of(tx, page.entities())?;
        Ok(page.with_extra(accounts))
    })
    .await
}

/// `GET /users/{uid}`: the public profile, with the account for its owner and administrators.
pub(crate) async fn item(
    ctx: Context,
    key: PathKey<User>,
    query: ItemQuery<User>,
) -> Result<Item<User>, Error> {
    ctx.read(move |tx| {
        let item = tx.item(key.0, &query.include)?;
        match tx.optional_caller() {
            Some(caller) if may::see_account(caller, key.0) => accounts::with(tx, item),
            Some(_) | None => Ok(item),
        }
    })
    .await
}

/// `PATCH /users/{uid}`
pub(crate) async fn patch(
    ctx: Context,
    key: PathKey<User>,
    body: Body<UserPatch>,
) -> Result<Item<User>, Error> {
    ctx.write(move |tx| {
        let user = tx.locked::<User>(key.0)?;
        may::edit_profile(tx.caller()?, &user)?;
        let now = tx.now();
        let user = write::change(tx, user, body.checked()?, now)?;
        accounts::with(tx, Item::alone(user))
    })
    .await
}

/// `DELETE /users/{uid}`. Books and reviews stay.
pub(crate) async fn delete(ctx: Context, key: PathKey<User>) -> Result<NoContent, Error> {
    ctx.write(move |tx| {
        if !account::delete(tx, key.0, ReviewsFate::Keep)? {
            return Err(Problem::no_such(User::INFO).into());
        }
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
) -> Result<Item<User>, Error> {
    change_account(ctx, key.0, move |conn, account, at| {
        let RoleChange { role } = body.checked()?;
        if role == account.role {
            return Ok(None);
        }
        account::set_role(conn, account, role, at)?;
        let detail = format!("{} to {role}", account.role);
        Ok(Some((AuditAction::RoleChanged, AuditDetail::parse(&detail).ok())))
    })
    .await
}

/// `PUT /users/{uid}/disabled`. Disabling ends the sessions; API keys are refused meanwhile.
pub(crate) async fn set_disabled(
    ctx: Context,
    key: PathKey<User>,
    body: Body<Disabling>,
) -> Result<Item<User>, Error> {
    change_account(ctx, key.0, move |conn, account, at| {
        let Disabling { disabled } = body.checked()?;
        if disabled == account.disabled {
            return Ok(None);
        }
        account::set_disabled(conn, account.user_uid, disabled, at)?;
        let action =
            if disabled { AuditAction::AccountDisabled } else { AuditAction::AccountEnabled };
        Ok(Some((action, None)))
    })
    .await
}

/// The audit entry of a change; `None` if nothing changed.
type AuditedChange = Option<(AuditAction, Option<AuditDetail>)>;

/// Changes an account, for an administrator.
async fn change_account(
    ctx: Context,
    user: UserId,
    change: impl Fn(&mut Connection, &Account, DateTime<Utc>) -> Result<AuditedChange, Error>
    + Send
    + 'static,
) -> Result<Item<User>, Error> {
    ctx.write(move |tx| {
        let user = tx.locked::<User>(user)?;
        let account = account::of_user(tx, user.uid)?
            .ok_or_else(|| Problem::not_found("account: the user has none"))?;
        let now = tx.now();
        if let Some((action, detail)) = change(tx, &account, now)? {
            let entry = tx.audit(action);
            entry.subject_uid = Some(user.uid);
            entry.detail = detail;
        }
        accounts::with(tx, Item::alone(user))
    })
    .await
}
