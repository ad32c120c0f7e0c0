//! What tests ask of an answer.

use recto_api::ProblemType;
use recto_testkit::server::{Answer, Client, TestServer};
use serde_json::Value;

/// What tests ask of an answer.
pub(crate) trait Told {
    /// The body, which came with that status.
    fn gives(&self, status: u16) -> &Value;

    /// The problem, which is of the kind with that slug and whole.
    fn refused(&self, slug: &str) -> &Value;

    /// The pointers of what is wrong with the body that was sent, sorted.
    fn wrong(&self) -> Vec<&str>;

    /// The URL of the next page, if there is one.
    fn next(&self) -> Option<String>;
}

impl Told for Answer {
    #[track_caller]
    fn gives(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.text());
        if status == 204 {
            assert!(self.body.is_empty(), "{}", self.text());
        } else {
            assert_eq!(self.header("content-type"), Some("application/json"));
        }
        &self.json
    }

    #[track_caller]
    fn refused(&self, slug: &str) -> &Value {
        let kind =
            ProblemType::ALL.iter().find(|kind| kind.slug() == slug).expect("there is that kind");
        assert_eq!(self.status, kind.status().as_u16(), "{slug}: {}", self.text());
        assert_problem(self);
        assert_eq!(self.json["type"], format!("/problems/{slug}"), "{}", self.text());
        assert_eq!(self.json["title"], kind.title());
        &self.json
    }

    #[track_caller]
    fn wrong(&self) -> Vec<&str> {
        let errors = self.refused("invalid-body")["errors"].as_array().expect("there are errors");
        for error in errors {
            assert!(!error["detail"].as_str().unwrap().is_empty());
            assert_eq!(error.as_object().unwrap().len(), 2);
        }
        let mut pointers: Vec<_> =
            errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        pointers.sort_unstable();
        pointers
    }

    #[track_caller]
    fn next(&self) -> Option<String> {
        let cursor = self.json.get("next_cursor").map(|cursor| cursor.as_str().unwrap());
        let link = self.header("link").map(|link| {
            let url = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
            url.expect("a link to the next page").to_owned()
        });
        match (cursor, &link) {
            (None, None) => {}
            (Some(cursor), Some(link)) => assert!(link.contains(&format!("cursor={cursor}"))),
            _ => panic!("next_cursor and Link disagree: {cursor:?}, {link:?}"),
        }
        link
    }
}

/// Asserts that the body is a problem with all its members.
#[track_caller]
pub(crate) fn assert_problem(answer: &Answer) {
    let problem = &answer.json;
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    for member in ["type", "title", "detail", "instance", "request_id"] {
        let text = problem[member].as_str();
        assert!(text.is_some_and(|text| !text.is_empty()), "{member}: {problem}");
    }
    assert_eq!(problem["status"], answer.status, "{problem}");
    assert_eq!(problem["request_id"].as_str(), answer.header("x-request-id"));
    assert!(problem["instance"].as_str().unwrap().starts_with('/'));
    match answer.status {
        401 => assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer")),
        405 => assert!(answer.header("allow").is_some()),
        503 => assert!(answer.header("retry-after").is_some()),
        _ => {}
    }
}

/// A member that is a moment. As text a moment without milliseconds would come after those with.
pub(crate) fn moment(value: &Value, member: &str) -> chrono::DateTime<chrono::FixedOffset> {
    chrono::DateTime::parse_from_rfc3339(text(value, member)).unwrap()
}

/// The text of a member.
#[track_caller]
pub(crate) fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}"))
}

/// The key of an item.
#[track_caller]
pub(crate) fn uid(value: &Value) -> &str {
    text(value, "uid")
}

/// The items of a page.
#[track_caller]
pub(crate) fn items(page: &Value) -> &[Value] {
    page["items"].as_array().unwrap_or_else(|| panic!("not a page: {page}"))
}

/// The array that a member is.
#[track_caller]
pub(crate) fn array<'v>(value: &'v Value, member: &str) -> &'v [Value] {
    value[member].as_array().unwrap_or_else(|| panic!("no array {member} in {value}"))
}

/// The names of an object's members, sorted.
#[track_caller]
pub(crate) fn members(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> =
        value.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// The values of a member in every object of an array.
#[track_caller]
pub(crate) fn each<'v>(values: &'v [Value], member: &str) -> Vec<&'v str> {
    values.iter().map(|value| text(value, member)).collect()
}

/// All items of a page and of those that its links lead to.
#[track_caller]
pub(crate) fn walk(client: &Client<'_>, path: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut at = Some(path.to_owned());
    while let Some(path) = at {
        let page = client.get(&path);
        let found = items(page.gives(200));
        assert!(!found.is_empty() || all.is_empty(), "an empty page at {path}");
        all.extend_from_slice(found);
        at = page.next();
        assert!(all.len() < 5_000, "the pages of {path} do not end");
    }
    all
}

/// Asserts that the server is alive, and that nothing has panicked in it.
#[track_caller]
pub(crate) fn assert_sound(server: &TestServer) {
    assert_eq!(server.get("/livez").gives(200)["status"], "live");
    assert_eq!(server.get("/readyz").gives(200)["status"], "ready");
    let panics = super::raw_http::panics();
    assert!(panics.is_empty(), "{panics:?}");
}
