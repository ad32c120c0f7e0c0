//! People with everything that somebody can have to show: tokens, keys, mailed links.

use std::sync::atomic::{AtomicU32, Ordering};

use recto_domain::{
    Account, ApiKey, ApiKeyId, Clock as _, Email, IdGenerator as _, MailedPurpose, MailedTokenId,
    Role, Scopes, Secret, Session, SessionId, TokenPairId, User, Username,
};
use recto_identity::mailed_token::MailedTokens;
use recto_identity::secret::{Secrets, hash};
use recto_identity::token::Tokens;
use recto_persistence::identity::mailed_token::NewMailedToken;
use recto_persistence::identity::session::NewSession;
use recto_persistence::identity::{account, api_key, mailed_token, session};
use recto_persistence::{Connection, Database, Error, SystemIds};
use recto_testkit::server::{Client, SECRET, TestServer};

use super::fixtures::password;

/// Somebody with a verified account, signed in; the password is everybody's.
pub(crate) struct Person<'s> {
    pub(crate) client: Client<'s>,
    pub(crate) email: String,
    pub(crate) session: SessionId,
    pub(crate) refresh: Secret,
    /// For reading, for writing, for both.
    pub(crate) keys: [(ApiKeyId, Secret); 3],
    /// Tokens of links as they are mailed.
    pub(crate) verify: Secret,
    pub(crate) reset: Secret,
}

impl<'s> Person<'s> {
    /// Makes somebody new; `on` is the server's database.
    pub(crate) fn enter(server: &'s TestServer, on: &Database, role: Role) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{role}{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let entered = on.write_blocking(move |conn| enter(conn, &name, role));
        let Rows { user, pair, session, refresh, keys, links } =
            entered.expect("the rows are written");
        let now = SystemIds.now();
        let issued =
            Tokens::new(&Secrets::new(SECRET, None).unwrap()).issue(user.uid, now, pair.uuid());
        let mut client = server.bearer(&issued.access_token);
        client.uid = user.uid.to_string();
        let email = address(user.username.as_str()).to_string();
        let [verify, reset] = links;
        Self { client, email, session, refresh, keys, verify, reset }
    }

    /// The same person, who sends one of its keys: for reading (0), for writing (1), for both (2).
    pub(crate) fn by_key(&self, index: usize) -> Client<'s> {
        let mut client = self.client.clone();
        client.token = Some(self.keys[index].1.expose().to_owned());
        client
    }
}

/// What has been written of somebody.
struct Rows {
    user: User,
    pair: TokenPairId,
    session: SessionId,
    refresh: Secret,
    keys: [(ApiKeyId, Secret); 3],
    /// To verify, to reset.
    links: [Secret; 2],
}

fn address(name: &str) -> Email {
    Email::parse(&format!("{name}@example.org")).unwrap()
}

fn enter(conn: &mut Connection, name: &str, role: Role) -> Result<Rows, Error> {
    let user = User::new(SystemIds.new_id(), Username::parse(name).unwrap(), None, None);
    let mut account = Account::new(user.uid, address(name), role);
    account.verified = true;
    conn.insert(user.clone())?;
    account::insert(conn, &account, password(), user.created_at)?;

    let now = SystemIds.now();
    let refresh = Secret::refresh_token(SystemIds.random());
    let new = NewSession {
        id: SessionId::from_uuid(SystemIds.new_id().uid()),
        user: user.uid,
        pair: TokenPairId::from_uuid(SystemIds.new_id().uid()),
        refresh: Some(hash(&refresh)),
        client: &recto_domain::Client::default(),
        at: now,
        expires_at: now + Session::IDLE,
    };
    session::open(conn, &new)?;

    let mut keys = Vec::new();
    for scopes in [Scopes::READ, Scopes::WRITE, Scopes::ALL] {
        let secret = Secret::api_key(SystemIds.random());
        let made = ApiKey {
            id: ApiKeyId::from_uuid(SystemIds.new_id().uid()),
            name: scopes.as_str().parse().unwrap(),
            scopes,
            hint: secret.hint().to_owned(),
            created_at: now,
            expires_at: None,
            last_used_at: None,
        };
        api_key::insert(conn, user.uid, &made, &hash(&secret))?;
        keys.push((made.id, secret));
    }

    let tokens = MailedTokens::new(&Secrets::new(SECRET, None).unwrap());
    let mut links = Vec::new();
    for purpose in [MailedPurpose::Verify, MailedPurpose::Reset] {
        let id = MailedTokenId::from_uuid(SystemIds.new_id().uid());
        let hash = tokens.hash(id);
        mailed_token::issue(conn, &NewMailedToken { id, user: user.uid, purpose, hash, at: now })?;
        links.push(tokens.find(id, &hash).unwrap());
    }
    let keys = keys.try_into().unwrap_or_else(|_| panic!("three were made"));
    let links = links.try_into().unwrap_or_else(|_| panic!("two were made"));
    Ok(Rows { user, pair: new.pair, session: new.id, refresh, keys, links })
}
