//! Bearer credentials (RFC 6750): access tokens and API keys.

use std::sync::{Arc, OnceLock};

use actix_web::http::{Method, header};
use actix_web::{HttpMessage as _, HttpRequest};
use recto_domain::{Scope, Secret, SecretHash, TokenPairId, UserId};
use recto_identity::secret::hash;
use recto_identity::{Access, Caller};
use recto_persistence::Connection;
use recto_persistence::identity::{account, api_key};

use crate::error::Error;
use crate::problem::{Problem, ProblemType};
use crate::state::State;

/// A bearer credential. Whether it is still valid is looked up in the transaction that uses it.
#[derive(Debug, Clone)]
pub(super) struct Credential {
    token: BearerToken,
    /// The scope that an API key needs, unless the route is for administrators.
    scope: Scope,
    user: ResolvedUser,
}

#[derive(Debug, Clone, Copy)]
enum BearerToken {
    /// An access token with a valid signature.
    Access(TokenPairId),
    /// A secret that looks like an API key.
    ApiKey(SecretHash),
}

/// The authenticated user, for the audit log.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResolvedUser(Arc<OnceLock<UserId>>);

impl ResolvedUser {
    /// Returns the user, once known.
    pub(crate) fn user(&self) -> Option<UserId> {
        self.0.get().copied()
    }
}

impl Credential {
    /// Reads the `Authorization` header, unless the route is open to anyone.
    ///
    /// # Errors
    /// 401 if it is missing where it is required, malformed, or has no valid signature.
    pub(super) fn of(
        request: &HttpRequest,
        state: &State,
        access: Access,
    ) -> Result<Option<Self>, Error> {
        if access == Access::Anyone {
            return Ok(None);
        }
        let Some(value) = request.headers().get(header::AUTHORIZATION) else {
            if access == Access::OptionalSignIn {
                return Ok(None);
            }
            let detail = "this needs an access token";
            return Err(Problem::new(ProblemType::Unauthenticated, detail).into());
        };
        let malformed =
            || Problem::invalid_token("the Authorization header must be `Bearer` and a token");
        let (_, token) = value
            .to_str()
            .ok()
            .and_then(|value| value.trim().split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .ok_or_else(malformed)?;
        let token = match Secret::parse(token.trim()) {
            Ok(secret) if secret.is_api_key() => BearerToken::ApiKey(hash(&secret)),
            _ => {
                let claims = state.tokens.verify(token.trim(), state.ids.now());
                let claims = claims.map_err(|error| Problem::invalid_token(error.to_string()))?;
                BearerToken::Access(TokenPairId::from_uuid(claims.id))
            }
        };
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let scope = if reads { Scope::Read } else { Scope::Write };
        let user = ResolvedUser::default();
        request.extensions_mut().insert(user.clone());
        Ok(Some(Self { token, scope, user }))
    }

    /// Returns the scope that an API key needs, unless the route is for administrators.
    pub(super) fn scope(&self) -> Scope {
        self.scope
    }

    /// Looks up the caller, in one statement.
    ///
    /// # Errors
    /// 401 if the session has ended, the key is expired or revoked, or the account is disabled or
    /// deleted.
    pub(super) fn resolve(&self, conn: &mut Connection, state: &State) -> Result<Caller, Error> {
        let now = state.ids.now();
        let invalid = || {
            Problem::invalid_token(
                "the session has ended, the key is expired or revoked, or the account is disabled or deleted",
            )
        };
        match &self.token {
            BearerToken::Access(pair) => {
                let (account, session, signed_in_at) =
                    account::of_token_pair(conn, *pair, now)?.ok_or_else(invalid)?;
                self.resolved(account.user_uid);
                Ok(Caller::with_session(account, session, signed_in_at))
            }
            BearerToken::ApiKey(hash) => {
                let found = api_key::authenticate(conn, hash, now)?.ok_or_else(invalid)?;
                self.resolved(found.account.user_uid);
                if found.should_record_use(now) {
                    state.key_usage.used(found.key);
                }
                Ok(Caller::with_key(found.account, found.scopes))
            }
        }
    }

    fn resolved(&self, user: UserId) {
        // A transaction that runs again finds the same user.
        let _ = self.user.0.set(user);
    }
}
