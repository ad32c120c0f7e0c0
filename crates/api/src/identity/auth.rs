//! Signing up and signing in.

use recto_domain::{
    Account, AuditAction, AuditDetail, Email, Login, MailKind, PasswordAttempt, Role, SignUp,
    SignedInUser, User, UserId,
};
use recto_identity::throttle::Attempt;
use recto_persistence::identity::account::{self, Credentials};
use recto_persistence::identity::sign_in;
use recto_relations::excerpt;
use serde::Serialize;
use utoipa::ToSchema;

use super::sessions::{AccessOnly, OpensSession, Refreshable, TokenPair, TokenType};
use crate::context::Context;
use crate::error::Error;
use crate::extract::{Body, Form};
use crate::problem::{Problem, ProblemType};
use crate::response::{Created, Item, Json};

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

/// `POST /auth/login`
pub(crate) async fn login(ctx: Context, body: Body<Login>) -> Result<Json<SignedIn>, Error> {
    let Login { email, password } = body.checked()?;
    let tokens = Refreshable::generate(&ctx.state);
    let signed_in = sign_in(&ctx, Some(email), &password, &tokens).await?;
    let Credentials { user, account, .. } = signed_in.ok_or_else(|| {
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

/// Opens a session of the account with that address and password, and returns its credentials;
/// `None` if there is none. The cost does not depend on whether the address is known.
async fn sign_in(
    ctx: &Context,
    email: Option<Email>,
    password: &PasswordAttempt,
    tokens: &impl OpensSession,
) -> Result<Option<Credentials>, Error> {
    let attempt = count_attempt(ctx, email.as_ref()).await?;
    let (found, is_right) = match check_password(ctx, email, password).await {
        Ok(checked) => checked,
        Err(error) => {
            attempt.refund();
            return Err(error);
        }
    };
    let subject = found.as_ref().map(|found| found.user.uid);
    if let Some(checked) = found.filter(|found| is_right && !found.account.disabled) {
        attempt.refund();
        if open_session(ctx, &checked, password, tokens).await? {
            return Ok(Some(checked));
        }
    }
    record_failure(ctx, subject);
    Ok(None)
}

/// Counts an attempt to sign in as failed, unless it is refunded.
///
/// # Errors
/// 429 after too many failed attempts. The audit log gets an entry a minute for each client.
pub(crate) async fn count_attempt(ctx: &Context, email: Option<&Email>) -> Result<Attempt, Error> {
    let client = ctx.origin().client;
    let throttle = &ctx.state.throttle;
    let counted = match (throttle.sign_in(&client, email), email) {
        (Ok(attempt), _) => Ok(attempt),
        (Err(refused), Some(email)) if refused.attempt.is_some() => {
            let asked = email.clone();
            let known = ctx.read(move |tx| Ok(sign_in::known_addresses(tx, &asked)?)).await?;
            throttle.sign_in_from_known_network(refused, email, &known)
        }
        (Err(refused), _) => Err(refused.throttled),
    };
    counted.map_err(|throttled| {
        if throttle.should_audit_throttling(&client) {
            ctx.state.audit(ctx.audit_entry(AuditAction::SignInThrottled));
        }
        throttled.into()
    })
}

/// Adds a failed sign-in to the audit log.
pub(crate) fn record_failure(ctx: &Context, subject: Option<UserId>) {
    let mut entry = ctx.audit_entry(AuditAction::SignInFailed);
    entry.subject_uid = subject;
    ctx.state.audit(entry);
}

/// Returns the credentials of the account with that address, if there is one, and whether the
/// password is right.
async fn check_password(
    ctx: &Context,
    email: Option<Email>,
    password: &PasswordAttempt,
) -> Result<(Option<Credentials>, bool), Error> {
    let find = move |email| ctx.read(move |tx| Ok(account::credentials_by_email(tx, &email)?));
    let found = match email {
        Some(email) => find(email).await?,
        None => None,
    };
    let stored = found.as_ref().map(|found| &found.password);
    let is_right = ctx.state.hasher.verify(password, stored).await?;
    Ok((found, is_right))
}

/// Opens a session, unless the password or the account has changed since it was checked.
async fn open_session(
    ctx: &Context,
    checked: &Credentials,
    password: &PasswordAttempt,
    tokens: &impl OpensSession,
) -> Result<bool, Error> {
    let stronger = ctx.state.hasher.rehash_if_weaker(password, &checked.password).await?;
    let (checked, tokens, device) = (checked.clone(), tokens.clone(), ctx.origin().device());
    ctx.transaction(move |tx| {
        let user = checked.user.uid;
        let session = tokens.session(user, &device);
        let opened = sign_in::open_session(tx, &checked, stronger.as_ref(), &session)?;
        let Some(account) = opened else { return Ok(false) };
        if tx.record_device(user)? {
            let device = tx.origin().described_device();
            tx.notify(&account, MailKind::NewDevice, device.as_ref())?;
        }
        tx.end_oldest_sessions(&account)?;
        let entry = tx.audit(AuditAction::SignIn);
        entry.actor_uid = Some(user);
        entry.detail = stronger.as_ref().and_then(|_| AuditDetail::parse("re-hashed").ok());
        Ok(true)
    })
    .await
}
