//! The real server: the release binary with an imported catalogue.

use std::path::Path;

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
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        let mut response =
            self.agent.get(format!("{}{path}", self.address())).call().expect("it responds");
        assert_eq!(response.status(), 200, "{path}");
        response.body_mut().with_config().limit(64 << 20).read_to_vec().expect("it has a body")
    }

    /// Sends a request that creates an entity, and returns the body of the response.
    pub(crate) fn create(&self, request: &Request) -> Vec<u8> {
        let token = request.token.as_deref().unwrap_or_default();
        let mut response = self
            .agent
            .post(format!("{}{}", self.address(), request.path))
            .header("authorization", format!("Bearer {token}"))
            .content_type("application/json")
            .send(request.body.as_deref().unwrap_or_default())
            .expect("it responds");
        assert_eq!(response.status(), 201, "{}", request.path);
        response.body_mut().read_to_vec().expect("it has a body")
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
            requests: paths
                .into_iter()
                .map(|path| Request { method: "GET", path, token: None, body: None })
                .collect(),
        };
        let book = |suffix: &str| {
            let path = |uid: &String| format!("/api/v1/books/{uid}{suffix}");
            popular.iter().take(VARIETY).map(path).collect::<Vec<_>>()
        };
        let with = |suffix: &str| pages.iter().map(|page| format!("{page}{suffix}")).collect();
        vec![
            gets("a book by key", book("")),
            gets("a book with all its relations", book("?include=user,reviews,tags")),
            gets("a page of 20", with("")),
            gets("a page of 20 with reviews and tags", with("&include=reviews,tags")),
            Workload { name: "a review created", requests: self.reviews(&all) },
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

    /// Returns requests for new reviews, of every reader for every book, so that they last longer than
    /// the measurement.
    fn reviews(&self, books: &[String]) -> Vec<Request> {
        let tokens: Vec<String> = (0..READERS).map(|number| self.sign_in(number)).collect();
        let body = r#"{"rating":4,"review_text":"Read it twice."}"#;
        let per_reader = (200_000 / READERS).min(books.len());
        tokens
            .iter()
            .flat_map(|token| {
                books.iter().take(per_reader).map(|book| Request {
                    method: "POST",
                    path: format!("/api/v1/books/{book}/reviews"),
                    token: Some(token.clone()),
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
