//! Signing up and signing in.

use actix_web::HttpResponse;
use recto_domain::{
    Account, AuditAction, AuditDetail, Email, Login, MailKind, PasswordAttempt, Role, SignUp, User,
    UserId, Username,
};
use recto_persistence::identity::account::{self, PasswordHash};
use recto_relations::Include;
use serde::Serialize;

use super::sessions::{Opening, Pair};
use super::{answer, mailing};
use crate::extract::{Body, Form, NoQuery, RequestOrigin};
use crate::present;
use crate::problem::{Problem, ProblemType};
use crate::state::Shared;

/// `POST /auth/signup`
pub(crate) async fn sign_up(
    state: Shared,
    witness: RequestOrigin,
    _: NoQuery,
    body: Body<SignUp>,
) -> Result<HttpResponse, Problem> {
    let input = body.checked()?;
    state.throttle.sign_up(&witness.client)?;
    let hash = state.hasher.hash(&input.password).await?;
    let shared = state.clone();
    let user = state
        .write_noting(move |conn, entries| {
            let SignUp { username, email, first_name, last_name, .. } = input.clone();
            let new = User::new(shared.ids.new_id(), username, first_name, last_name);
            let user = conn.insert(new)?;
            let account = Account::new(user.uid, email, Role::User);
            account::insert(conn, &account, &hash, user.created_at)?;
            mailing::enqueue(conn, &shared, &account, MailKind::Verification)?;
            let mut entry = witness.entry(&shared, AuditAction::SignUp);
            entry.actor_uid = Some(user.uid);
            entries.push(entry);
            Ok(user)
        })
        .await?;
    state.mail.enqueued();
    present::created(user)
}

/// What signing in gives.
#[derive(Serialize)]
struct SignedIn<'a> {
    #[serde(flatten)]
    pair: Pair,
    user: Profile<'a>,
}

#[derive(Serialize)]
struct Profile<'a> {
    uid: UserId,
    username: &'a Username,
    email: &'a Email,
    role: Role,
}

/// `POST /auth/login`
pub(crate) async fn login(
    state: Shared,
    witness: RequestOrigin,
    _: NoQuery,
    body: Body<Login>,
) -> Result<HttpResponse, Problem> {
    let Login { email, password } = body.checked()?;
    let opening = Opening::lasting(&state);
    let (user, account) =
        sign_in(&state, &witness, Some(email), &password, &opening).await?.ok_or_else(|| {
            let detail = "there is no account with that e-mail and password";
            Problem::new(ProblemType::WrongCredentials, detail)
        })?;
    answer(&SignedIn {
        pair: opening.pair(&state, user.uid),
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
    witness: RequestOrigin,
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
    let opening = Opening::short(&state);
    let signed_in = sign_in(&state, &witness, email, &password, &opening).await?;
    let (user, _) = signed_in.ok_or_else(refused)?;
    answer(&opening.pair(&state, user.uid))
}

/// Leaves in the audit, once a minute for each place, that passwords are guessed there.
pub(crate) async fn note_throttling(state: &Shared, witness: &RequestOrigin) {
    if state.throttle.is_worth_noting(&witness.client) {
        state.note(witness.entry(state, AuditAction::SignInThrottled)).await;
    }
}

/// Who has an address, with what the password is checked against.
struct Candidate {
    user: User,
    account: Account,
    hash: PasswordHash,
}

/// Opens a session for who has that address and password; `None` if nobody
/// has. Costs the same whether or not the address is known.
async fn sign_in(
    state: &Shared,
    witness: &RequestOrigin,
    email: Option<Email>,
    password: &PasswordAttempt,
    opening: &Opening,
) -> Result<Option<(User, Account)>, Problem> {
    let attempt = match state.throttle.sign_in(&witness.client, email.as_ref()) {
        Ok(attempt) => attempt,
        Err(refusal) => {
            note_throttling(state, witness).await;
            return Err(refusal);
        }
    };
    let (candidate, matches) = match judge(state, email, password).await {
        Ok(judged) => judged,
        Err(problem) => {
            attempt.give_back();
            return Err(problem);
        }
    };
    let subject = candidate.as_ref().map(|candidate| candidate.account.user_uid);
    if let Some(candidate) = candidate.filter(|one| matches && !one.account.disabled) {
        attempt.give_back();
        if open(state, witness, &candidate, password, opening).await? {
            return Ok(Some((candidate.user, candidate.account)));
        }
    }
    let mut entry = witness.entry(state, AuditAction::SignInFailed);
    entry.subject_uid = subject;
    state.note(entry).await;
    Ok(None)
}

/// Who has that address, if anybody, and whether that is the password.
async fn judge(
    state: &Shared,
    email: Option<Email>,
    password: &PasswordAttempt,
) -> Result<(Option<Candidate>, bool), Problem> {
    let candidate = candidate(state, email).await?;
    let stored = candidate.as_ref().map(|candidate| &candidate.hash);
    let matches = state.hasher.verify(password, stored).await?;
    Ok((candidate, matches))
}

async fn candidate(state: &Shared, email: Option<Email>) -> Result<Option<Candidate>, Problem> {
    state
        .database
        .read(move |conn| {
            let Some(email) = &email else { return Ok(None) };
            let Some((account, hash)) = account::by_email(conn, email)? else { return Ok(None) };
            let user = conn.find::<User>(account.user_uid, &Include::nothing())?;
            let user = user.and_then(|level| level.into_vec().pop());
            Ok::<_, Problem>(user.map(|user| Candidate { user, account, hash }))
        })
        .await
}

/// Begins the session, unless password or account are others by now.
async fn open(
    state: &Shared,
    witness: &RequestOrigin,
    candidate: &Candidate,
    password: &PasswordAttempt,
    opening: &Opening,
) -> Result<bool, Problem> {
    let stronger = state.hasher.stronger(password, &candidate.hash).await?;
    let (shared, witness) = (state.clone(), witness.clone());
    let (user, checked, opening) = (candidate.user.uid, candidate.hash.clone(), opening.clone());
    state
        .write_noting(move |conn, entries| {
            let present = account::lock_with_password(conn, user)?;
            let same = |(account, hash): &(Account, PasswordHash)| {
                !account.disabled && hash.0 == checked.0
            };
            if !present.as_ref().is_some_and(same) {
                return Ok(false);
            }
            if let Some(stronger) = &stronger {
                account::rehash(conn, user, stronger, &checked)?;
            }
            opening.open(conn, user, &witness)?;
            let mut entry = witness.entry(&shared, AuditAction::SignIn);
            entry.actor_uid = Some(user);
            entry.detail = stronger.as_ref().and_then(|_| AuditDetail::parse("re-hashed").ok());
            entries.push(entry);
            Ok(true)
        })
        .await
}
