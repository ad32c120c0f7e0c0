//! Assertions on responses, and access to the fields of JSON values.

use recto_api::ProblemType;
use recto_testkit::server::{Response, TestClient, TestServer};
use serde_json::Value;

use super::samples::entity_types;

/// Assertions on a response.
pub(crate) trait Expect {
    /// Asserts that the response has that status and a JSON body, or none if it is 204, and
    /// returns the body.
    fn expect_status(&self, status: u16) -> &Value;

    /// Asserts that the response is a page, and returns its items.
    fn expect_items(&self) -> &[Value];

    /// Asserts that the response is a complete problem of the type with that slug, and returns it.
    fn expect_problem(&self, slug: &str) -> &Value;

    /// Asserts that the body was invalid, and returns the sorted pointers of the violations.
    fn violations(&self) -> Vec<&str>;

    /// Asserts that the query was invalid, and returns the parameter and the code of each error.
    fn query_errors(&self) -> Vec<(&str, &str)>;

    /// Returns the URL of the next page, if there is one.
    fn next_page(&self) -> Option<String>;

    /// Returns the URL of the previous page, if there is one.
    fn previous_page(&self) -> Option<String>;
}

impl Expect for Response {
    #[track_caller]
    fn expect_status(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.text());
        if status == 204 {
            assert!(self.body.is_empty(), "{}", self.text());
        } else {
            assert_eq!(self.header("content-type"), Some("application/json"));
        }
        &self.json
    }

    #[track_caller]
    fn expect_items(&self) -> &[Value] {
        items(self.expect_status(200))
    }

    #[track_caller]
    fn expect_problem(&self, slug: &str) -> &Value {
        let mut types = ProblemType::ALL.iter();
        let expected = types.find(|one| one.slug() == slug).expect("a known problem type");
        assert_eq!(self.status, expected.status().as_u16(), "{slug}: {}", self.text());
        assert_problem(self);
        assert_eq!(self.json["type"], format!("/problems/{slug}"), "{}", self.text());
        assert_eq!(self.json["title"], expected.title());
        &self.json
    }

    #[track_caller]
    fn violations(&self) -> Vec<&str> {
        let errors = array(self.expect_problem("invalid-body"), "errors");
        for error in errors {
            assert_eq!(field_names(error), ["code", "detail", "pointer"]);
            assert!(!text(error, "detail").is_empty());
        }
        let mut pointers = texts(errors, "pointer");
        pointers.sort_unstable();
        pointers
    }

    #[track_caller]
    fn query_errors(&self) -> Vec<(&str, &str)> {
        let errors = array(self.expect_problem("invalid-parameter"), "errors");
        for error in errors {
            assert_eq!(field_names(error), ["code", "detail", "parameter"]);
            assert!(!text(error, "detail").is_empty());
        }
        errors.iter().map(|error| (text(error, "parameter"), text(error, "code"))).collect()
    }

    #[track_caller]
    fn next_page(&self) -> Option<String> {
        linked(self, "next", "next_cursor")
    }

    #[track_caller]
    fn previous_page(&self) -> Option<String> {
        linked(self, "prev", "prev_cursor")
    }
}

/// Returns the URL of a page in `Link`, whose cursor is in the body.
#[track_caller]
fn linked(response: &Response, relation: &str, field: &str) -> Option<String> {
    let cursor = response.json.get(field).map(|cursor| cursor.as_str().unwrap());
    let links = response.header("link").unwrap_or_default().split(", ");
    let end = format!(">; rel=\"{relation}\"");
    let link = links.into_iter().find_map(|link| link.strip_prefix('<')?.strip_suffix(&end));
    match (cursor, link) {
        (None, None) => {}
        (Some(cursor), Some(link)) => assert!(link.contains(&format!("cursor={cursor}"))),
        _ => panic!("{field} and Link disagree: {cursor:?}, {link:?}"),
    }
    link.map(str::to_owned)
}

/// Asserts that a response is a problem with all its fields and the headers of its status.
#[track_caller]
pub(crate) fn assert_problem(response: &Response) {
    let problem = &response.json;
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{response:?}");
    for field in ["type", "title", "detail", "instance", "request_id"] {
        let text = problem[field].as_str();
        assert!(text.is_some_and(|text| !text.is_empty()), "{field}: {problem}");
    }
    assert_eq!(problem["status"], response.status, "{problem}");
    assert_eq!(problem["request_id"].as_str(), response.header("x-request-id"));
    assert!(problem["instance"].as_str().unwrap().starts_with('/'));
    assert_well_worded(text(problem, "detail"));
    match response.status {
        401 => assert!(response.header("www-authenticate").unwrap().starts_with("Bearer")),
        405 => assert!(response.header("allow").is_some()),
        503 => assert!(response.header("retry-after").is_some()),
        _ => {}
    }
}

/// Asserts that a message has no value in Rust's notation, and no entity with a wrong article
/// ("a author").
#[track_caller]
fn assert_well_worded(message: &str) {
    let lower = message.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    for entity in entity_types() {
        let name = entity.name.to_lowercase();
        let wrong = if name.starts_with(['a', 'e']) { "a" } else { "an" };
        assert!(!words.windows(2).any(|pair| pair == [wrong, &name]), "{message}");
    }
    assert!(!message.contains(": None") && !message.contains("Some("), "{message}");
}

/// Returns all of a response that two requests have in common if they are answered alike.
pub(crate) fn comparable(response: &Response) -> (u16, Value, Vec<u8>, Vec<(String, String)>) {
    let (mut json, mut body) = (response.json.clone(), response.body.clone());
    if let Some(id) = json.get_mut("request_id") {
        *id = Value::Null;
        body.clear();
    }
    let mut headers = response.headers.clone();
    headers.retain(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
    headers.sort();
    (response.status, json, body, headers)
}

/// Asserts that the server is live and ready, and that no thread of a server has panicked.
#[track_caller]
pub(crate) fn assert_healthy(server: &TestServer) {
    assert_eq!(server.get("/livez").expect_status(200)["status"], "live");
    assert_eq!(server.get("/readyz").expect_status(200)["status"], "ready");
    let panics = super::raw_http::panics();
    assert!(panics.is_empty(), "{panics:?}");
}

/// Returns a timestamp. Texts would not compare: milliseconds may be absent.
pub(crate) fn timestamp(value: &Value, field: &str) -> chrono::DateTime<chrono::FixedOffset> {
    chrono::DateTime::parse_from_rfc3339(text(value, field)).unwrap()
}

/// Returns a text field.
#[track_caller]
pub(crate) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no text {field} in {value}"))
}

/// Returns a text field of every object.
#[track_caller]
pub(crate) fn texts<'v>(values: &'v [Value], field: &str) -> Vec<&'v str> {
    values.iter().map(|value| text(value, field)).collect()
}

/// Returns the UUID of an entity.
#[track_caller]
pub(crate) fn uid(value: &Value) -> &str {
    text(value, "uid")
}

/// Returns the integer key of an entity as text.
#[track_caller]
pub(crate) fn id(value: &Value) -> String {
    value["id"].as_u64().unwrap_or_else(|| panic!("no id in {value}")).to_string()
}

/// Returns an array field.
#[track_caller]
pub(crate) fn array<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value[field].as_array().unwrap_or_else(|| panic!("no array {field} in {value}"))
}

/// Returns the items of a page.
#[track_caller]
pub(crate) fn items(page: &Value) -> &[Value] {
    array(page, "items")
}

/// Returns the sorted names of the fields of an object.
#[track_caller]
pub(crate) fn field_names(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> =
        value.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// Returns the items of a page and of all pages after it, and asserts that the way back has the
/// same.
#[track_caller]
pub(crate) fn all_items(client: &TestClient<'_>, path: &str) -> Vec<Value> {
    let (mut all, mut backward) = (Vec::new(), Vec::new());
    let (mut next, mut previous) = (Some(path.to_owned()), None);
    while let Some(path) = next {
        let page = client.get(&path);
        let found = page.expect_items();
        assert!(!found.is_empty() || all.is_empty(), "an empty page at {path}");
        all.extend_from_slice(found);
        (next, previous) = (page.next_page(), page.previous_page());
        if next.is_none() {
            backward.extend(found.iter().rev().cloned());
        }
        assert!(all.len() < 5_000, "the pages of {path} do not end");
    }
    while let Some(path) = previous {
        let page = client.get(&path);
        assert!(page.next_page().is_some(), "{path}");
        backward.extend(page.expect_items().iter().rev().cloned());
        previous = page.previous_page();
    }
    backward.reverse();
    if path.contains("cursor=") {
        assert!(backward.ends_with(&all), "{path}");
    } else {
        assert_eq!(backward, all, "{path}");
    }
    all
}
