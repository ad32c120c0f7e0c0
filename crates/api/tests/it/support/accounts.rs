//! Accounts and their credentials, written to the database because signing up is slow.

use std::net::Ipv4Addr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use recto_domain::{
    Account, ApiKey, ApiKeyId, Clock as _, Email, IdGenerator as _, MailedPurpose, MailedTokenId,
    Password, PasswordHash, Role, Scopes, Secret, SecretHash, Session, SessionId, TokenPairId,
    User, UserAgent, UserId, Username,
};
use recto_identity::mailed_token::MailedTokens;
use recto_identity::password::Hasher;
use recto_identity::secret::{Secrets, hash};
use recto_identity::token::Tokens;
use recto_persistence::identity::mailed_token::NewMailedToken;
use recto_persistence::identity::session::NewSession;
use recto_persistence::identity::{account, api_key, known_device, mailed_token, session};
use recto_persistence::{Connection, Database, Error, SystemIds};
use recto_testkit::server::{PASSWORD, Response, SECRET, TestClient, TestServer};

/// A valid password other than [`PASSWORD`].
pub(crate) const OTHER_PASSWORD: &str = "another password, quite as long";

/// Clients of an administrator and of two other accounts, and one without an account.
pub(crate) struct Clients<'s> {
    pub(crate) admin: TestClient<'s>,
    pub(crate) ada: TestClient<'s>,
    pub(crate) bob: TestClient<'s>,
    pub(crate) anonymous: TestClient<'s>,
}

impl<'s> Clients<'s> {
    /// Creates the accounts and signs them in.
    pub(crate) fn create(server: &'s TestServer) -> Self {
        // Starts to record panics of the server.
        super::raw_http::panics();
        Self {
            admin: create_account(server, "root", Role::Admin),
            ada: create_account(server, "ada", Role::User),
            bob: create_account(server, "bob", Role::User),
            anonymous: server.anonymous(),
        }
    }
}

/// Creates a verified account, `name@example.org`, and signs it in; its password is [`PASSWORD`].
pub(crate) fn create_account<'s>(server: &'s TestServer, name: &str, role: Role) -> TestClient<'s> {
    let name = name.to_owned();
    let create = move |conn: &mut Connection| {
        let user = insert_account(conn, &name, role)?;
        Ok::<_, Error>((user.uid, open_session(conn, user.uid, None)?.pair))
    };
    let created = server.database().open().write_blocking(create);
    let (user, pair) = created.expect("the rows are written");
    client(server, user, pair)
}

/// Creates a user without an account, as imports do.
pub(crate) fn create_user(server: &TestServer, name: &str) -> UserId {
    let user = new_user(name);
    let uid = user.uid;
    let insert = move |conn: &mut Connection| conn.insert(user.clone()).map(|_| ());
    server.database().open().write_blocking(insert).expect("the row is written");
    uid
}

/// Sends a form to the token endpoint.
pub(crate) fn request_token(server: &TestServer, form: &str) -> Response {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    server.anonymous().send("POST", "/auth/token", &headers, Some(form.as_bytes()))
}

/// A verified account with a session and every other credential; its password is [`PASSWORD`].
pub(crate) struct TestAccount<'s> {
    /// Sends the access token of the session.
    pub(crate) client: TestClient<'s>,
    /// Sends the access token of a session that began eleven minutes ago.
    pub(crate) earlier_client: TestClient<'s>,
    pub(crate) email: String,
    pub(crate) session: SessionId,
    pub(crate) refresh_token: Secret,
    pub(crate) read_key: (ApiKeyId, Secret),
    pub(crate) write_key: (ApiKeyId, Secret),
    pub(crate) full_key: (ApiKeyId, Secret),
    /// The token of a mailed link that verifies the address.
    pub(crate) verify_token: Secret,
    /// The token of a mailed link that resets the password.
    pub(crate) reset_token: Secret,
    /// The token of a mailed link that changes the address.
    pub(crate) email_token: Secret,
}

impl<'s> TestAccount<'s> {
    /// Creates an account in `database`, which is the server's.
    pub(crate) fn create(server: &'s TestServer, database: &Database, role: Role) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{role}{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let email = email(&name).to_string();
        let refresh_token = Secret::refresh_token(SystemIds.random());
        let refresh_hash = hash(&refresh_token);
        let create = move |conn: &mut Connection| {
            let user = insert_account(conn, &name, role)?.uid;
            Ok::<_, Error>((
                user,
                open_session(conn, user, Some(refresh_hash))?,
                open_session_at(conn, user, None, SystemIds.now() - TimeDelta::minutes(11))?,
                [
                    insert_key(conn, user, Scopes::READ)?,
                    insert_key(conn, user, Scopes::WRITE)?,
                    insert_key(conn, user, Scopes::ALL)?,
                ],
                [
                    issue_token(conn, user, MailedPurpose::Verify)?,
                    issue_token(conn, user, MailedPurpose::Reset)?,
                    issue_token(conn, user, MailedPurpose::ChangeEmail)?,
                ],
            ))
        };
        let created = database.write_blocking(create).expect("the rows are written");
        let (user, OpenSession { session, pair }, earlier, keys, tokens) = created;
        let [read_key, write_key, full_key] = keys;
        let [verify_token, reset_token, email_token] = tokens;
        Self {
            client: client(server, user, pair),
            earlier_client: client(server, user, earlier.pair),
            email,
            session,
            refresh_token,
            read_key,
            write_key,
            full_key,
            verify_token,
            reset_token,
            email_token,
        }
    }

    /// Returns a client that sends one of its API keys.
    pub(crate) fn client_with(&self, (_, key): &(ApiKeyId, Secret)) -> TestClient<'s> {
        let mut client = self.client.clone();
        client.token = Some(key.expose().to_owned());
        client
    }
}

fn new_user(name: &str) -> User {
    User::new(SystemIds.new_id(), Username::parse_reserved(name).unwrap(), None, None)
}

fn email(name: &str) -> Email {
    Email::parse(&format!("{name}@example.org")).unwrap()
}

/// Returns the hash of [`PASSWORD`], computed once.
fn password_hash() -> &'static PasswordHash {
    static HASH: OnceLock<PasswordHash> = OnceLock::new();
    HASH.get_or_init(|| {
        Hasher::default().hash_blocking(&Password::parse(PASSWORD).unwrap()).unwrap()
    })
}

fn insert_account(conn: &mut Connection, name: &str, role: Role) -> Result<User, Error> {
    let user = new_user(name);
    let account = Account::new_verified(user.uid, email(name), role);
    let user = account::create(conn, user, &account, password_hash())?;
    // Otherwise the first sign-in would be reported by mail.
    let client = recto_identity::ClientAddress::at(Ipv4Addr::LOCALHOST.into());
    let agent = UserAgent::of("ureq/3.5.2");
    let device = recto_identity::device::fingerprint(&client, agent.as_ref());
    known_device::record(conn, user.uid, &device, user.created_at)?;
    Ok(user)
}

struct OpenSession {
    session: SessionId,
    pair: TokenPairId,
}

fn open_session(
    conn: &mut Connection,
    user: UserId,
    refresh: Option<SecretHash>,
) -> Result<OpenSession, Error> {
    open_session_at(conn, user, refresh, SystemIds.now())
}

fn open_session_at(
    conn: &mut Connection,
    user: UserId,
    refresh: Option<SecretHash>,
    at: DateTime<Utc>,
) -> Result<OpenSession, Error> {
    let new = NewSession {
        id: SessionId::from_uuid(SystemIds.new_id().uid()),
        user,
        pair: TokenPairId::from_uuid(SystemIds.new_id().uid()),
        refresh,
        device: &recto_domain::Device::default(),
        at,
        expires_at: at + Session::IDLE,
    };
    session::open(conn, &new)?;
    Ok(OpenSession { session: new.id, pair: new.pair })
}

/// Returns a client that sends an access token of the session.
fn client(server: &TestServer, user: UserId, pair: TokenPairId) -> TestClient<'_> {
    let tokens = Tokens::new(&Secrets::new(SECRET, None).unwrap());
    let issued = tokens.issue(user, SystemIds.now(), pair.uuid());
    let mut client = server.bearer(&issued.access_token);
    client.uid = user.to_string();
    client
}

fn insert_key(
    conn: &mut Connection,
    user: UserId,
    scopes: Scopes,
) -> Result<(ApiKeyId, Secret), Error> {
    let secret = Secret::api_key(SystemIds.random());
    let new = ApiKey {
        id: ApiKeyId::from_uuid(SystemIds.new_id().uid()),
        name: scopes.to_string().parse().unwrap(),
        scopes,
        hint: secret.hint().to_owned(),
        created_at: SystemIds.now(),
        expires_at: None,
        last_used_at: None,
    };
    api_key::insert(conn, user, &new, &hash(&secret))?;
    Ok((new.id, secret))
}

fn issue_token(
    conn: &mut Connection,
    user: UserId,
    purpose: MailedPurpose,
) -> Result<Secret, Error> {
    let tokens = MailedTokens::new(&Secrets::new(SECRET, None).unwrap());
    let id = MailedTokenId::from_uuid(SystemIds.new_id().uid());
    let hash = tokens.hash(id);
    let new = NewMailedToken { id, user, purpose, hash, at: SystemIds.now() };
    if purpose == MailedPurpose::ChangeEmail {
        let address = Email::parse(&format!("new.{user}@example.org")).unwrap();
        mailed_token::issue_email_change(conn, &new, &address)?;
    } else {
        mailed_token::issue(conn, &new)?;
    }
    Ok(tokens.find(id, &hash).unwrap())
}
