//! The caller: what there is to know, to take along, and to leave behind.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use recto_domain::{
    AccountDeletion, ApiKey, AuditAction, AuditEntry, Book, Review, Session, User, UserBooks,
    UserId, UserReviews,
};
use recto_persistence::identity::{Listed, account, audit, key, session};
use recto_persistence::{Connection, Error, MappedMany, PageRequest, Recto};
use recto_relations::{Entity as _, Include, KeysetPosition, Sort};
use serde::Serialize;

use super::{Accounts, passwords};
use crate::extract::{Body, Caller, NoQuery, RequestOrigin};
use crate::present;
use crate::problem::{Problem, ProblemType};
use crate::state::Shared;

/// `GET /auth/me`: the caller, with account, books and reviews.
pub(crate) async fn me(state: Shared, caller: Caller, _: NoQuery) -> Result<HttpResponse, Problem> {
    let include = Include::parse(User::INFO, "books,reviews")
        .map_err(|error| Problem::new(ProblemType::Internal, error.to_string()))?;
    let (level, accounts, include) = state
        .database
        .read(move |conn| {
            conn.snapshot(|conn| {
                let account = caller.account(conn)?;
                let level = conn
                    .find::<User>(account.user_uid, &include)?
                    .ok_or_else(|| Problem::not_found("user"))?;
                let accounts = Accounts::of(conn, &level)?;
                Ok::<_, Problem>((level, accounts, include.clone()))
            })
        })
        .await?;
    present::item_beside(StatusCode::OK, &level, &include, &|index| accounts.beside(index))
}

/// `DELETE /auth/me`: the account and all that is its alone. Books stay
/// without a user; of the reviews the caller decides.
pub(crate) async fn leave(
    state: Shared,
    caller: Caller,
    witness: RequestOrigin,
    _: NoQuery,
    body: Body<AccountDeletion>,
) -> Result<HttpResponse, Problem> {
    let asking = caller.clone();
    let (account, stored) = state
        .database
        .read(move |conn| {
            let (account, _) = asking.in_person(conn)?;
            let (_, stored) = passwords::credentials(conn, account.user_uid)?;
            Ok::<_, Problem>((account, stored))
        })
        .await?;
    let AccountDeletion { password, reviews } = body.checked()?;
    passwords::confirm(&state, &witness, &account, &password, &stored).await?;
    let shared = state.clone();
    state
        .write_noting(move |conn, entries| {
            let (account, _) = caller.in_person(conn)?;
            account::delete(conn, account.user_uid, reviews)?;
            let mut entry = witness.entry(&shared, AuditAction::AccountDeleted);
            entry.actor_uid = Some(account.user_uid);
            entry.subject_uid = Some(account.user_uid);
            entries.push(entry);
            Ok(())
        })
        .await?;
    Ok(present::no_content())
}

/// Everything that belongs to a user.
#[derive(Serialize)]
struct Export {
    user: User,
    account: recto_domain::Account,
    books: Vec<Book>,
    reviews: Vec<Review>,
    sessions: Vec<Session>,
    api_keys: Vec<ApiKey>,
    audit: Vec<AuditEntry>,
}

/// `GET /auth/me/export`
pub(crate) async fn export(
    state: Shared,
    caller: Caller,
    witness: RequestOrigin,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    let now = state.ids.now();
    let export = state
        .database
        .read(move |conn| {
            conn.snapshot(|conn| {
                let (account, current) = caller.in_person(conn)?;
                let user = account.user_uid;
                let (own, _) = passwords::credentials(conn, user)?;
                let filter = audit::AuditFilter { action: None, user: Some(user) };
                Ok::<_, Problem>(Export {
                    user: own,
                    books: all_related::<UserBooks>(conn, user)?,
                    reviews: all_related::<UserReviews>(conn, user)?,
                    sessions: all(
                        |after| session::page(conn, user, Some(current), after, CHUNK, now),
                        |session| session.id,
                    )?,
                    api_keys: all(|after| key::page(conn, user, after, CHUNK), |key| key.id)?,
                    audit: told_to(
                        user,
                        all(|after| audit::page(conn, &filter, after, CHUNK), |entry| entry.id)?,
                    ),
                    account,
                })
            })
        })
        .await?;
    let mut entry = witness.entry(&state, AuditAction::AccountExported);
    entry.actor_uid = Some(export.user.uid);
    state.note(entry).await;
    let mut response = present::document(StatusCode::OK, &export)?;
    let name = header::HeaderValue::from_static("attachment; filename=\"recto-export.json\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// Entries as the user may have them: where somebody else was who did something to the account is
/// not the user's to know.
fn told_to(user: UserId, mut entries: Vec<AuditEntry>) -> Vec<AuditEntry> {
    for entry in &mut entries {
        if entry.actor_uid != Some(user) {
            entry.address = None;
            entry.request_id = None;
        }
    }
    entries
}

/// How many rows are read at a time.
const CHUNK: u32 = 500;

fn all_related<R>(conn: &mut Connection, user: UserId) -> Result<Vec<R::To>, Problem>
where
    R: MappedMany<Recto, From = User>,
{
    let mut entities: Vec<R::To> = Vec::new();
    loop {
        let after =
            entities.last().map(|last| KeysetPosition { values: Vec::new(), key: last.key() });
        let page_request = PageRequest { limit: CHUNK, sort: Sort::default(), after };
        let page = conn.related::<R>(user, &page_request, &Include::nothing())?;
        let Some(page) = page else { return Ok(entities) };
        entities.extend(page.entities.into_vec());
        if !page.more {
            return Ok(entities);
        }
    }
}

fn all<T, K>(
    mut page: impl FnMut(Option<K>) -> Result<Listed<T>, Error>,
    key: impl Fn(&T) -> K,
) -> Result<Vec<T>, Problem> {
    let mut items: Vec<T> = Vec::new();
    loop {
        let listed = page(items.last().map(&key))?;
        items.extend(listed.items);
        if !listed.more {
            return Ok(items);
        }
    }
}
