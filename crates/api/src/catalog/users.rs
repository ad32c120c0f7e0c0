//! Users: public profiles, and accounts beside them for those who may see them.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use recto_domain::relation::{Entity as _, Level};
use recto_domain::{Role, RoleChange, User, UserId, UserPatch};
use recto_persistence::catalog::user;
use recto_persistence::identity::account;
use recto_persistence::{Connection, find};

use crate::extract::{
    All, Body, Caller, ItemQuery, MaybeCaller, NoQuery, PageQuery, PathKey, no_such,
};
use crate::identity::Accounts;
use crate::present::{self, Place};
use crate::problem::Problem;
use crate::state::Shared;

/// `GET /users`, for administrators alone; rows show the account.
pub(crate) async fn list(
    state: Shared,
    caller: Caller,
    query: PageQuery<User, All>,
) -> Result<HttpResponse, Problem> {
    let PageQuery { window, include, filter, related, binding, url } = query;
    let (page, accounts, window, include) = state
        .database
        .read(move |conn| {
            conn.snapshot(|conn| {
                caller.admin(conn)?;
                let page = recto_persistence::page_where::<User>(
                    conn, &filter, &related, &window, &include,
                )?;
                let accounts = Accounts::of(conn, &page.level)?;
                Ok::<_, Problem>((page, accounts, window.clone(), include.clone()))
            })
        })
        .await?;
    let place = Place { binding: &binding, sort: &window.sort, url: &url };
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
    let (level, accounts, include) = state
        .database
        .read(move |conn| {
            let level = find::<User>(conn, key.0, &include)?.ok_or_else(|| no_such(User::INFO))?;
            let accounts = match caller.0 {
                Some(caller) if may_see_account(conn, caller, key.0)? => {
                    Accounts::of(conn, &level)?
                }
                _ => Accounts::hidden(),
            };
            Ok::<_, Problem>((level, accounts, include.clone()))
        })
        .await?;
    present::item_beside(StatusCode::OK, &level, &include, &|index| accounts.beside(index))
}

/// `PATCH /users/{uid}`, by the user.
pub(crate) async fn patch(
    state: Shared,
    caller: Caller,
    key: PathKey<User>,
    _: NoQuery,
    body: Body<UserPatch>,
) -> Result<HttpResponse, Problem> {
    let mint = state.mint.clone();
    let (level, accounts) = state
        .database
        .write(move |conn| {
            let account = caller.verified(conn)?;
            let mut user = user::lock(conn, key.0)?.ok_or_else(|| no_such(User::INFO))?;
            if user.uid != account.user_uid {
                return Err(Problem::forbidden("only the user may change the profile"));
            }
            if user.apply(body.checked()?, mint.now()) {
                user::update(conn, &user)?;
            }
            let level = Level::root(vec![user]);
            let accounts = Accounts::of(conn, &level)?;
            Ok::<_, Problem>((level, accounts))
        })
        .await?;
    let include = recto_domain::relation::Include::nothing();
    present::item_beside(StatusCode::OK, &level, &include, &|index| accounts.beside(index))
}

/// `DELETE /users/{uid}`, by an administrator. Books and reviews stay.
pub(crate) async fn delete(
    state: Shared,
    caller: Caller,
    key: PathKey<User>,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    state
        .database
        .write(move |conn| {
            caller.admin(conn)?;
            account::keep_an_admin(conn, key.0)?;
            let deleted = user::delete(conn, key.0)?;
            deleted.then_some(()).ok_or_else(|| no_such(User::INFO))
        })
        .await?;
    Ok(present::no_content())
}

/// `PUT /users/{uid}/role`, by an administrator.
pub(crate) async fn set_role(
    state: Shared,
    caller: Caller,
    key: PathKey<User>,
    _: NoQuery,
    body: Body<RoleChange>,
) -> Result<HttpResponse, Problem> {
    let mint = state.mint.clone();
    let (level, accounts) = state
        .database
        .write(move |conn| {
            caller.admin(conn)?;
            let user = user::lock(conn, key.0)?.ok_or_else(|| no_such(User::INFO))?;
            let account = account::of_user(conn, user.uid)?
                .ok_or_else(|| Problem::not_found("account: the user has none"))?;
            account::set_role(conn, &account, body.checked()?.role, mint.now())?;
            let level = Level::root(vec![user]);
            let accounts = Accounts::of(conn, &level)?;
            Ok::<_, Problem>((level, accounts))
        })
        .await?;
    let include = recto_domain::relation::Include::nothing();
    present::item_beside(StatusCode::OK, &level, &include, &|index| accounts.beside(index))
}

fn may_see_account(conn: &mut Connection, caller: Caller, user: UserId) -> Result<bool, Problem> {
    let account = caller.account(conn)?;
    Ok(account.user_uid == user || account.role == Role::Admin)
}
