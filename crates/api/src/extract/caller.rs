//! Who is calling, and where from.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, OnceLock};

use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use recto_domain::{
    Account, AuditAction, AuditEntry, RequestName, Role, Scope, Secret, SecretHash, SessionId,
    TokenPairId, UserAgent, UserId,
};
use recto_persistence::Connection;
use recto_persistence::identity::{account, key};

use crate::client::Client;
use crate::problem::{Problem, ProblemType};
use crate::request::RequestId;
use crate::state::Shared;

/// Somebody with an access token or an API key.
///
/// What either is still good for is looked up in the transaction that does
/// the work, so that signing out, a change of role or a revoked key takes
/// effect at once, on every copy of the server.
#[derive(Clone)]
pub(crate) struct Caller {
    state: Shared,
    credential: Credential,
    /// What an API key must allow.
    needs: Scope,
    known: ResolvedUser,
}

#[derive(Clone, Copy)]
enum Credential {
    /// An access token that is valid by itself.
    Token(TokenPairId),
    /// What claims to be an API key.
    Key(SecretHash),
}

/// Whose the request has turned out to be, for the audit.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResolvedUser(Arc<OnceLock<UserId>>);

impl ResolvedUser {
    /// Who it is, if anybody is known yet.
    pub(crate) fn user(&self) -> Option<UserId> {
        self.0.get().copied()
    }
}

impl Caller {
    /// The caller's account.
    ///
    /// # Errors
    /// 401 if the session has ended, the key is revoked, or the account is
    /// gone or disabled; 403 if the key does not allow this.
    pub(crate) fn account(&self, conn: &mut Connection) -> Result<Account, Problem> {
        self.resolve(conn).map(|(account, _)| account)
    }

    /// The caller's account, which must be verified.
    ///
    /// # Errors
    /// As [`account`](Self::account), and 403.
    pub(crate) fn verified(&self, conn: &mut Connection) -> Result<Account, Problem> {
        verified(self.account(conn)?)
    }

    /// The caller's account, which must be an administrator's.
    ///
    /// # Errors
    /// As [`verified`](Self::verified), and 403.
    pub(crate) fn admin(&self, conn: &mut Connection) -> Result<Account, Problem> {
        let account = self.verified(conn)?;
        if account.role == Role::Admin {
            Ok(account)
        } else {
            Err(Problem::forbidden("only an administrator may do this"))
        }
    }

    /// The caller's account and session: whoever has signed in, and no script
    /// with an API key.
    ///
    /// # Errors
    /// As [`account`](Self::account), and 403.
    pub(crate) fn in_person(&self, conn: &mut Connection) -> Result<(Account, SessionId), Problem> {
        let (account, session) = self.resolve(conn)?;
        let session = session.ok_or_else(|| Problem::forbidden("an API key cannot do this"))?;
        Ok((account, session))
    }

    fn resolve(&self, conn: &mut Connection) -> Result<(Account, Option<SessionId>), Problem> {
        let now = self.state.ids.now();
        let found = match &self.credential {
            Credential::Token(pair) => account::of_token_pair(conn, *pair, now)?
                .map(|(account, session)| (account, Some(session))),
            Credential::Key(hash) => match key::caller(conn, hash, now)? {
                Some(caller) => {
                    self.note(caller.account.user_uid);
                    if !caller.scopes.allow(self.needs) {
                        let detail = format!("the API key is not for `{}`", self.needs.as_str());
                        return Err(Problem::forbidden(&detail).challenging("insufficient_scope"));
                    }
                    if caller.is_stale(now) {
                        self.state.key_uses.note(caller.key);
                    }
                    Some((caller.account, None))
                }
                None => None,
            },
        };
        let (account, session) = found.ok_or_else(|| {
            Problem::invalid_token("the session has ended, or the key or account is gone")
        })?;
        self.note(account.user_uid);
        Ok((account, session))
    }

    fn note(&self, user: UserId) {
        // A transaction that is tried again finds the same.
        let _ = self.known.0.set(user);
    }
}

/// An account that may write.
pub(crate) fn verified(account: Account) -> Result<Account, Problem> {
    if account.verified {
        Ok(account)
    } else {
        Err(Problem::forbidden("verify your e-mail address first"))
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(identify(request).and_then(|caller| {
            caller.ok_or_else(|| {
                Problem::new(ProblemType::Unauthenticated, "this needs an access token")
            })
        }))
    }
}

/// Somebody with an access token or an API key, or nobody in particular. One
/// that is not valid is refused, not overlooked.
#[derive(Clone)]
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
        .ok_or_else(|| Problem::new(ProblemType::Internal, ProblemType::Internal.meaning()))?;
    let credential = match Secret::parse(token.trim()) {
        Ok(secret) if secret.is_api_key() => Credential::Key(secret.hash()),
        _ => {
            let claims = state.tokens.verify(token.trim(), state.ids.now());
            let claims = claims.map_err(|error| refused(&error.to_string()))?;
            Credential::Token(TokenPairId::from_uuid(claims.id))
        }
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let needs = if reads { Scope::Read } else { Scope::Write };
    let known = ResolvedUser::default();
    request.extensions_mut().insert(known.clone());
    Ok(Some(Caller { state: state.clone(), credential, needs, known }))
}

/// Where a request comes from and what it is called: for sessions, the audit
/// and the throttle.
#[derive(Debug, Clone)]
pub(crate) struct RequestOrigin {
    /// Who is counted.
    pub(crate) client: Client,
    agent: Option<UserAgent>,
    request: Option<RequestName>,
}

impl RequestOrigin {
    /// What is seen of a request that has got that far.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let client = super::client(request);
        let agent = request.headers().get(header::USER_AGENT);
        let id = request.extensions().get::<RequestId>().and_then(RequestId::name);
        Self {
            client,
            agent: agent
                .and_then(|agent| UserAgent::of(&String::from_utf8_lossy(agent.as_bytes()))),
            request: id,
        }
    }

    /// What a session shows of where it was begun.
    pub(crate) fn device(&self) -> recto_domain::Client {
        recto_domain::Client { address: Some(self.client.address()), agent: self.agent.clone() }
    }

    /// An entry of the audit that tells of this request.
    pub(crate) fn entry(&self, state: &Shared, action: AuditAction) -> AuditEntry {
        let mut entry = AuditEntry::new(state.ids.new_id(), action);
        entry.address = Some(self.client.address());
        entry.request_id.clone_from(&self.request);
        entry
    }
}

impl FromRequest for RequestOrigin {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}
