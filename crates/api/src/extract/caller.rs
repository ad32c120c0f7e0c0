//! Who is calling.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};
use recto_domain::{Account, Role, UserId};
use recto_persistence::Connection;
use recto_persistence::identity::account;

use crate::problem::{Kind, Problem};
use crate::state::Shared;

/// Somebody with a valid access token.
///
/// What the account may do is looked up in the transaction that does it, so
/// that a change of role takes effect at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    user: UserId,
}

impl Caller {
    /// The caller's account.
    ///
    /// # Errors
    /// 401 if it has been deleted or disabled.
    pub(crate) fn account(self, conn: &mut Connection) -> Result<Account, Problem> {
        let account = account::of_user(conn, self.user)?;
        account
            .filter(|account| !account.disabled)
            .ok_or_else(|| Problem::invalid_token("the account of this token is gone or disabled"))
    }

    /// The caller's account, which must be verified.
    ///
    /// # Errors
    /// As [`account`](Self::account), and 403.
    pub(crate) fn verified(self, conn: &mut Connection) -> Result<Account, Problem> {
        let account = self.account(conn)?;
        if account.verified {
            Ok(account)
        } else {
            Err(Problem::forbidden("verify your e-mail address first"))
        }
    }

    /// The caller's account, which must be an administrator's.
    ///
    /// # Errors
    /// As [`verified`](Self::verified), and 403.
    pub(crate) fn admin(self, conn: &mut Connection) -> Result<Account, Problem> {
        let account = self.verified(conn)?;
        if account.role == Role::Admin {
            Ok(account)
        } else {
            Err(Problem::forbidden("only an administrator may do this"))
        }
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(identify(request).and_then(|caller| {
            caller.ok_or_else(|| Problem::new(Kind::Unauthenticated, "this needs an access token"))
        }))
    }
}

/// Somebody with a valid access token, or nobody in particular. A token that
/// is not valid is refused, not overlooked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MaybeCaller(pub(crate) Option<Caller>);

impl FromRequest for MaybeCaller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(identify(request).map(Self))
    }
}

fn identify(request: &HttpRequest) -> Result<Option<Caller>, Problem> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else { return Ok(None) };
    let refused = |detail: &str| Problem::invalid_token(detail);
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.trim().split_once(' '))
        .ok_or_else(|| refused("the Authorization header must be `Bearer` and a token"))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(refused("the Authorization header must be `Bearer` and a token"));
    }
    let state = request
        .app_data::<Shared>()
        .ok_or_else(|| Problem::new(Kind::Internal, Kind::Internal.meaning()))?;
    let claims = state
        .tokens
        .verify(token.trim(), state.mint.now())
        .map_err(|error| refused(&error.to_string()))?;
    Ok(Some(Caller { user: claims.user }))
}
