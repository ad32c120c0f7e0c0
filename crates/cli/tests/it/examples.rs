//! The examples of the OpenAPI document, sent to a demo as Swagger UI would send them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use ureq::http::Method;

use crate::support::program::{Program, RunningServer};

/// The operations whose examples are refused by a demo, with the status and the reason.
const REFUSED: [(&str, u16, &str); 14] = [
    ("refreshTokens", 401, "the token is not of this server"),
    ("verifyEmailAddress", 404, "the token is mailed"),
    ("rejectAccount", 404, "the token is mailed"),
    ("confirmNewEmailAddress", 404, "the token is mailed"),
    ("resetPassword", 404, "the token is mailed"),
    ("deleteAccount", 401, "another example has ended the session"),
    ("getSession", 404, "the ids of sessions are random"),
    ("endSession", 404, "the ids of sessions are random"),
    ("deleteDepartment", 409, "it has employees"),
    ("deleteCompany", 409, "it has departments"),
    ("updateProfile", 409, "another example has signed up with that username"),
    ("updateUser", 409, "another example has signed up with that username"),
    ("renameTag", 409, "another example has created a tag of that name"),
    ("renameAuthor", 409, "another example has created an author of that name"),
];

/// The operations whose order matters: the first create what others use, the last
/// delete what others need, and end sessions.
const FIRST: [&str; 1] = ["createTag"];
const LAST: [&str; 10] = [
    "deletePost",
    "deleteStudent",
    "deleteCourse",
    "deleteBook",
    "deleteAuthor",
    "signOut",
    "deleteAccount",
    "setUserRole",
    "disableOrEnableUser",
    "deleteUser",
];

struct Demo {
    address: String,
    /// The access tokens of the administrator and the reader.
    tokens: [String; 2],
    document: Value,
    agent: ureq::Agent,
    _server: RunningServer,
}

impl Demo {
    fn start(program: &Program) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let config = config.allow_non_standard_methods(true).build();
        let agent = ureq::Agent::from(config);
        let mut server = program.serve(&["--demo", "--quotas", "off", "--throttle", "off"]);
        let accounts = [server.line(), server.line()];
        let address = server.address();
        let tokens = accounts.map(|line| {
            let (email, rest) = line.strip_prefix("account ").unwrap().split_once(' ').unwrap();
            let (_, password) = rest.split_once(", password ").unwrap();
            let body = json!({"email": email, "password": password});
            let url = format!("{address}/api/v1/auth/login");
            let mut response = agent.post(url).send_json(body).unwrap();
            let signed_in: Value = response.body_mut().read_json().unwrap();
            signed_in["access_token"].as_str().unwrap().to_owned()
        });
        let url = format!("{address}/api/v1/openapi.json");
        let document = agent.get(url).call().unwrap().body_mut().read_json().unwrap();
        Self { address, tokens, document, agent, _server: server }
    }

    /// Returns what a reference leads to.
    fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        let reference = value.get("$ref").and_then(Value::as_str);
        reference.map_or(value, |reference| self.document.pointer(&reference[1..]).unwrap())
    }

    /// Returns the operations, those that change least first.
    fn operations(&self) -> Vec<Operation<'_>> {
        let mut operations = Vec::new();
        for (path, item) in self.document["paths"].as_object().unwrap() {
            for (method, described) in item.as_object().unwrap() {
                let parameters = described["parameters"].as_array().into_iter().flatten();
                let parameters = parameters.map(|parameter| self.resolve(parameter)).collect();
                operations.push(Operation { method, path, described, parameters });
            }
        }
        let order = ["get", "post", "put", "patch", "delete"];
        operations.sort_by_key(|operation| {
            let is_last = LAST.iter().position(|id| *id == operation.id());
            (
                is_last,
                !FIRST.contains(&operation.id()),
                order.iter().position(|method| *method == operation.method),
            )
        });
        operations
    }

    /// Sends an operation with the examples of its path and body and one further parameter, and
    /// returns the status.
    fn send(&self, operation: &Operation<'_>, further: Option<(&str, &str)>) -> (u16, String) {
        let method: Method = operation.method.to_uppercase().parse().unwrap();
        let url = format!("{}{}", self.address, operation.path_with_keys());
        let text = operation.described["description"].as_str().unwrap();
        let [admin, reader] = &self.tokens;
        let token = if text.contains("Administrators only") { admin } else { reader };
        let mut request = ureq::http::Request::builder()
            .method(method)
            .header("authorization", format!("Bearer {token}"));
        let mut query = String::new();
        match further {
            Some((name, value)) if name.starts_with(char::is_uppercase) => {
                request = request.header(name, value);
            }
            Some((name, value)) => query = format!("?{name}={}", encode(value)),
            None => {}
        }
        let request = request.uri(format!("{url}{query}"));
        let response = match operation.body(self) {
            Some((media_type, body)) => {
                let body = if media_type.contains("json") { body.to_string() } else { form(&body) };
                self.agent.run(request.header("content-type", media_type).body(body).unwrap())
            }
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut response = response.unwrap();
        let status = response.status().as_u16();
        (status, response.body_mut().read_to_string().unwrap())
    }
}

struct Operation<'d> {
    method: &'d str,
    path: &'d str,
    described: &'d Value,
    parameters: Vec<&'d Value>,
}

impl Operation<'_> {
    fn id(&self) -> &str {
        self.described["operationId"].as_str().unwrap()
    }

    fn path_with_keys(&self) -> String {
        let in_path = self.parameters.iter().filter(|parameter| parameter["in"] == "path");
        in_path.fold(self.path.to_owned(), |path, parameter| {
            let name = parameter["name"].as_str().unwrap();
            path.replace(&format!("{{{name}}}"), &plain(&parameter["example"]))
        })
    }

    /// Returns the optional parameters with an example each.
    fn optional(&self) -> impl Iterator<Item = (&str, String)> {
        let optional = self.parameters.iter().filter(|parameter| parameter["in"] != "path");
        optional.filter_map(|parameter| {
            let name = parameter["name"].as_str().unwrap();
            let example = parameter["schema"]["examples"].get(0)?;
            let joined = match example {
                Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
                one => plain(one),
            };
            Some((name, joined))
        })
    }

    /// Returns the media type and the example of the body.
    fn body(&self, demo: &Demo) -> Option<(String, Value)> {
        let content = self.described["requestBody"]["content"].as_object()?;
        let (media_type, body) = content.iter().next()?;
        let example = &demo.resolve(&body["schema"])["examples"][0];
        assert!(example.is_object(), "{}: {body}", self.id());
        Some((media_type.clone(), example.clone()))
    }
}

/// Returns text without quotes, or a number.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn encode(value: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b',' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    value.bytes().map(byte).collect()
}

fn form(body: &Value) -> String {
    let fields = body.as_object().unwrap().iter();
    fields
        .map(|(name, value)| format!("{name}={}", encode(&plain(value))))
        .collect::<Vec<_>>()
        .join("&")
}

#[test]
fn examples_succeed_in_a_demo() {
    let program = Program::new();
    let demo = Demo::start(&program);
    let refused: BTreeMap<_, _> =
        REFUSED.iter().map(|(id, status, reason)| (*id, (*status, *reason))).collect();
    let is_empty = |body: &str| body.starts_with("{\"items\":[]");
    let mut wrong = Vec::new();
    let mut sent = 0;
    for operation in demo.operations() {
        let (status, body) = demo.send(&operation, None);
        sent += 1;
        let is_expected = match refused.get(operation.id()) {
            Some((expected, _)) => status == *expected,
            None => (200..300).contains(&status),
        };
        if !is_expected {
            wrong.push(format!("{} {}: {status} {body}", operation.id(), operation.path));
        }
        if operation.method != "get" || refused.contains_key(operation.id()) {
            continue;
        }
        for (name, example) in operation.optional() {
            let (status, found) = demo.send(&operation, Some((name, &example)));
            sent += 1;
            let finds_less = is_empty(&found) && !is_empty(&body) && name != "none";
            if status != 200 || finds_less {
                wrong.push(format!("{} {name}={example}: {status} {found}", operation.id()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(sent > 400, "{sent}");
}
