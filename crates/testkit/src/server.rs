//! A running Recto: a real server on a port of its own, and a client for it.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use recto_api::{Settings, State};
use recto_domain::{Clock as _, Role};
use recto_identity::password::Hasher;
use recto_identity::throttle::Limits;
use recto_mail::Delivery;
use recto_persistence::SystemIds;
use recto_persistence::identity::account;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::database::{Engine, Fresh, fresh};
use crate::ids::MovableClock;

/// A server on a fresh database, gone when dropped.
///
/// ```
/// use recto_testkit::database::Engine;
/// use recto_testkit::server::TestServer;
///
/// let Some(server) = TestServer::start(Engine::Sqlite) else { return };
/// let ada = server.sign_up("ada");
/// let book = ada.post("/books", &serde_json::json!({"title": "Notes", "author": "Ada Lovelace"}));
/// assert_eq!(book.status, 201);
/// assert_eq!(server.get(&format!("/books/{}", book.json["uid"].as_str().unwrap())).status, 200);
/// ```
pub struct TestServer {
    database: Arc<Fresh>,
    ids: MovableClock,
    address: SocketAddr,
    hasher: Hasher,
    mail: TempDir,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
    agent: ureq::Agent,
}

/// The password of everybody whom a [`TestServer`] signs up.
pub const PASSWORD: &str = "a long enough password";

/// What a [`TestServer`] signs access tokens with.
pub const SECRET: &[u8] = b"a secret for tests, and nothing else";

impl TestServer {
    /// Starts a server; `None` if PostgreSQL is asked for but missing, which
    /// has been said loudly then.
    ///
    /// # Panics
    /// If the server cannot start.
    pub fn start(engine: Engine) -> Option<Self> {
        fresh(engine).map(Self::on)
    }

    /// Starts a server on that database.
    ///
    /// # Panics
    /// If the server cannot start.
    pub fn on(database: Fresh) -> Self {
        Self::with(database, Self::settings())
    }

    /// What it is started with unless a test says otherwise: nobody is throttled.
    pub fn settings() -> Settings {
        let settings = Settings::new("127.0.0.1:0", SECRET);
        Settings { workers: Some(1), limits: Limits::none(), ..settings }
    }

    /// Starts a server on that database, with those settings; mail that is to become files
    /// becomes so in a directory of the server's own.
    ///
    /// # Panics
    /// If the server cannot start.
    pub fn with(database: Fresh, settings: Settings) -> Self {
        Self::launch(Arc::new(database), MovableClock::default(), settings)
    }

    /// Starts another copy of the server on the same database, with the same clock.
    ///
    /// # Panics
    /// If the server cannot start.
    #[must_use]
    pub fn another(&self, settings: Settings) -> Self {
        Self::launch(self.database.clone(), self.ids.clone(), settings)
    }

    fn launch(database: Arc<Fresh>, ids: MovableClock, mut settings: Settings) -> Self {
        let mail = tempfile::tempdir().expect("temporary directories can be made");
        if let Delivery::Files(directory) = &mut settings.mail.delivery {
            mail.path().clone_into(directory);
        }
        let state = State::with_ids(database.open(), &settings, Arc::new(ids.clone()))
            .expect("the secret is long enough");
        let hasher = state.hasher.clone();
        let (told, started) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let (addresses, server) =
                    recto_api::bind(state, &settings).expect("a free port can be had");
                told.send((addresses[0], server.handle())).expect("the starter waits");
                server.await.expect("the server runs until it is stopped");
            });
        });
        let (address, handle) = started.recv().expect("the server starts");
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let agent = config.new_agent();
        Self { database, ids, address, hasher, mail, handle, thread: Some(thread), agent }
    }

    /// The database behind it.
    pub fn database(&self) -> &Fresh {
        &self.database
    }

    /// The server's clock, to be set forward.
    pub fn clock(&self) -> &MovableClock {
        &self.ids
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path; one that does not begin with a room outside the base
    /// path is below `/api/v1`.
    pub fn url(&self, path: &str) -> String {
        let rooms = ["/api/", "/docs", "/problems/", "/livez", "/readyz", "/schema"];
        let mailed = ["/verify", "/reset-password"];
        let mut outside = rooms.iter().chain(&mailed);
        let base = if path == "/" || outside.any(|room| path.starts_with(room)) {
            ""
        } else {
            recto_api::BASE_PATH
        };
        format!("http://{}{base}{path}", self.address)
    }

    /// The directory that the server writes its mail to.
    pub fn mail_directory(&self) -> &Path {
        self.mail.path()
    }

    /// How many times the server has hashed or checked a password.
    pub fn hashes_done(&self) -> u64 {
        self.hasher.hashes_done()
    }

    /// A client that is not signed in.
    pub fn anonymous(&self) -> Client<'_> {
        Client { server: self, token: None, uid: String::new() }
    }

    /// A client that sends this access token, whatever it is worth.
    pub fn bearer(&self, token: &str) -> Client<'_> {
        Client { token: Some(token.to_owned()), ..self.anonymous() }
    }

    /// Reads a path, without signing in.
    pub fn get(&self, path: &str) -> Answer {
        self.anonymous().get(path)
    }

    /// Makes a verified account, `name@example.org`, and signs it in.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn sign_up(&self, name: &str) -> Client<'_> {
        let client = self.sign_up_unverified(name);
        let user = client.uid.parse().expect("a user has a key");
        self.database
            .open()
            .write_blocking(move |conn| account::set_verified(conn, user, SystemIds.now()))
            .expect("an account can be verified");
        client
    }

    /// Makes an account, `name@example.org`, whose address nobody has verified, and signs it in.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn sign_up_unverified(&self, name: &str) -> Client<'_> {
        let email = format!("{name}@example.org");
        let body = json!({"username": name, "email": email, "password": PASSWORD});
        let user = self.anonymous().post("/auth/signup", &body);
        assert_eq!(user.status, 201, "{user:?}");
        self.sign_in(&email)
    }

    /// Signs in an account.
    ///
    /// # Panics
    /// If there is no such account, or its password is not [`PASSWORD`].
    pub fn sign_in(&self, email: &str) -> Client<'_> {
        let body = json!({"email": email, "password": PASSWORD});
        let answer = self.anonymous().post("/auth/login", &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Client {
            server: self,
            token: Some(text(&answer.json["access_token"])),
            uid: text(&answer.json["user"]["uid"]),
        }
    }

    /// Makes an administrator and signs it in.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn sign_up_admin(&self, name: &str) -> Client<'_> {
        let client = self.sign_up(name);
        let user = client.uid.parse().expect("a user has a key");
        self.database
            .open()
            .write_blocking(move |conn| {
                let account = account::of_user(conn, user)?.expect("it has just been made");
                account::set_role(conn, &account, Role::Admin, SystemIds.now())
            })
            .expect("a role can be set");
        client
    }
}

/// Runs a test on a server with a fresh database, or says loudly that it was
/// skipped.
///
/// # Panics
/// When the test does, and when the server cannot start.
///
/// ```
/// use recto_testkit::database::Engine;
/// use recto_testkit::server::run;
///
/// run(Engine::Sqlite, "it lives", |server| assert_eq!(server.get("/livez").status, 200));
/// ```
pub fn run(engine: Engine, name: &str, test: impl FnOnce(&TestServer)) {
    match TestServer::start(engine) {
        Some(server) => test(&server),
        None => {
            // Not `eprintln!`, which the test harness shows for failed tests only.
            let _ = writeln!(io::stderr(), "skipped: {name}: {engine} is not installed");
        }
    }
}

/// Makes two tests of each function of a running server: `name::sqlite` and
/// `name::postgres`.
///
/// ```
/// use recto_testkit::{both_servers, server::TestServer};
///
/// fn the_catalogue_is_empty(server: &TestServer) {
///     assert!(server.get("/books").json["items"].as_array().unwrap().is_empty());
/// }
///
/// both_servers!(the_catalogue_is_empty);
/// ```
#[macro_export]
macro_rules! both_servers {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn sqlite() {
                $crate::server::run(
                    $crate::database::Engine::Sqlite, stringify!($name), super::$name,
                );
            }

            #[test]
            fn postgres() {
                $crate::server::run(
                    $crate::database::Engine::Postgres, stringify!($name), super::$name,
                );
            }
        }
    )+};
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // Stopping is asked for from outside the server's runtime; what it
        // gives back need not be awaited, the thread ends with the server.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Somebody who sends requests.
#[derive(Clone)]
pub struct Client<'s> {
    server: &'s TestServer,
    /// The access token, if signed in.
    pub token: Option<String>,
    /// The key of the user; empty if not signed in.
    pub uid: String,
}

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The body as JSON; `null` if it is none.
    pub json: Value,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client<'_> {
    /// `GET`.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    /// `DELETE`.
    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None)
    }

    /// `POST` of JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send_json("POST", path, body)
    }

    /// `PUT` of JSON.
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send_json("PUT", path, body)
    }

    /// `PATCH` of a merge patch.
    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send_json("PATCH", path, body)
    }

    /// Any method with a JSON body.
    pub fn send_json(&self, method: &str, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send(method, path, &headers, Some(body.to_string().as_bytes()))
    }

    /// Anything.
    ///
    /// # Panics
    /// If the server cannot be reached.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(self.server.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = match body {
            Some(body) => self.run(request.body(body)),
            None => self.run(request.body(())),
        };
        let mut response = response.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let text = |value: &ureq::http::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(256 << 20)
            .read_to_vec()
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Answer { status, headers, body, json }
    }

    fn run<B: ureq::AsSendBody>(
        &self,
        request: Result<ureq::http::Request<B>, ureq::http::Error>,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let request = request.map_err(ureq::Error::Http)?;
        // A test may send a body where none is expected, or none where one is.
        let request = self.server.agent.configure_request(request).allow_non_standard_methods(true);
        self.server.agent.run(request.build())
    }
}
