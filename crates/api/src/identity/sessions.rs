//! Sessions: begun by signing in, kept alive by refreshing, ended by signing out.

use actix_web::HttpResponse;
use recto_domain::{AuditAction, Refresh, Secret, Session, SessionId, TokenPairId, UserId};
use recto_persistence::Connection;
use recto_persistence::identity::session::{self, NewSession, NextPair, Rotation};

use super::answer;
use super::token::Issued;
use crate::extract::{Body, Caller, NoQuery, RequestOrigin};
use crate::present;
use crate::problem::Problem;
use crate::state::{Shared, State};

/// A pair of tokens, as a client receives it.
#[derive(serde::Serialize)]
pub(crate) struct Pair {
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    token_type: &'static str,
    expires_in: u64,
}

/// The tokens of a session in the making.
#[derive(Clone)]
pub(crate) struct Opening {
    session: SessionId,
    pair: TokenPairId,
    refresh: Option<Secret>,
    at: chrono::DateTime<chrono::Utc>,
}

impl Opening {
    /// A session that lasts as long as it is refreshed.
    pub(crate) fn lasting(state: &State) -> Self {
        let refresh = Some(Secret::refresh_token(state.ids.random()));
        Self { refresh, ..Self::short(state) }
    }

    /// A session that ends with its access token.
    pub(crate) fn short(state: &State) -> Self {
        let new_id = state.ids.new_id();
        Self {
            session: SessionId::from_uuid(new_id.uid()),
            pair: TokenPairId::from_uuid(state.ids.new_id().uid()),
            refresh: None,
            at: new_id.at(),
        }
    }

    /// Begins the session.
    pub(crate) fn open(
        &self,
        conn: &mut Connection,
        user: UserId,
        witness: &RequestOrigin,
    ) -> Result<(), Problem> {
        let expires_at = match self.refresh {
            Some(_) => Session::expiry(self.at, self.at),
            None => self.at + Session::ACCESS,
        };
        let new = NewSession {
            id: self.session,
            user,
            pair: self.pair,
            refresh: self.refresh.as_ref().map(Secret::hash),
            client: &witness.device(),
            at: self.at,
            expires_at,
        };
        Ok(session::open(conn, &new)?)
    }

    /// The tokens, for whom the session was opened.
    pub(crate) fn pair(self, state: &State, user: UserId) -> Pair {
        let Issued { access_token, expires_in } =
            state.tokens.issue(user, self.at, self.pair.uuid());
        let refresh_token = self.refresh.map(|secret| secret.expose().to_owned());
        Pair { access_token, refresh_token, token_type: "Bearer", expires_in }
    }
}

/// `POST /auth/refresh`
pub(crate) async fn refresh(
    state: Shared,
    witness: RequestOrigin,
    _: NoQuery,
    body: Body<Refresh>,
) -> Result<HttpResponse, Problem> {
    let presented = body.checked()?.refresh_token.hash();
    let opening = Opening::lasting(&state);
    let (shared, next) = (state.clone(), opening.clone());
    let rotation = state
        .write_noting(move |conn, entries| {
            let refresh = next.refresh.as_ref().map(Secret::hash);
            let Some(refresh) = refresh else { return Ok(Rotation::Refused) };
            let pair = NextPair { id: next.pair, refresh };
            let rotation = session::rotate(conn, &presented, &pair, next.at)?;
            // That the session has ended must be kept: this is no error of the transaction.
            if let Rotation::Reused { user, .. } = rotation {
                let mut entry = witness.entry(&shared, AuditAction::TokenReuse);
                entry.subject_uid = Some(user);
                entries.push(entry);
            }
            Ok(rotation)
        })
        .await?;
    match rotation {
        Rotation::Renewed { user, .. } => answer(&opening.pair(&state, user)),
        Rotation::Reused { .. } => Err(Problem::invalid_token(
            "the refresh token has been used before; the session has ended",
        )),
        Rotation::Refused => Err(Problem::invalid_token("the refresh token is not valid")),
    }
}

/// `POST /auth/logout`
pub(crate) async fn logout(
    state: Shared,
    caller: Caller,
    witness: RequestOrigin,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    let shared = state.clone();
    state
        .write_noting(move |conn, entries| {
            let (account, id) = caller.in_person(conn)?;
            session::close(conn, account.user_uid, id)?;
            let mut entry = witness.entry(&shared, AuditAction::SignOut);
            entry.actor_uid = Some(account.user_uid);
            entries.push(entry);
            Ok(())
        })
        .await?;
    Ok(present::no_content())
}
