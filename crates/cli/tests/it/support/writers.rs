//! Clients that write to a server at the same time, and the responses that they got.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::program::Program;

/// The number of clients that write at the same time.
const WRITERS: usize = 16;

const PASSWORD: &str = "a long enough password";

/// The number of books in a batch.
pub(crate) const BATCH: usize = 5;

/// A change that a client requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// A book of this title, with two tags and two contributors.
    Book,
    /// [`BATCH`] books, whose titles begin with the name.
    Batch,
    /// A review of the book of this title.
    Review,
    /// This number as the page count and the publisher of the book of this title.
    Change(u32),
    /// An API key of this name, with its audit entry.
    Key,
    /// A user of this name, with account, mail, token and audit entry.
    SignUp,
}

/// A request that was sent.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) write: Write,
    /// The title or name. Each is used for one book, batch, key or user.
    pub(crate) name: String,
    /// The moment at which a successful response arrived.
    pub(crate) acknowledged: Option<u64>,
}

/// Signed-in accounts and the server to write to.
pub(crate) struct Writers {
    address: String,
    tokens: Vec<String>,
    agent: ureq::Agent,
}

impl Writers {
    /// Creates accounts with the program and signs them in on its server.
    pub(crate) fn new(program: &Program, address: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_mins(1)))
            .max_idle_connections_per_host(WRITERS)
            .build();
        let mut writers =
            Self { address: address.to_owned(), tokens: Vec::new(), agent: config.into() };
        for number in 0..4 {
            let (name, email) = (format!("writer{number}"), format!("writer{number}@example.org"));
            let create = ["user", "create", "--password-stdin", "--username", &name, "--email"];
            let create = [&create[..], &[&email]].concat();
            program.run_with_input(&create, &format!("{PASSWORD}\n")).succeeded();
            writers.tokens.push(writers.sign_in(&email));
        }
        writers
    }

    /// Writes to another address from now on.
    pub(crate) fn move_to(&mut self, address: &str) {
        address.clone_into(&mut self.address);
    }

    /// Returns host and port of the server.
    pub(crate) fn host(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// Returns whether the server is ready.
    pub(crate) fn is_ready(&self) -> bool {
        let ready = self.agent.get(format!("{}/readyz", self.address)).call();
        ready.is_ok_and(|response| response.status() == 200)
    }

    /// Waits until the server is ready.
    pub(crate) fn wait_until_ready(&self) {
        let since = Instant::now();
        while !self.is_ready() {
            assert!(since.elapsed() < Duration::from_mins(1), "the server is not ready");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Writes with all clients until `disturb` returns or the server is gone. It gets the number of
    /// acknowledged writes so far. Names begin with `prefix`. `moment` returns the number that an
    /// acknowledged attempt is marked with.
    pub(crate) fn write(
        &self,
        prefix: &str,
        random: &mut fastrand::Rng,
        moment: impl Fn() -> u64 + Sync,
        disturb: impl FnOnce(&AtomicU64),
    ) -> Vec<Attempt> {
        let (attempts, stopped) = (Mutex::new(Vec::new()), AtomicBool::new(false));
        let acknowledged = AtomicU64::new(0);
        let moment = || {
            acknowledged.fetch_add(1, Ordering::Relaxed);
            moment()
        };
        thread::scope(|scope| {
            for number in 0..WRITERS {
                let mut writer = self.writer(number, prefix, random);
                let (attempts, stopped, moment) = (&attempts, &stopped, &moment);
                scope.spawn(move || {
                    while !stopped.load(Ordering::Relaxed) && writer.attempt(moment).is_ok() {}
                    attempts.lock().unwrap().extend(writer.attempts);
                });
            }
            disturb(&acknowledged);
            stopped.store(true, Ordering::Relaxed);
        });
        attempts.into_inner().unwrap()
    }

    /// Writes one of each kind, with one client.
    pub(crate) fn write_each_kind(&self, prefix: &str) -> Vec<Attempt> {
        let mut writer = self.writer(0, prefix, &mut fastrand::Rng::with_seed(0));
        for write in [Write::Book, Write::Batch, Write::Key, Write::SignUp] {
            writer.send(write, writer.new_name(), "", || 0).unwrap();
        }
        writer.book_with_changes(|| 0).unwrap();
        writer.attempts
    }

    /// Sends a request of the account with this number, with a body of JSON unless it is `null`.
    pub(crate) fn request(
        &self,
        account: usize,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.address))
            .header("authorization", format!("Bearer {}", self.token(account)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_null() {
            return self.agent.run(request.body(())?);
        }
        self.agent.run(request.header("content-type", "application/json").body(body.to_string())?)
    }

    /// Returns the access token of an account.
    pub(crate) fn token(&self, account: usize) -> &str {
        &self.tokens[account % self.tokens.len()]
    }

    fn writer(&self, number: usize, prefix: &str, random: &mut fastrand::Rng) -> Writer<'_> {
        Writer {
            writers: self,
            account: number,
            prefix: format!("{prefix}-{number}"),
            random: random.fork(),
            attempts: Vec::new(),
        }
    }

    fn sign_in(&self, email: &str) -> String {
        let url = format!("{}/api/v1/auth/login", self.address);
        let login = json!({"email": email, "password": PASSWORD});
        let mut response = self.agent.post(url).send_json(login).unwrap();
        let signed_in: Value = response.body_mut().read_json().unwrap();
        signed_in["access_token"].as_str().unwrap().to_owned()
    }
}

/// Waits until this many writes are acknowledged, or for a while.
pub(crate) fn wait_for(number: u64, acknowledged: &AtomicU64) {
    let since = Instant::now();
    while acknowledged.load(Ordering::Relaxed) < number && since.elapsed() < Duration::from_secs(5)
    {
        thread::sleep(Duration::from_millis(1));
    }
}

/// One client.
struct Writer<'w> {
    writers: &'w Writers,
    account: usize,
    prefix: String,
    random: fastrand::Rng,
    attempts: Vec<Attempt>,
}

impl Writer<'_> {
    /// Sends a random write. An error means that the server is gone.
    fn attempt(&mut self, moment: impl Fn() -> u64) -> Result<(), ureq::Error> {
        let write = match self.random.u32(..100) {
            0..50 => Write::Book,
            50..60 => Write::Batch,
            60..64 => Write::Key,
            64 => Write::SignUp,
            _ => return self.book_with_changes(&moment),
        };
        let name = self.new_name();
        self.send(write, name, "", &moment)?;
        Ok(())
    }

    /// Creates a book, reviews it and changes it.
    fn book_with_changes(&mut self, moment: impl Fn() -> u64) -> Result<(), ureq::Error> {
        let name = self.new_name();
        let Some(book) = self.send(Write::Book, name.clone(), "", &moment)? else { return Ok(()) };
        let uid = book["uid"].as_str().unwrap_or_default();
        self.send(Write::Review, name.clone(), uid, &moment)?;
        for number in 2..5 {
            self.send(Write::Change(number), name.clone(), uid, &moment)?;
        }
        Ok(())
    }

    fn new_name(&self) -> String {
        format!("{}-{}", self.prefix, self.attempts.len())
    }

    /// Returns the response, if it is a success.
    fn send(
        &mut self,
        write: Write,
        name: String,
        book: &str,
        moment: impl Fn() -> u64,
    ) -> Result<Option<Value>, ureq::Error> {
        let (method, path, body) = request(write, &name, book);
        let attempt = self.attempts.len();
        self.attempts.push(Attempt { write, name, acknowledged: None });
        let mut response = self.writers.request(self.account, (method, &path), &[], &body)?;
        let status = response.status().as_u16();
        if status >= 500 {
            return Ok(None);
        }
        let text = response.body_mut().read_to_string();
        assert!((200..300).contains(&status), "{write:?}: {status} {text:?}");
        self.attempts[attempt].acknowledged = Some(moment());
        Ok(Some(serde_json::from_str(&text?).unwrap()))
    }
}

fn request(write: Write, name: &str, book: &str) -> (&'static str, String, Value) {
    match write {
        Write::Book => {
            let body = json!({
                "title": name, "publisher": "1", "page_count": 1,
                "tags": [{"name": "shared"}, {"name": name}],
                "contributors": [{"name": "Ada Lovelace"}, {"name": name, "role": "translator"}],
            });
            ("POST", "/books".to_owned(), body)
        }
        Write::Batch => {
            let book = |number| json!({"title": format!("{name}-{number}"), "author": "Homer"});
            let books: Vec<Value> = (0..BATCH).map(book).collect();
            ("POST", "/books/batch".to_owned(), json!({"books": books}))
        }
        Write::Review => {
            let body = json!({"rating": 4, "review_text": name});
            ("POST", format!("/books/{book}/reviews"), body)
        }
        Write::Change(number) => {
            let body = json!({"page_count": number, "publisher": number.to_string()});
            ("PATCH", format!("/books/{book}"), body)
        }
        Write::Key => {
            let body = json!({"name": name, "scopes": ["read"]});
            ("POST", "/auth/keys".to_owned(), body)
        }
        Write::SignUp => {
            let email = format!("{name}@example.org");
            let body = json!({"username": name, "email": email, "password": PASSWORD});
            ("POST", "/auth/signup".to_owned(), body)
        }
    }
}
