//! Signing up and signing in.

use recto_domain::{
    Account, AuditAction, AuditDetail, Email, Login, MailKind, PasswordAttempt, PasswordHash, Role,
    SignUp, User, UserId, Username,
};
use recto_identity::ClientAddress;
use recto_identity::throttle::{Attempt, RefusedSignIn};
use recto_persistence::identity::{account, audit};
use recto_relations::excerpt;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::sessions::{AccessOnly, OpensSession, Refreshable, TokenPair, TokenType};
use crate::answer::{Created, Item, Json};
use crate::context::Context;
use crate::error::Error;
use crate::extract::{Body, Form};
use crate::problem::{Problem, ProblemType};

/// `POST /auth/signup`
pub(crate) async fn sign_up(ctx: Context, body: Body<SignUp>) -> Result<Created<User>, Error> {
    let input = body.checked()?;
    ctx.state.throttle.sign_up(&ctx.origin().client)?;
    let hash = ctx.state.hasher.hash(&input.password).await?;
    ctx.transaction(move |tx| {
        let SignUp { username, email, first_name, last_name, .. } = input.clone();
        let user = User::new(tx.new_id(), username, first_name, last_name);
        let account = Account::new(user.uid, email, Role::User);
        let user = account::create(tx, user, &account, &hash)?;
        tx.record_device(user.uid)?;
        tx.enqueue_mail(&account, MailKind::Verification)?;
        tx.audit(AuditAction::SignUp).actor_uid = Some(user.uid);
        Ok(Created(Item::alone(user)))
    })
    .await
}

/// The tokens of a new session, and its user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignedIn {
    #[serde(flatten)]
    #[schema(inline)]
    tokens: TokenPair,
    #[schema(inline)]
    user: SignedInUser,
}

/// The user who has signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignedInUser {
    #[schema(inline)]
    uid: UserId,
    #[schema(inline)]
    username: Username,
    #[schema(inline)]
    email: Email,
    #[schema(inline)]
    role: Role,
}

/// `POST /auth/login`
pub(crate) async fn login(ctx: Context, body: Body<Login>) -> Result<Json<SignedIn>, Error> {
    let Login { email, password } = body.checked()?;
    let tokens = Refreshable::generate(&ctx.state);
    let signed_in = sign_in(&ctx, Some(email), &password, &tokens).await?;
    let Candidate { user, account, .. } = signed_in.ok_or_else(|| {
        let detail = "there is no account with that e-mail and password";
        Problem::new(ProblemType::WrongCredentials, detail)
    })?;
    let tokens = tokens.pair(&ctx.state, user.uid);
    let user = SignedInUser {
        uid: user.uid,
        username: user.username,
        email: account.email,
        role: account.role,
    };
    Ok(Json(SignedIn { tokens, user }))
}

/// An access token (RFC 6749 section 5.1).
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names are those of RFC 6749")]
pub(crate) struct Token {
    /// Send it as `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(inline)]
    token_type: TokenType,
    /// Seconds until the access token expires.
    expires_in: u64,
}

/// The form of the OAuth2 password grant (RFC 6749 section 4.3.2).
#[derive(Debug, ToSchema)]
pub(crate) struct PasswordGrant {
    /// Always `password`.
    #[schema(inline)]
    #[expect(dead_code, reason = "it is checked when the form is read")]
    grant_type: GrantType,
    /// The e-mail address.
    #[schema(examples("reader@recto.example"))]
    username: String,
    /// The password.
    #[schema(format = Password, examples("correct horse battery staple"))]
    password: String,
}

/// The only grant.
#[derive(Debug, ToSchema)]
#[schema(examples("password"))]
enum GrantType {
    #[serde(rename = "password")]
    Password,
}

impl PasswordGrant {
    /// Reads the form.
    ///
    /// # Errors
    /// `invalid_request` for a field that is missing or repeated, `unsupported_grant_type` for
    /// another grant.
    fn of(form: &Form) -> Result<Self, Error> {
        if let Some(name) = form.repeated() {
            let detail = format!("`{}` is repeated", excerpt(name));
            return Err(Problem::oauth("invalid_request", detail).into());
        }
        let required = |name| {
            let value = form.get(name).map(str::to_owned);
            let detail = || format!("`{name}` is missing");
            value.ok_or_else(|| Error::from(Problem::oauth("invalid_request", detail())))
        };
        if required("grant_type")? != "password" {
            let detail = "the only grant is `password`";
            return Err(Problem::oauth("unsupported_grant_type", detail).into());
        }
        Ok(Self {
            grant_type: GrantType::Password,
            username: required("username")?,
            password: required("password")?,
        })
    }
}

/// `POST /auth/token`: the password grant of RFC 6749 section 4.3, for Swagger UI.
pub(crate) async fn token(ctx: Context, form: Form) -> Result<Json<Token>, Error> {
    if !ctx.state.password_grant {
        let detail = "the password grant is turned off";
        return Err(Problem::oauth("unsupported_grant_type", detail).into());
    }
    let PasswordGrant { username, password, .. } = PasswordGrant::of(&form)?;
    let refused =
        || Problem::oauth("invalid_grant", "there is no account with that e-mail and password");
    let password = PasswordAttempt::parse(&password).map_err(|_| refused())?;
    // An invalid address belongs to no account, and costs as much as one that might.
    let email = Email::parse(&username).ok();
    let tokens = AccessOnly::generate(&ctx.state);
    let signed_in = sign_in(&ctx, email, &password, &tokens).await?;
    let issued = tokens.access_token(&ctx.state, signed_in.ok_or_else(refused)?.user.uid);
    Ok(Json(Token {
        access_token: issued.access_token,
        token_type: TokenType::Bearer,
        expires_in: issued.expires_in,
    }))
}

/// An account that somebody tries to sign in to.
pub(crate) struct Candidate {
    pub(crate) user: User,
    pub(crate) account: Account,
    pub(crate) hash: PasswordHash,
}

/// Opens a session of the account with that address and password, and returns it; `None` if there
/// is none. The cost does not depend on whether the address is known.
async fn sign_in(
    ctx: &Context,
    email: Option<Email>,
    password: &PasswordAttempt,
    tokens: &impl OpensSession,
) -> Result<Option<Candidate>, Error> {
    let attempt = count_attempt(ctx, email.as_ref()).await?;
    let (candidate, matches) = match check_password(ctx, email, password).await {
        Ok(checked) => checked,
        Err(error) => {
            attempt.refund();
            return Err(error);
        }
    };
    let subject = candidate.as_ref().map(|candidate| candidate.account.user_uid);
    if let Some(candidate) = candidate.filter(|one| matches && !one.account.disabled) {
        attempt.refund();
        if open_session(ctx, &candidate, password, tokens).await? {
            return Ok(Some(candidate));
        }
    }
    note_failure(ctx, subject);
    Ok(None)
}

/// Counts an attempt to sign in as failed, unless it is refunded.
///
/// # Errors
/// 429 after too many failed attempts. The audit log gets an entry a minute for each client.
pub(crate) async fn count_attempt(ctx: &Context, email: Option<&Email>) -> Result<Attempt, Error> {
    let client = ctx.origin().client;
    let throttle = &ctx.state.throttle;
    let mut counted = throttle.sign_in(&client, email);
    if let (Err(RefusedSignIn { attempt, .. }), Some(email)) = (&mut counted, email)
        && let Some(attempt) = attempt.take()
        && is_known_network(ctx, &client, email).await?
    {
        counted = throttle
            .sign_in_from_known_network(attempt, email)
            .map_err(|throttled| RefusedSignIn { throttled, attempt: None });
    }
    counted.map_err(|refused| {
        if throttle.should_audit_throttling(&client) {
            ctx.state.audit(ctx.audit_entry(AuditAction::SignInThrottled));
        }
        refused.throttled.into()
    })
}

/// Returns whether the account with an address has signed in from the client's network, or its
/// password was reset from there, as far as the audit log goes back. The statements do not depend
/// on whether the account exists.
async fn is_known_network(
    ctx: &Context,
    client: &ClientAddress,
    email: &Email,
) -> Result<bool, Error> {
    let (email, network) = (email.clone(), client.network());
    ctx.read(move |tx| {
        let user = account::owner_of_email(tx, &email)?.unwrap_or(UserId::from_uuid(Uuid::nil()));
        let addresses = audit::sign_in_addresses(tx, user, SIGN_INS_COMPARED)?;
        Ok(addresses.into_iter().any(|address| ClientAddress::at(address).network() == network))
    })
    .await
}

/// The number of sign-ins whose networks are known.
const SIGN_INS_COMPARED: u32 = 200;

/// Adds a failed sign-in to the audit log.
pub(crate) fn note_failure(ctx: &Context, subject: Option<UserId>) {
    let mut entry = ctx.audit_entry(AuditAction::SignInFailed);
    entry.subject_uid = subject;
    ctx.state.audit(entry);
}

/// Returns the account with that address, if there is one, and whether the password is its.
async fn check_password(
    ctx: &Context,
    email: Option<Email>,
    password: &PasswordAttempt,
) -> Result<(Option<Candidate>, bool), Error> {
    let candidate = candidate(ctx, email).await?;
    let stored = candidate.as_ref().map(|candidate| &candidate.hash);
    let matches = ctx.state.hasher.verify(password, stored).await?;
    Ok((candidate, matches))
}

async fn candidate(ctx: &Context, email: Option<Email>) -> Result<Option<Candidate>, Error> {
    ctx.read(move |tx| {
        let Some(email) = &email else { return Ok(None) };
        let found = account::to_sign_in(tx, email)?;
        Ok(found.map(|(user, account, hash)| Candidate { user, account, hash }))
    })
    .await
}

/// Opens the session, unless the password or the account has changed since it was checked.
async fn open_session(
    ctx: &Context,
    candidate: &Candidate,
    password: &PasswordAttempt,
    tokens: &impl OpensSession,
) -> Result<bool, Error> {
    let stronger = ctx.state.hasher.rehash_if_weaker(password, &candidate.hash).await?;
    let (user, checked, tokens) = (candidate.user.uid, candidate.hash.clone(), tokens.clone());
    ctx.transaction(move |tx| {
        let present = account::lock_with_password(tx, user)?;
        let same =
            |(account, hash): &(Account, PasswordHash)| !account.disabled && hash.0 == checked.0;
        let Some((account, _)) = present.filter(same) else { return Ok(false) };
        if let Some(stronger) = &stronger {
            account::rehash(tx, user, stronger, &checked)?;
        }
        tokens.open(tx, user)?;
        if tx.record_device(user)? {
            let device = tx.origin().described_device();
            tx.notify(&account, MailKind::NewDevice, device.as_ref())?;
        }
        tx.close_oldest_sessions(&account)?;
        let entry = tx.audit(AuditAction::SignIn);
        entry.actor_uid = Some(user);
        entry.detail = stronger.as_ref().and_then(|_| AuditDetail::parse("re-hashed").ok());
        Ok(true)
    })
    .await
}
