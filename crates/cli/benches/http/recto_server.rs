//! The real server: the release binary with an imported catalogue.

use std::path::Path;

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use recto_testkit::database::Engine;
use serde_json::Value;

use crate::support::workspace::{PASSWORD, Process, Workspace};
use crate::workload::{Request, Workload};

/// A running `recto serve`.
pub(crate) struct RectoServer {
    process: Process,
    agent: ureq::Agent,
    workspace: Workspace,
}

/// The number of different responses to a workload.
const VARIETY: usize = 200;

/// The number of accounts that write reviews, so that none runs out of books.
const READERS: usize = 60;

fn get(path: &str) -> Request {
    Request { method: "GET", path: path.to_owned(), ..Request::default() }
}

impl RectoServer {
    /// Imports the catalogue into a fresh database and serves it.
    pub(crate) fn start(engine: Engine, catalogue: &Path) -> Option<Self> {
        let workspace = Workspace::new(engine)?;
        workspace.import(catalogue);
        let mut serve = workspace.recto();
        serve.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn"]);
        // More writes than the accounts send; they are counted all the same.
        serve.args(["--quota-write-burst", "100000000"]);
        let process = Process::start(serve);
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        Some(Self { process, agent: config.new_agent(), workspace })
    }

    /// Returns `http://HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.process.address
    }

    /// Returns the body of a response.
    pub(crate) fn get(&self, path: &str) -> Bytes {
        let (status, body) = self.response(&get(path));
        assert_eq!(status, StatusCode::OK, "{path}");
        body
    }

    /// Sends a request that succeeds, and returns status and body of the response.
    pub(crate) fn response(&self, request: &Request) -> (StatusCode, Bytes) {
        let mut response = self.send(request);
        let status = response.status();
        assert!(status.as_u16() < 400, "{status} {}", request.path);
        let body = response.body_mut().with_config().limit(64 << 20).read_to_vec();
        let status = StatusCode::from_u16(status.as_u16()).expect("it is a status");
        (status, body.expect("it has a body").into())
    }

    fn send(&self, request: &Request) -> ureq::http::Response<ureq::Body> {
        let Request { method, path, token, header, body } = request;
        let mut request = ureq::http::Request::builder()
            .method(*method)
            .uri(format!("{}{path}", self.address()))
            .header("authorization", format!("Bearer {}", token.as_deref().unwrap_or_default()));
        if let Some((name, value)) = header {
            request = request.header(*name, value);
        }
        let sent = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(body.clone()).expect("it is a request"))
            }
            None => self.agent.run(request.body(()).expect("it is a request")),
        };
        sent.expect("it responds")
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.get(path)).expect("it is JSON")
    }

    /// Returns the workloads to measure.
    pub(crate) fn loads(&self) -> Vec<Workload> {
        let (all, popular) = self.books();
        let pages = self.pages();
        let gets = |name, paths: Vec<String>| Workload {
            name,
            requests: paths.iter().map(|path| get(path)).collect(),
        };
        let book = |suffix: &str| {
            let path = |uid: &String| format!("/api/v1/books/{uid}{suffix}");
            popular.iter().take(VARIETY).map(path).collect::<Vec<_>>()
        };
        let with = |suffix: &str| pages.iter().map(|page| format!("{page}{suffix}")).collect();
        let known = pages.iter().map(|path| {
            let tag =
                self.send(&get(path)).headers()["etag"].to_str().unwrap_or_default().to_owned();
            Request { header: Some(("If-None-Match", tag)), ..get(path) }
        });
        let keyed = self.reviews(&all, READERS).into_iter().enumerate().map(|(number, request)| {
            Request { header: Some(("Idempotency-Key", format!("{number:032x}"))), ..request }
        });
        vec![
            gets("a book by key", book("")),
            gets("a book with all its relations", book("?include=user,reviews,tags")),
            gets("a page of 20", with("")),
            Workload { name: "a page of 20 that the client has (304)", requests: known.collect() },
            gets("a page of 20 with reviews and tags", with("&include=reviews,tags")),
            Workload { name: "a review created", requests: self.reviews(&all, 0) },
            Workload { name: "a review created with a key", requests: keyed.collect() },
        ]
    }

    /// Returns the ids of all books, and of those with both reviews and tags.
    fn books(&self) -> (Vec<String>, Vec<String>) {
        let (mut all, mut popular) = (Vec::new(), Vec::new());
        let mut path = "/api/v1/books?limit=100&count=reviews,tags".to_owned();
        loop {
            let page = self.json(&path);
            for book in page["items"].as_array().into_iter().flatten() {
                let uid = book["uid"].as_str().unwrap_or_default().to_owned();
                if book["reviews_count"].as_u64() > Some(0) && book["tags_count"].as_u64() > Some(0)
                {
                    popular.push(uid.clone());
                }
                all.push(uid);
            }
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/api/v1/books?limit=100&count=reviews,tags&cursor={cursor}");
        }
        (all, popular)
    }

    /// Returns the paths of the first pages of books.
    fn pages(&self) -> Vec<String> {
        let mut paths = vec!["/api/v1/books?sort=created_at&limit=20".to_owned()];
        while paths.len() < VARIETY {
            let page = self.json(&paths[paths.len() - 1]);
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            paths.push(format!("/api/v1/books?sort=created_at&limit=20&cursor={cursor}"));
        }
        paths
    }

    /// Returns requests for new reviews, of every reader from a number on for every book, so that
    /// they last longer than the measurement.
    fn reviews(&self, books: &[String], first: usize) -> Vec<Request> {
        let readers = first..first + READERS;
        let tokens: Vec<String> = readers.map(|number| self.sign_in(number)).collect();
        let body = r#"{"rating":4,"review_text":"Read it twice."}"#;
        let per_reader = (200_000 / READERS).min(books.len());
        tokens
            .iter()
            .flat_map(|token| {
                books.iter().take(per_reader).map(|book| Request {
                    method: "POST",
                    path: format!("/api/v1/books/{book}/reviews"),
                    token: Some(token.clone()),
                    header: None,
                    body: Some(body.to_owned()),
                })
            })
            .collect()
    }

    /// Creates a verified account with the program, and signs it in.
    fn sign_in(&self, number: usize) -> String {
        let (username, email) =
            (format!("measuring-{number}"), format!("reader{number}@example.org"));
        self.workspace.create_user(&username, &email);
        let url = format!("{}/api/v1/auth/login", self.address());
        let login = serde_json::json!({"email": email, "password": PASSWORD});
        let mut response = self.agent.post(url).send_json(login).expect("it responds");
        let signed_in: Value = response.body_mut().read_json().expect("it is JSON");
        signed_in["access_token"].as_str().expect("signed in").to_owned()
    }
}
