//! A server on its own port, and a client for it.

mod client;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use recto_api::{ConnectionCounters, Connections, Settings, State};
use recto_domain::{Clock as _, Role};
use recto_identity::password::Hasher;
use recto_identity::throttle::Limits;
use recto_mail::Delivery;
use recto_persistence::identity::account;
use recto_persistence::{Database, Options, Statistics, SystemIds};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::database::{Engine, FreshDatabase, fresh};
use crate::ids::MovableClock;

pub use client::{Response, TestClient};

/// A server on a fresh database, stopped when it is dropped.
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
    /// Closed before the database is removed.
    opened: Database,
    database: Arc<FreshDatabase>,
    ids: MovableClock,
    address: SocketAddr,
    hasher: Hasher,
    connections: Arc<Connections>,
    mail: TempDir,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
    agent: ureq::Agent,
}

/// The password of the accounts that a [`TestServer`] creates.
pub const PASSWORD: &str = "a long enough password";

/// The secret of a [`TestServer`].
pub const SECRET: &[u8] = b"a secret for tests, and nothing else";

impl TestServer {
    /// Starts a server, or returns `None` if the engine is not installed.
    ///
    /// # Panics
    /// If the server cannot start.
    pub fn start(engine: Engine) -> Option<Self> {
        fresh(engine).map(Self::on)
    }

    /// Starts a server on this database.
    ///
    /// # Panics
    /// If the server cannot start.
    pub fn on(database: FreshDatabase) -> Self {
        Self::with(database, Self::settings())
    }

    /// Returns the default settings of test servers, without throttling and quotas.
    pub fn settings() -> Settings {
        let settings = Settings::new("127.0.0.1:0", SECRET);
        Settings { workers: Some(1), limits: Limits::none(), quotas: None, ..settings }
    }

    /// Starts a server on this database with these settings. Mail files are written to the server's
    /// own [directory](Self::mail_directory).
    ///
    /// # Panics
    /// If the server cannot start.
    pub fn with(database: FreshDatabase, settings: Settings) -> Self {
        Self::with_options(database, Options::default(), settings)
    }

    /// Starts a server on this database, opened with these options.
    ///
    /// # Panics
    /// If the server cannot start.
    pub fn with_options(database: FreshDatabase, options: Options, settings: Settings) -> Self {
        Self::launch(Arc::new(database), options, MovableClock::default(), settings)
    }

    /// Starts another server on the same database, with the same clock.
    ///
    /// # Panics
    /// If the server cannot start.
    #[must_use]
    pub fn another(&self, settings: Settings) -> Self {
        Self::launch(self.database.clone(), Options::default(), self.ids.clone(), settings)
    }

    fn launch(
        database: Arc<FreshDatabase>,
        options: Options,
        ids: MovableClock,
        mut settings: Settings,
    ) -> Self {
        let mail = tempfile::tempdir().expect("a temporary directory can be created");
        if let Delivery::Files(directory) = &mut settings.mail.delivery {
            mail.path().clone_into(directory);
        }
        let opened = database.open_with(options);
        let state = State::with_ids(opened.clone(), &settings, Arc::new(ids.clone()))
            .expect("the secret is long enough");
        let (hasher, connections) = (state.hasher.clone(), state.connections.clone());
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let (addresses, server) =
                    recto_api::bind(state, &settings).expect("a port is free");
                sender.send((addresses[0], server.handle())).expect("the receiver waits");
                server.await.expect("the server runs until it is stopped");
            });
        });
        let (address, handle) = receiver.recv().expect("the server starts");
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let agent = config.new_agent();
        Self {
            database,
            opened,
            ids,
            address,
            hasher,
            connections,
            mail,
            handle,
            thread: Some(thread),
            agent,
        }
    }

    /// Returns the server's database.
    pub fn database(&self) -> &FreshDatabase {
        &self.database
    }

    /// Returns what the threads of the server's database do.
    pub fn database_statistics(&self) -> Statistics {
        self.opened.statistics()
    }

    /// Returns the server's clock.
    pub fn clock(&self) -> &MovableClock {
        &self.ids
    }

    /// Returns the address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of a path, which is below `/api/v1` unless it begins with one of the other
    /// paths that the server has.
    pub fn url(&self, path: &str) -> String {
        let pages = [
            "/api/",
            "/assets/",
            "/favicon.ico",
            "/docs",
            "/problems",
            "/livez",
            "/readyz",
            "/metrics",
            "/schema",
        ];
        let mailed = ["/verify", "/reset-password", "/confirm-email"];
        let mut outside = pages.iter().chain(&mailed);
        let base = if path == "/" || outside.any(|prefix| path.starts_with(prefix)) {
            ""
        } else {
            recto_api::BASE_PATH
        };
        format!("http://{}{base}{path}", self.address)
    }

    /// Returns the directory that the server writes mail files to.
    pub fn mail_directory(&self) -> &Path {
        self.mail.path()
    }

    /// Returns how often the server has hashed or checked a password.
    pub fn hashes_done(&self) -> u64 {
        self.hasher.hashes_done()
    }

    /// Returns the number of open connections, the memory that they hold, and what was refused.
    pub fn connection_counters(&self) -> ConnectionCounters {
        self.connections.counters()
    }

    /// Returns a typed client ([`recto_client::Client`]), not signed in. Its calls need a tokio
    /// runtime.
    ///
    /// The other clients of this server send raw requests, which tests of the interface itself
    /// need.
    ///
    /// ```
    /// use recto_domain::Book;
    /// use recto_testkit::database::Engine;
    /// use recto_testkit::server::{PASSWORD, TestServer};
    ///
    /// let Some(server) = TestServer::start(Engine::Sqlite) else { return Ok(()) };
    /// server.sign_up("ada");
    /// let client = server.client();
    /// # let runtime = actix_web::rt::System::new();
    /// runtime.block_on(async {
    ///     client.sign_in("ada@example.org", PASSWORD).await?;
    ///     assert!(client.list::<Book>().await?.items.is_empty());
    ///     Ok::<(), recto_client::Error>(())
    /// })?;
    /// # Ok::<(), recto_client::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the client cannot be built.
    pub fn client(&self) -> recto_client::Client {
        // Neither a proxy nor the system's certificates are needed.
        let http = recto_client::reqwest::Client::builder().no_proxy().tls_certs_only([]);
        recto_client::Client::builder(format!("http://{}", self.address))
            .http(http)
            .build()
            .expect("the URL is one of http, and the other settings are constants")
    }

    /// Returns a client that is not signed in.
    pub fn anonymous(&self) -> TestClient<'_> {
        TestClient::new(self, None, String::new())
    }

    /// Returns a client that sends this access token, valid or not.
    pub fn bearer(&self, token: &str) -> TestClient<'_> {
        TestClient::new(self, Some(token.to_owned()), String::new())
    }

    /// Sends a GET request without signing in.
    pub fn get(&self, path: &str) -> Response {
        self.anonymous().get(path)
    }

    /// Creates the verified account `name@example.org` and signs it in.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn sign_up(&self, name: &str) -> TestClient<'_> {
        let client = self.sign_up_unverified(name);
        let user = client.uid.parse().expect("a user has an id");
        let database = self.database.open();
        outside_of_runtime(|| {
            database
                .write_blocking(move |conn| account::set_verified(conn, user, SystemIds.now()))
                .expect("an account can be verified");
        });
        client
    }

    /// Creates the unverified account `name@example.org` and signs it in.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn sign_up_unverified(&self, name: &str) -> TestClient<'_> {
        let email = format!("{name}@example.org");
        let body = json!({"username": name, "email": email, "password": PASSWORD});
        let user = self.anonymous().post("/auth/signup", &body);
        assert_eq!(user.status, 201, "{user:?}");
        self.sign_in(&email)
    }

    /// Signs in an account.
    ///
    /// # Panics
    /// If the account does not exist or its password is not [`PASSWORD`].
    pub fn sign_in(&self, email: &str) -> TestClient<'_> {
        let body = json!({"email": email, "password": PASSWORD});
        let response = self.anonymous().post("/auth/login", &body);
        assert_eq!(response.status, 200, "{response:?}");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let token = text(&response.json["access_token"]);
        TestClient::new(self, Some(token), text(&response.json["user"]["uid"]))
    }

    /// Creates an administrator and signs it in.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn sign_up_admin(&self, name: &str) -> TestClient<'_> {
        let client = self.sign_up(name);
        let user = client.uid.parse().expect("a user has an id");
        let database = self.database.open();
        outside_of_runtime(|| {
            database
                .write_blocking(move |conn| {
                    let account =
                        account::of_user(conn, user)?.expect("the account was just created");
                    account::set_role(conn, &account, Role::Admin, SystemIds.now())
                })
                .expect("a role can be set");
        });
        client
    }
}

/// Runs work on a thread of its own: a test may call it in a tokio runtime, which refuses to block.
fn outside_of_runtime(work: impl FnOnce() + Send) {
    // The scope panics if the work does.
    std::thread::scope(|scope| _ = scope.spawn(work));
}

/// Runs a test on a server with a fresh database, or reports that it was skipped.
///
/// # Panics
/// Like the test, or if the server cannot start.
///
/// ```
/// use recto_testkit::database::Engine;
/// use recto_testkit::server::run;
///
/// run(Engine::Sqlite, "liveness", |server| assert_eq!(server.get("/livez").status, 200));
/// ```
pub fn run(engine: Engine, name: &str, test: impl FnOnce(&TestServer)) {
    match TestServer::start(engine) {
        Some(server) => test(&server),
        None => {
            // The test harness hides the output of `eprintln!` unless a test fails.
            let _ = writeln!(io::stderr(), "skipped: {name}: {engine} is not installed");
        }
    }
}

/// Declares two tests for each function of a running server: `name::sqlite` and `name::postgres`.
///
/// ```
/// use recto_testkit::{both_servers, server::TestServer};
///
/// fn new_catalogue_is_empty(server: &TestServer) {
///     assert!(server.get("/books").json["items"].as_array().unwrap().is_empty());
/// }
///
/// both_servers!(new_catalogue_is_empty);
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
        // The future need not be awaited: the thread ends when the server has stopped.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
