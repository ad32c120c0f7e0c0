//! The caller's own account: shown, exported and deleted.

use std::sync::Arc;

use recto_domain::{
    Account, AccountDeletion, ApiKey, AuditAction, AuditEntry, Book, Review, Session, User,
    UserBooks, UserId, UserReviews,
};
use recto_persistence::identity::{Listed, account, api_key, audit, session};
use recto_persistence::{Connection, MappedMany, PageRequest, Recto};
use recto_relations::{Entity as _, Include, KeysetPosition, Sort};
use serde::Serialize;
use utoipa::ToSchema;

use super::{accounts, passwords};
use crate::answer::{Download, Item, NoContent};
use crate::context::{Context, ReadTransaction};
use crate::error::Error;
use crate::extract::Body;

/// `GET /auth/me`: the caller, with account, books and reviews.
pub(crate) async fn me(ctx: Context) -> Result<Item<User>, Error> {
    let include = Include::nothing()
        .with::<UserBooks>(20, Include::nothing())
        .with::<UserReviews>(20, Include::nothing());
    let include = Arc::new(include);
    ctx.snapshot(move |tx| {
        let user = tx.item(tx.caller()?.user_uid, &include)?;
        accounts::with(tx, user)
    })
    .await
}

/// `DELETE /auth/me`. Books stay without a user; the caller decides about the reviews.
pub(crate) async fn delete(ctx: Context, body: Body<AccountDeletion>) -> Result<NoContent, Error> {
    let credentials = passwords::of_caller(&ctx).await?;
    let AccountDeletion { password, reviews } = body.checked()?;
    passwords::confirm(&ctx, &credentials, &password).await?;
    ctx.write(move |tx| {
        let user = tx.caller()?.user_uid;
        account::delete(tx, user, reviews)?;
        tx.audit(AuditAction::AccountDeleted).subject_uid = Some(user);
        Ok(NoContent)
    })
    .await
}

/// Everything that belongs to an account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Export {
    user: User,
    account: Account,
    books: Vec<Book>,
    reviews: Vec<Review>,
    sessions: Vec<Session>,
    api_keys: Vec<ApiKey>,
    audit: Vec<AuditEntry>,
}

/// `GET /auth/me/export`
pub(crate) async fn export(ctx: Context) -> Result<Download<Export>, Error> {
    let value = ctx.snapshot(collect).await?;
    let mut entry = ctx.audit_entry(AuditAction::AccountExported);
    entry.actor_uid = Some(value.user.uid);
    ctx.state.audit(entry).await;
    Ok(Download { value, file_name: "recto-export.json" })
}

fn collect(tx: &mut ReadTransaction<'_>) -> Result<Export, Error> {
    let (account, current, now) = (tx.caller()?.clone(), tx.session()?, tx.now());
    let user = account.user_uid;
    let about_user = audit::AuditFilter { action: None, user: Some(user) };
    Ok(Export {
        user: tx.get::<User>(user)?,
        books: all_related::<UserBooks>(tx, user)?,
        reviews: all_related::<UserReviews>(tx, user)?,
        sessions: all(
            |after| session::page(tx, user, Some(current), after, CHUNK, now),
            |session| session.id,
        )?,
        api_keys: all(|after| api_key::page(tx, user, after, CHUNK), |key| key.id)?,
        audit: without_origins_of_others(
            user,
            all(|after| audit::page(tx, &about_user, after, CHUNK), |entry| entry.id)?,
        ),
        account,
    })
}

/// Removes the address and request of entries by others, such as an administrator.
fn without_origins_of_others(user: UserId, mut entries: Vec<AuditEntry>) -> Vec<AuditEntry> {
    for entry in &mut entries {
        if entry.actor_uid != Some(user) {
            entry.address = None;
            entry.request_id = None;
        }
    }
    entries
}

/// The number of rows that are read at a time.
const CHUNK: u32 = 500;

fn all_related<R>(conn: &mut Connection, user: UserId) -> Result<Vec<R::To>, Error>
where
    R: MappedMany<Recto, From = User>,
{
    let mut entities: Vec<R::To> = Vec::new();
    loop {
        let after =
            entities.last().map(|last| KeysetPosition { values: Vec::new(), key: last.key() });
        let request = PageRequest { limit: CHUNK, sort: Sort::default(), after };
        let page = conn.related::<R>(user, &request, &Include::nothing())?;
        let Some(page) = page else { return Ok(entities) };
        entities.extend(page.entities.into_vec());
        if !page.more {
            return Ok(entities);
        }
    }
}

fn all<T, K>(
    mut page: impl FnMut(Option<K>) -> Result<Listed<T>, recto_persistence::Error>,
    key: impl Fn(&T) -> K,
) -> Result<Vec<T>, Error> {
    let mut items: Vec<T> = Vec::new();
    loop {
        let listed = page(items.last().map(&key))?;
        items.extend(listed.items);
        if !listed.more {
            return Ok(items);
        }
    }
}
