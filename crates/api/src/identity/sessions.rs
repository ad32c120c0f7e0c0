//! Sessions: opened by signing in, renewed by refreshing, ended by signing out.

use chrono::{DateTime, Utc};
use recto_domain::{
    AuditAction, Device, Refresh, Secret, SecretHash, Session, SessionId, TokenPairId, UserId,
};
use recto_persistence::identity::session::{self, NewSession, NextPair, Rotation};
use serde::Serialize;
use utoipa::ToSchema;

use crate::context::Context;
use crate::error::Error;
use crate::extract::Body;
use crate::problem::Problem;
use crate::response::{Json, NoContent};
use crate::state::State;
use recto_identity::secret::hash;
use recto_identity::throttle::Throttled;
use recto_identity::token::Issued;

/// The next pair of tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenPair {
    /// Send it as `Authorization: Bearer …`.
    pub(crate) access_token: String,
    /// Send it to `/auth/refresh`, once, for the next pair.
    pub(crate) refresh_token: String,
    /// Always `Bearer`.
    #[schema(inline)]
    pub(crate) token_type: TokenType,
    /// Seconds until the access token expires.
    pub(crate) expires_in: u64,
}

/// The type of access tokens (RFC 6750).
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples("Bearer"))]
pub(crate) enum TokenType {
    Bearer,
}

/// The ids of a new session and of its tokens, and the refresh token.
#[derive(Clone)]
pub(crate) struct NewTokens<R> {
    session: SessionId,
    pair: TokenPairId,
    at: DateTime<Utc>,
    refresh: R,
}

/// Tokens that can be refreshed.
pub(crate) type Refreshable = NewTokens<Secret>;

/// An access token alone: its session ends with it.
pub(crate) type AccessOnly = NewTokens<()>;

impl<R> NewTokens<R> {
    fn new(state: &State, refresh: R) -> Self {
        let session = state.ids.new_id();
        Self {
            session: SessionId::from_uuid(session.uid()),
            pair: TokenPairId::from_uuid(state.ids.new_id().uid()),
            at: session.at(),
            refresh,
        }
    }

    fn session_until<'a>(
        &self,
        expires_at: DateTime<Utc>,
        user: UserId,
        device: &'a Device,
        refresh: Option<SecretHash>,
    ) -> NewSession<'a> {
        let Self { session: id, pair, at, .. } = *self;
        NewSession { id, user, pair, refresh, device, at, expires_at }
    }

    /// Returns the access token of a user.
    pub(crate) fn access_token(&self, state: &State, user: UserId) -> Issued {
        state.tokens.issue(user, self.at, self.pair.uuid())
    }
}

impl Refreshable {
    /// Generates ids and a refresh token.
    pub(crate) fn generate(state: &State) -> Self {
        Self::new(state, Secret::refresh_token(state.ids.random()))
    }

    /// Returns the tokens of a user.
    pub(crate) fn pair(&self, state: &State, user: UserId) -> TokenPair {
        let Issued { access_token, expires_in } = self.access_token(state, user);
        let refresh_token = self.refresh.expose().to_owned();
        TokenPair { access_token, refresh_token, token_type: TokenType::Bearer, expires_in }
    }
}

impl AccessOnly {
    /// Generates ids.
    pub(crate) fn generate(state: &State) -> Self {
        Self::new(state, ())
    }
}

/// Tokens with which a session begins.
pub(crate) trait OpensSession: Clone + Send + 'static {
    /// Returns the session of a user on a device.
    fn session<'a>(&self, user: UserId, device: &'a Device) -> NewSession<'a>;
}

impl OpensSession for Refreshable {
    fn session<'a>(&self, user: UserId, device: &'a Device) -> NewSession<'a> {
        let expires_at = Session::expiry(self.at, self.at);
        self.session_until(expires_at, user, device, Some(hash(&self.refresh)))
    }
}

impl OpensSession for AccessOnly {
    fn session<'a>(&self, user: UserId, device: &'a Device) -> NewSession<'a> {
        self.session_until(self.at + Session::ACCESS, user, device, None)
    }
}

/// `POST /auth/refresh`
pub(crate) async fn refresh(ctx: Context, body: Body<Refresh>) -> Result<Json<TokenPair>, Error> {
    let presented = hash(&body.checked()?.refresh_token);
    let tokens = Refreshable::generate(&ctx.state);
    let (next, at) = (NextPair { id: tokens.pair, refresh: hash(&tokens.refresh) }, tokens.at);
    let rotation = ctx
        .transaction(move |tx| {
            let rotation = session::rotate(tx, &presented, &next, at)?;
            // Not an error of the transaction: the end of the session must be committed.
            if let Rotation::Reused { user, .. } = rotation {
                tx.audit(AuditAction::TokenReuse).subject_uid = Some(user);
            }
            Ok(rotation)
        })
        .await?;
    match rotation {
        Rotation::Renewed { user, .. } => Ok(Json(tokens.pair(&ctx.state, user))),
        Rotation::Reused { .. } => Err(Problem::invalid_token(
            "the refresh token has been used before; the session has ended",
        )
        .into()),
        Rotation::TooMany { next } => {
            let seconds = u64::try_from((next - at).num_seconds()).unwrap_or_default() + 1;
            Err(Throttled { detail: "too many refreshes of this session", seconds }.into())
        }
        Rotation::Refused => Err(Problem::invalid_token("the refresh token is not valid").into()),
    }
}

/// `POST /auth/logout`
pub(crate) async fn logout(ctx: Context) -> Result<NoContent, Error> {
    ctx.transaction(|tx| {
        let (user, session) = (tx.caller()?.user_uid, tx.session()?);
        session::end(tx, user, session)?;
        tx.audit(AuditAction::SignOut);
        Ok(NoContent)
    })
    .await
}
