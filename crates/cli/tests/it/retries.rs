//! Changes of servers that are killed: with a condition and an idempotency key, a client that gets
//! no response sends its request again, and each change is made once.
//!
//! `just races` sends more of them. A failure names the seed.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;
use serde_json::{Value, json};

use crate::support::program::{Program, RunningServer};
use crate::support::random::{number_from_environment, seed};
use crate::support::writers::Writers;

both_engines!(killed_server_replays_its_response, racing_changes_are_made_once);

/// The number of clients that race.
const CLIENTS: usize = 16;

/// The number of books that they change.
const BOOKS: usize = 3;

fn program(database: &FreshDatabase) -> Program {
    let program =
        Program::on(database).with("RECTO_SECRET", "a secret of thirty-two bytes or more");
    program.with("RECTO_THROTTLE", "off").with("RECTO_QUOTAS", "off").with("RECTO_LOG", "error")
}

fn add_book(writers: &Writers) -> Value {
    let book = json!({"title": "Emma", "author": "Jane Austen", "page_count": 1});
    let created = writers.request(0, ("POST", "/books"), &[], &book);
    created.unwrap().body_mut().read_json().unwrap()
}

/// The server commits the change, and is killed before the client has read the response.
fn killed_server_replays_its_response(database: &FreshDatabase) {
    let program = program(database);
    let mut server = program.serve(&[]);
    let mut writers = Writers::new(&program, &server.address());
    let reviews = format!("/books/{}/reviews", add_book(&writers)["uid"].as_str().unwrap());
    let review = json!({"rating": 5, "review_text": "Twice."});
    let key = [("idempotency-key", "after-the-storm")];
    let count = |writers: &Writers| {
        let page = writers.request(0, ("GET", &reviews), &[], &Value::Null);
        let page: Value = page.unwrap().body_mut().read_json().unwrap();
        page["items"].as_array().unwrap().len()
    };

    let mut connection = TcpStream::connect(writers.host()).unwrap();
    let body = review.to_string();
    let request = format!(
        "POST /api/v1{reviews} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         idempotency-key: after-the-storm\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        writers.token(0),
        body.len(),
    );
    connection.write_all(request.as_bytes()).unwrap();
    let since = Instant::now();
    while count(&writers) == 0 {
        assert!(since.elapsed() < Duration::from_mins(1), "the review is not written");
    }
    server.signal("KILL");
    assert_eq!(server.wait().code, None);

    server = program.serve(&[]);
    writers.move_to(&server.address());
    let mut again = writers.request(0, ("POST", &reviews), &key, &review).unwrap();
    assert_eq!(again.status(), 201);
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    let response: Value = again.body_mut().read_json().unwrap();
    assert_eq!(response["review_text"], "Twice.");
    assert_eq!(count(&writers), 1);
    let without_key = writers.request(0, ("POST", &reviews), &[], &review);
    assert_eq!(without_key.unwrap().status(), 409);
}

/// Counts of the clients' changes.
#[derive(Default)]
struct Race {
    /// The changes that were sent, not counting repetitions.
    sent: AtomicU64,
    /// The changes of each book that were acknowledged.
    made: [AtomicU64; BOOKS],
    /// The acknowledgements that were stored responses.
    replayed: AtomicU64,
    refused: AtomicU64,
    is_over: AtomicBool,
}

/// Clients add 1 to the page count of a book if it has the version that they have read, and send a
/// change again until they get a response. The server is killed again and again.
fn racing_changes_are_made_once(database: &FreshDatabase) {
    let changes = number_from_environment("RECTO_RACING_UPDATES").unwrap_or(1_000);
    let seed = seed("RECTO_RACING_SEED");
    let mut random = fastrand::Rng::with_seed(seed);
    let program = program(database);
    let mut server = program.serve(&[]);
    let writers = Writers::new(&program, &server.address());
    let books: [Value; BOOKS] = std::array::from_fn(|_| add_book(&writers));
    let paths = books.map(|book| format!("/books/{}", book["uid"].as_str().unwrap()));
    let (writers, race) = (RwLock::new(writers), Race::default());
    let mut kills = 0;
    let _server = scope(|scope| {
        for _ in 0..CLIENTS {
            let (writers, race, paths, mut random) = (&writers, &race, &paths, random.fork());
            scope.spawn(move || {
                while !race.is_over.load(Ordering::Relaxed) {
                    let book = random.usize(..BOOKS);
                    let client = Racer { writers, race };
                    client.change(book, &paths[book], &format!("{:032x}", random.u128(..)));
                }
            });
        }
        let (mut sent, mut stalled) = (0, 0);
        while sent < changes {
            sleep(Duration::from_millis(random.u64(200..1500)));
            server = restart(&program, server);
            writers.write().unwrap().move_to(&server.address());
            kills += 1;
            let before = std::mem::replace(&mut sent, race.sent.load(Ordering::Relaxed));
            stalled = if sent > before { 0 } else { stalled + 1 };
            if stalled > 20 {
                // The clients have panicked, or get no responses.
                break;
            }
        }
        race.is_over.store(true, Ordering::Relaxed);
        // It runs until all clients have their last response.
        server
    });
    let writers = writers.into_inner().unwrap();
    let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    assert!(number(&race.sent) >= changes, "no progress after {} changes", number(&race.sent));
    for (made, path) in race.made.iter().zip(&paths) {
        let book = writers.request(0, ("GET", path), &[], &Value::Null);
        let book: Value = book.unwrap().body_mut().read_json().unwrap();
        assert_eq!(book["page_count"], 1 + number(made), "RECTO_RACING_SEED={seed}");
    }
    let made: u64 = race.made.iter().map(number).sum();
    println!(
        "{} changes sent, {kills} kills: {made} made, {} of them replayed, {} refused, RECTO_RACING_SEED={seed}",
        number(&race.sent),
        number(&race.replayed),
        number(&race.refused),
    );
    assert!(made > 0 && number(&race.refused) > 0);
}

fn restart(program: &Program, running: RunningServer) -> RunningServer {
    running.signal("KILL");
    assert_eq!(running.wait().code, None);
    program.serve(&[])
}

struct Racer<'r> {
    writers: &'r RwLock<Writers>,
    race: &'r Race,
}

impl Racer<'_> {
    /// Changes a book once, or not at all if another client was faster.
    fn change(&self, book: usize, path: &str, key: &str) {
        let (tag, pages) = self.until_answered(("GET", path), &[], &Value::Null, |response| {
            let tag = response.headers()["etag"].to_str().unwrap().to_owned();
            let book: Value = response.body_mut().read_json()?;
            Ok((tag, book["page_count"].as_u64().unwrap()))
        });
        let body = json!({"page_count": pages + 1});
        let headers = [("if-match", tag.as_str()), ("idempotency-key", key)];
        self.race.sent.fetch_add(1, Ordering::Relaxed);
        self.until_answered(("PATCH", path), &headers, &body, |response| {
            let is_replayed = response.headers().contains_key("idempotency-replayed");
            response.body_mut().read_to_vec()?;
            match response.status().as_u16() {
                200 => {
                    self.race.made[book].fetch_add(1, Ordering::Relaxed);
                    self.race.replayed.fetch_add(u64::from(is_replayed), Ordering::Relaxed);
                }
                412 => _ = self.race.refused.fetch_add(1, Ordering::Relaxed),
                other => panic!("{other}"),
            }
            Ok(())
        });
    }

    /// Sends a request again until there is a response that is no failure of the server.
    fn until_answered<T>(
        &self,
        request: (&str, &str),
        headers: &[(&str, &str)],
        body: &Value,
        read: impl Fn(&mut ureq::http::Response<ureq::Body>) -> Result<T, ureq::Error>,
    ) -> T {
        let since = Instant::now();
        loop {
            let sent = self.writers.read().unwrap().request(0, request, headers, body);
            // 409: the same request is still under way in a transaction of the killed server.
            let answered = match sent {
                Ok(response) if response.status() == 409 || response.status().is_server_error() => {
                    Err(format!("{response:?}"))
                }
                Ok(mut response) => read(&mut response).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match answered {
                Ok(value) => return value,
                Err(error) => assert!(since.elapsed() < Duration::from_mins(1), "{error}"),
            }
            sleep(Duration::from_millis(5));
        }
    }
}
