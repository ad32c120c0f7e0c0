//! Users: public profiles, and accounts beside them for those who may see them.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use chrono::{DateTime, Utc};
use recto_domain::{
    Account, AuditAction, AuditDetail, Disabling, ReviewsFate, Role, RoleChange, User, UserId,
    UserPatch,
};
use recto_persistence::identity::account;
use recto_persistence::{Connection, write};
use recto_relations::{Entities, Entity as _, Include};

use crate::extract::{
    All, Body, Caller, ItemQuery, MaybeCaller, NoQuery, PageQuery, PathKey, RequestOrigin, no_such,
};
use crate::identity::Accounts;
use crate::present::{self, PageLink};
use crate::problem::Problem;
use crate::state::Shared;
use crate::write::lock;

/// `GET /users`, for administrators alone; rows show the account.
pub(crate) async fn list(
    state: Shared,
    caller: Caller,
    query: PageQuery<User, All>,
) -> Result<HttpResponse, Problem> {
    let PageQuery { page_request, include, filter, related, binding, url } = query;
    let (page, accounts, page_request, include) = state
        .database
        .read(move |conn| {
            conn.snapshot(|conn| {
                caller.admin(conn)?;
                let page = conn.page::<User>(&filter, &related, &page_request, &include)?;
                let accounts = Accounts::of(conn, &page.entities)?;
                Ok::<_, Problem>((page, accounts, page_request.clone(), include.clone()))
            })
        })
        .await?;
    let place = PageLink { binding: &binding, sort: &page_request.sort, url: &url };
    present::page(&page, &include, &place, &|index| accounts.beside(index))
}

/// `GET /users/{uid}`: the public profile, with the account for its owner and
/// administrators.
pub(crate) async fn item(
    state: Shared,
    caller: MaybeCaller,
    key: PathKey<User>,
    query: ItemQuery<User>,
) -> Result<HttpResponse, Problem> {
    let ItemQuery { include, .. } = query;
    let (entities, accounts, include) = state
        .database
        .read(move |conn| {
            let entities =
                conn.find::<User>(key.0, &include)?.ok_or_else(|| no_such(User::INFO))?;
            let accounts = match &caller.0 {
                Some(caller) if may_see_account(conn, caller, key.0)? => {
                    Accounts::of(conn, &entities)?
                }
                _ => Accounts::hidden(),
            };
            Ok::<_, Problem>((entities, accounts, include.clone()))
        })
        .await?;
    present::item_beside(StatusCode::OK, &entities, &include, &|index| accounts.beside(index))
}

/// `PATCH /users/{uid}`, by the user.
pub(crate) async fn patch(
    state: Shared,
    caller: Caller,
    key: PathKey<User>,
    _: NoQuery,
    body: Body<UserPatch>,
) -> Result<HttpResponse, Problem> {
    let ids = state.ids.clone();
    let (entities, accounts) = state
        .database
        .write(move |conn| {
            let account = caller.verified(conn)?;
            let user = lock::<User>(conn, key.0)?;
            if user.uid != account.user_uid {
                return Err(Problem::forbidden("only the user may change the profile"));
            }
            let user = write::change(conn, user, body.checked()?, ids.now())?;
            let entities = Entities::new(vec![user]);
            let accounts = Accounts::of(conn, &entities)?;
            Ok::<_, Problem>((entities, accounts))
        })
        .await?;
    let include = Include::nothing();
    present::item_beside(StatusCode::OK, &entities, &include, &|index| accounts.beside(index))
}

/// `DELETE /users/{uid}`, by an administrator. Books and reviews stay.
pub(crate) async fn delete(
    state: Shared,
    caller: Caller,
    witness: RequestOrigin,
    key: PathKey<User>,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    let shared = state.clone();
    state
        .write_noting(move |conn, entries| {
            let admin = caller.admin(conn)?;
            if !account::delete(conn, key.0, ReviewsFate::Keep)? {
                return Err(no_such(User::INFO));
            }
            let mut entry = witness.entry(&shared, AuditAction::AccountDeleted);
            entry.actor_uid = Some(admin.user_uid);
            entry.subject_uid = Some(key.0);
            entries.push(entry);
            Ok(())
        })
        .await?;
    Ok(present::no_content())
}

/// `PUT /users/{uid}/role`, by an administrator.
pub(crate) async fn set_role(
    state: Shared,
    caller: Caller,
    witness: RequestOrigin,
    key: PathKey<User>,
    _: NoQuery,
    body: Body<RoleChange>,
) -> Result<HttpResponse, Problem> {
    let work = move |conn: &mut Connection, account: &Account, at| {
        let RoleChange { role } = body.checked()?;
        if role == account.role {
            return Ok(None);
        }
        account::set_role(conn, account, role, at)?;
        let detail = format!("{} to {role}", account.role);
        Ok(Some((AuditAction::RoleChanged, AuditDetail::parse(&detail).ok())))
    };
    administer(state, caller, witness, key.0, work).await
}

/// `PUT /users/{uid}/disabled`, by an administrator. Sessions end, and keys
/// open nothing.
pub(crate) async fn set_disabled(
    state: Shared,
    caller: Caller,
    witness: RequestOrigin,
    key: PathKey<User>,
    _: NoQuery,
    body: Body<Disabling>,
) -> Result<HttpResponse, Problem> {
    let work = move |conn: &mut Connection, account: &Account, at| {
        let Disabling { disabled } = body.checked()?;
        if disabled == account.disabled {
            return Ok(None);
        }
        account::set_disabled(conn, account.user_uid, disabled, at)?;
        let action =
            if disabled { AuditAction::AccountDisabled } else { AuditAction::AccountEnabled };
        Ok(Some((action, None)))
    };
    administer(state, caller, witness, key.0, work).await
}

/// What changed about an account, and what there is to say of it.
type Change = Option<(AuditAction, Option<AuditDetail>)>;

/// An administrator changes something about an account.
async fn administer(
    state: Shared,
    caller: Caller,
    witness: RequestOrigin,
    user: UserId,
    change: impl Fn(&mut Connection, &Account, DateTime<Utc>) -> Result<Change, Problem>
    + Send
    + 'static,
) -> Result<HttpResponse, Problem> {
    let shared = state.clone();
    let (entities, accounts) = state
        .write_noting(move |conn, entries| {
            let admin = caller.admin(conn)?;
            let user = lock::<User>(conn, user)?;
            let account = account::of_user(conn, user.uid)?
                .ok_or_else(|| Problem::not_found("account: the user has none"))?;
            if let Some((action, detail)) = change(conn, &account, shared.ids.now())? {
                let mut entry = witness.entry(&shared, action);
                entry.actor_uid = Some(admin.user_uid);
                entry.subject_uid = Some(user.uid);
                entry.detail = detail;
                entries.push(entry);
            }
            let entities = Entities::new(vec![user]);
            let accounts = Accounts::of(conn, &entities)?;
            Ok((entities, accounts))
        })
        .await?;
    present::item_beside(StatusCode::OK, &entities, &Include::nothing(), &|index| {
        accounts.beside(index)
    })
}

fn may_see_account(conn: &mut Connection, caller: &Caller, user: UserId) -> Result<bool, Problem> {
    let account = caller.account(conn)?;
    Ok(account.user_uid == user || (account.role == Role::Admin && account.verified))
}
