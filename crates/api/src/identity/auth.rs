//! Signing up, signing in, and who one is.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use recto_domain::relation::{Entity as _, Include, Level};
use recto_domain::{Account, Email, Login, PasswordAttempt, Role, SignUp, User, UserId, Username};
use recto_persistence::catalog::user;
use recto_persistence::find;
use recto_persistence::identity::account;
use serde::Serialize;

use super::Accounts;
use crate::client::Client;
use crate::extract::{Body, Caller, Form, NoQuery};
use crate::present;
use crate::problem::{Kind, Problem};
use crate::state::{Shared, State};

/// `POST /auth/signup`
pub(crate) async fn sign_up(
    state: Shared,
    client: Client,
    _: NoQuery,
    body: Body<SignUp>,
) -> Result<HttpResponse, Problem> {
    let input = body.checked()?;
    state.throttle.sign_up(&client)?;
    let hash = state.hasher.hash(&input.password).await?;
    let mint = state.mint.clone();
    let user = state
        .database
        .write(move |conn| {
            let SignUp { username, email, first_name, last_name, .. } = input.clone();
            let user = User::new(mint.stamp(), username, first_name, last_name);
            let mut account = Account::new(user.uid, email, Role::User);
            account.verified = true;
            user::insert(conn, &user)?;
            account::insert(conn, &account, &hash, user.created_at)?;
            Ok::<_, Problem>(user)
        })
        .await?;
    present::created(user)
}

/// What signing in gives.
#[derive(Serialize)]
struct SignedIn<'a> {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    user: Profile<'a>,
}

#[derive(Serialize)]
struct Profile<'a> {
    uid: UserId,
    username: &'a Username,
    email: &'a Email,
    role: Role,
}

/// What the token endpoint gives (RFC 6749 section 5.1).
#[derive(Serialize)]
struct Granted {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
}

/// `POST /auth/login`
pub(crate) async fn login(
    state: Shared,
    client: Client,
    _: NoQuery,
    body: Body<Login>,
) -> Result<HttpResponse, Problem> {
    let Login { email, password } = body.checked()?;
    let found = authenticate(&state, &client, Some(email), &password).await?;
    let (user, account) = found.ok_or_else(|| {
        Problem::new(Kind::WrongCredentials, "there is no account with that e-mail and password")
    })?;
    let stamp = state.mint.stamp();
    let issued = state.tokens.issue(user.uid, stamp.at(), stamp.uid());
    answer(&SignedIn {
        access_token: issued.access_token,
        token_type: "Bearer",
        expires_in: issued.expires_in,
        user: Profile {
            uid: user.uid,
            username: &user.username,
            email: &account.email,
            role: account.role,
        },
    })
}

/// `POST /auth/token`: the password grant of RFC 6749 section 4.3, for Swagger UI.
pub(crate) async fn token(
    state: Shared,
    client: Client,
    _: NoQuery,
    form: Form,
) -> Result<HttpResponse, Problem> {
    if !state.password_grant {
        return Err(Problem::oauth("unsupported_grant_type", "the password grant is turned off"));
    }
    let required = |name| {
        form.get(name)
            .ok_or_else(|| Problem::oauth("invalid_request", format!("`{name}` is missing")))
    };
    if let Some(name) = form.repeated() {
        return Err(Problem::oauth("invalid_request", format!("`{name}` is repeated")));
    }
    if required("grant_type")? != "password" {
        return Err(Problem::oauth("unsupported_grant_type", "the one grant here is `password`"));
    }
    let (username, password) = (required("username")?, required("password")?);
    let refused =
        || Problem::oauth("invalid_grant", "there is no account with that e-mail and password");
    let password = PasswordAttempt::parse(password).map_err(|_| refused())?;
    // What is no address belongs to nobody, but costs the same to refuse.
    let email = Email::parse(username).ok();
    let (user, _) = authenticate(&state, &client, email, &password).await?.ok_or_else(refused)?;
    let stamp = state.mint.stamp();
    let issued = state.tokens.issue(user.uid, stamp.at(), stamp.uid());
    answer(&Granted {
        access_token: issued.access_token,
        token_type: "Bearer",
        expires_in: issued.expires_in,
    })
}

/// `GET /auth/me`: the caller, with account, books and reviews.
pub(crate) async fn me(state: Shared, caller: Caller, _: NoQuery) -> Result<HttpResponse, Problem> {
    let include = Include::parse(User::INFO, "books,reviews")
        .map_err(|error| Problem::new(Kind::Internal, error.to_string()))?;
    let (level, accounts, include) = state
        .database
        .read(move |conn| {
            conn.snapshot(|conn| {
                let account = caller.account(conn)?;
                let level: Level<User> = find(conn, account.user_uid, &include)?
                    .ok_or_else(|| Problem::not_found("user"))?;
                let accounts = Accounts::of(conn, &level)?;
                Ok::<_, Problem>((level, accounts, include.clone()))
            })
        })
        .await?;
    present::item_beside(StatusCode::OK, &level, &include, &|index| accounts.beside(index))
}

/// Who has that address and password. Costs the same whether or not the
/// address is known.
async fn authenticate(
    state: &State,
    client: &Client,
    email: Option<Email>,
    password: &PasswordAttempt,
) -> Result<Option<(User, Account)>, Problem> {
    let attempt = state.throttle.sign_in(client, email.as_ref())?;
    let found = state
        .database
        .read(move |conn| {
            let Some(email) = &email else { return Ok(None) };
            let Some((account, hash)) = account::by_email(conn, email)? else { return Ok(None) };
            let user = find::<User>(conn, account.user_uid, &Include::nothing())?;
            let user = user.and_then(|level| level.into_entities().pop());
            Ok::<_, Problem>(user.map(|user| (user, account, hash)))
        })
        .await?;
    let stored = found.as_ref().map(|(_, _, hash)| hash);
    let matches = state.hasher.verify(password, stored).await?;
    let found = found.filter(|(_, account, _)| matches && !account.disabled);
    if found.is_some() {
        attempt.give_back();
    }
    Ok(found.map(|(user, account, _)| (user, account)))
}

/// Tokens are not to be kept by anything on the way (RFC 6749 section 5.1).
fn answer(body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let body = serde_json::to_vec(body)
        .map_err(|error| Problem::new(Kind::Internal, error.to_string()))?;
    let mut response = present::json(StatusCode::OK, body);
    let no_store = header::HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}
