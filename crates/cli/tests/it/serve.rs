//! `recto serve`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use recto_testkit::database::{Engine, bare};
use serde_json::{Value, json};

use crate::support::program::Program;

const SECRET: &str = "a secret of more than thirty-two bytes";

fn get(url: &str) -> (u16, String) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.get(url).call().unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

fn sign_in(address: &str, email: &str, password: &str) -> Value {
    let mut response = ureq::post(&format!("{address}/api/v1/auth/login"))
        .send_json(json!({"email": email, "password": password}))
        .unwrap();
    response.body_mut().read_json().unwrap()
}

#[test]
fn server_prints_address_and_stops() {
    for signal in ["TERM", "INT"] {
        let program = Program::new();
        let mut server = program.serve(&[]);
        let address = server.address();
        assert!(address.starts_with("http://127.0.0.1:") && !address.ends_with(":0"), "{address}");
        assert_eq!(get(&format!("{address}/livez")).0, 200);

        server.signal(signal);
        assert_eq!(server.wait().succeeded(), "");
        assert!(TcpStream::connect(address.trim_start_matches("http://")).is_err());
        assert_eq!(program.files(), ["recto.db", "recto.db.secret"]);
    }
}

#[cfg(unix)]
#[test]
fn generated_secret_is_private() {
    use std::os::unix::fs::PermissionsExt;

    let program = Program::new();
    let start = || {
        let mut server = program.serve(&[]);
        server.address();
        server.signal("TERM");
        server.wait().succeeded();
        fs::read_to_string(program.path("recto.db.secret")).unwrap()
    };
    let secret = start();
    assert_eq!(secret.trim_end().len(), 64);
    let mode = fs::metadata(program.path("recto.db.secret")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(start(), secret);
}

#[test]
fn postgres_requires_secret_and_migrations() {
    let Some(database) = bare(Engine::Postgres) else { return };
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let error = Program::on(&database).run(&[&serve[..], &["--migrate"]].concat()).failed(1);
    assert!(error.contains("RECTO_SECRET must be set"), "{error}");
    let tables = "SELECT to_regclass('books')::text AS line WHERE to_regclass('books') IS NOT NULL";
    assert!(database.rows(tables).is_empty());

    let program = Program::on(&database).with("RECTO_SECRET", SECRET);
    let error = program.run(&serve).failed(1);
    assert!(error.contains("recto migrate") && error.contains("--migrate"), "{error}");

    let mut server = program.serve(&["--migrate"]);
    assert_eq!(get(&format!("{}/livez", server.address())).0, 200);
    server.signal("TERM");
    let ended = server.wait();
    assert!(!ended.stderr.contains(SECRET));
    ended.succeeded();
    assert!(program.files().is_empty());
}

/// Runs a server during `work`. Returns the result and the server's log.
fn while_serving<T>(
    program: &Program,
    arguments: &[&str],
    work: impl FnOnce(&str) -> T,
) -> (T, String) {
    let mut server = program.serve(arguments);
    let done = work(&server.address());
    server.signal("TERM");
    let ended = server.wait();
    let log = ended.stderr.clone();
    ended.succeeded();
    (done, log)
}

#[test]
fn secret_change_keeps_tokens_valid() {
    let next = "another secret of more than thirty-two bytes";
    let program = Program::new().with("RECTO_SECRET", SECRET);
    let who = ["--username", "ada", "--email", "ada@example.org", "--password-stdin"];
    let create = [&["user", "create"][..], &who].concat();
    program.run_with_input(&create, "a long enough password\n").succeeded();
    let me = |address: &str, token: &str| {
        let url = format!("{address}/api/v1/auth/me");
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let agent: ureq::Agent = config.into();
        let bearer = format!("Bearer {token}");
        agent.get(url).header("authorization", bearer).call().unwrap().status().as_u16()
    };
    let (token, _) = while_serving(&program, &[], |address| {
        let signed_in = sign_in(address, "ada@example.org", "a long enough password");
        signed_in["access_token"].as_str().unwrap().to_owned()
    });
    let program = program.with("RECTO_SECRET", next);
    assert_eq!(while_serving(&program, &[], |address| me(address, &token)).0, 401);
    let program = program.with("RECTO_SECRET_PREVIOUS", SECRET);
    let (status, log) = while_serving(&program, &[], |address| me(address, &token));
    assert_eq!(status, 200);
    assert!(!log.contains(SECRET) && !log.contains(next), "{log}");
    let program = program.with("RECTO_SECRET_PREVIOUS", "hunter2");
    let error = program.run(&["serve"]).failed(2);
    assert!(error.contains("RECTO_SECRET_PREVIOUS") && !error.contains("hunter2"), "{error}");
}

#[test]
fn network_options_take_effect() {
    let program = Program::new()
        .with("RECTO_TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8")
        .with("RECTO_PUBLIC_URL", "https://books.example")
        .with("RECTO_CORS_ORIGINS", "https://app.example.org")
        .with("RECTO_PASSWORD_GRANT", "off")
        .with("RECTO_SIGN_IN_BURST", "1");
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let agent: ureq::Agent = config.into();
    while_serving(&program, &[], |address| {
        let mut fail = |client: &str| {
            let response = agent
                .post(format!("{address}/api/v1/auth/login"))
                .header("x-forwarded-for", client)
                .send_json(json!({"email": "eve@example.org", "password": "not it"}))
                .unwrap();
            assert!(response.headers().contains_key("strict-transport-security"));
            response.status().as_u16()
        };
        let statuses = ["192.0.2.1", "192.0.2.1", "192.0.2.2"].map(&mut fail);
        assert_eq!(statuses, [401, 429, 401]);
        let books = agent.get(format!("{address}/api/v1/books"));
        let books = books.header("origin", "https://app.example.org").call().unwrap();
        assert_eq!(books.headers()["access-control-allow-origin"], "https://app.example.org");
        let form = [("grant_type", "password"), ("username", "x@y.org"), ("password", "x")];
        let mut refused =
            agent.post(format!("{address}/api/v1/auth/token")).send_form(form).unwrap();
        let problem: Value = refused.body_mut().read_json().unwrap();
        assert_eq!(
            (refused.status().as_u16(), &problem["error"]),
            (400, &json!("unsupported_grant_type"))
        );
    });
    for (option, value, why) in [
        ("--trusted-proxies", "proxy.example", "10.0.0.0/8"),
        ("--smtp-url", "smtp://me:hunter2@mail.example", "must not be sent unencrypted"),
        ("--trusted-proxies", "0.0.0.0/0", "trusts every client"),
        ("--cors-origins", "https://app.example.org/", "is not an origin"),
        ("--cors-origins", "app.example.org", "is not an origin"),
        ("--mail-from", "recto", "recto@example.org"),
        ("--password-grant", "perhaps", "off"),
        ("--sign-in-burst", "0", "--sign-in-burst"),
    ] {
        let error = program.run(&["serve", option, value]).failed(2);
        assert!(error.contains(why) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn postgres_without_smtp_logs_a_warning() {
    let Some(database) = bare(Engine::Postgres) else { return };
    let program = Program::on(&database).with("RECTO_SECRET", SECRET);
    let ((), log) = while_serving(&program, &["--migrate"], |_| ());
    assert!(log.contains("RECTO_SMTP_URL"), "{log}");
    let program = program.with("RECTO_SMTP_URL", "smtp://me:hunter2@localhost?tls=required");
    let ((), log) = while_serving(&program, &[], |_| ());
    assert!(!log.contains("RECTO_SMTP_URL") && !log.contains("hunter2"), "{log}");
    let ((), log) = while_serving(&Program::new(), &[], |_| ());
    assert!(!log.contains("RECTO_SMTP_URL"), "{log}");
}

#[test]
fn taken_address_is_named() {
    let program = Program::new();
    let mut server = program.serve(&[]);
    let address = server.address().trim_start_matches("http://").to_owned();
    let free = "127.0.0.1:0";
    for [listen, metrics] in [[&address, free], [free, &address]] {
        let options = ["serve", "--listen", listen, "--metrics-listen", metrics];
        let error = Program::new().run(&options).failed(1);
        let expected = format!("error: cannot serve: cannot listen on {address}: ");
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn several_servers_share_a_new_database() {
    let program = Program::new();
    let mut servers: Vec<_> = (0..4).map(|_| program.serve(&[])).collect();
    for server in &mut servers {
        assert_eq!(get(&format!("{}/livez", server.address())).0, 200);
    }
    for server in servers {
        server.signal("TERM");
        server.wait().succeeded();
    }
}

#[test]
fn request_in_flight_is_finished() {
    for signal in ["TERM", "INT"] {
        let program = Program::new();
        let mut server = program.serve(&[]);
        let address = server.address().trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(&address).unwrap();
        let body = r#"{"email":"nobody@example.org","password":"correct horse"}"#;
        let (first, rest) = body.split_at(10);
        write!(
            stream,
            "POST /api/v1/auth/login HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            body.len(),
        )
        .unwrap();
        // The server sends this when it has started to process the request.
        let mut interim = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut interim).unwrap();
        assert!(interim.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&interim));
        stream.write_all(first.as_bytes()).unwrap();
        server.signal(signal);
        // Gives the server time to handle the signal.
        thread::sleep(Duration::from_millis(300));
        stream.write_all(rest.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        assert!(response.starts_with("HTTP/1.1 401 "), "{signal}: {response}");
        server.wait().succeeded();
    }
}

#[test]
fn demo_serves_library_and_leaves_nothing() {
    let program = Program::new();
    let temporary = program.path("tmp");
    fs::create_dir(&temporary).unwrap();
    let program = program.with("TMPDIR", temporary.to_str().unwrap());
    let mut server = program.serve(&["--demo"]);
    let accounts = [server.line(), server.line()].map(|line| {
        let (email, rest) = line.strip_prefix("account ").unwrap().split_once(' ').unwrap();
        let (role, password) = rest.split_once(", password ").unwrap();
        (email.to_owned(), role.trim_matches(['(', ')']).to_owned(), password.to_owned())
    });
    let address = server.address();
    for ((email, role, password), expected) in accounts.iter().zip(["admin", "user"]) {
        assert_eq!(role, expected);
        let signed_in = sign_in(&address, email, password);
        assert_eq!(signed_in["user"]["role"], expected);
        assert!(signed_in["access_token"].is_string());
    }
    let (_, start_page) = get(&address);
    for (email, _, password) in &accounts {
        assert!(start_page.contains(email) && start_page.contains(password), "{start_page}");
    }
    let (status, books) =
        get(&format!("{address}/api/v1/books?limit=100&include=reviews.user,tags"));
    let books: Value = serde_json::from_str(&books).unwrap();
    assert_eq!((status, books["items"].as_array().unwrap().len()), (200, 24));

    server.signal("TERM");
    server.wait().succeeded();
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    assert_eq!(program.files(), ["tmp"]);
}

#[test]
fn public_demo_is_warned_about() {
    let log = |listen: &str| {
        let program = Program::new();
        let mut server = program.serve(&["--demo", "--listen", listen]);
        let _accounts = [server.line(), server.line()];
        server.address();
        server.signal("TERM");
        server.wait().stderr
    };
    let warning = "the demo's pages show its passwords";
    assert!(log("0.0.0.0:0").contains(warning));
    assert!(!log("127.0.0.1:0").contains(warning));
}

#[test]
fn openapi_is_printed_as_json() {
    let program = Program::new();
    let description: Value = serde_json::from_str(&program.run(&["openapi"]).succeeded()).unwrap();
    assert_eq!(description["openapi"].as_str().unwrap()[..3], *"3.1");
    assert!(program.files().is_empty());
}

#[test]
fn failure_is_one_log_line() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(database) = bare(engine) else { continue };
        let program = Program::on(&database).with("RECTO_SECRET", SECRET);
        for level in ["error", "info", "trace"] {
            let arguments = ["--migrate", "--log", level];
            let ((), log) = while_serving(&program, &arguments, |address| {
                database.execute("ALTER TABLE tags RENAME TO lost").unwrap();
                let config = ureq::Agent::config_builder().http_status_as_error(false).build();
                let request = ureq::Agent::from(config).get(format!("{address}/api/v1/tags"));
                let response = request.header("x-request-id", "find-me").call().unwrap();
                database.execute("ALTER TABLE lost RENAME TO tags").unwrap();
                assert_eq!(response.status().as_u16(), 500);
            });
            let is_failure = |line: &&str| line.contains("ERROR") && line.contains("find-me");
            let lines: Vec<_> = log.lines().filter(is_failure).collect();
            assert_eq!(lines.len(), 1, "{log}");
            assert!(lines[0].contains("cause=") && lines[0].contains("tags"), "{}", lines[0]);
            assert!(lines[0].contains("/api/v1/tags") && lines[0].contains("500"), "{}", lines[0]);
        }
    }
}
