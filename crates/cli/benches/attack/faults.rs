//! A log that cannot be written, and a database whose write-ahead log is deleted.

use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use recto_testkit::database::Engine;
use serde_json::json;

use crate::client::{BYSTANDER, timed};
use crate::report::{Measured, Report};
use crate::server::{Server, Target};
use crate::support::workspace::Workspace;

/// Standard error is on a full disk.
pub(crate) fn unwritable_log(target: &Target, report: &mut Report) {
    let full = fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let server = Server::start(&target.workspace, &["--log", "info"], Stdio::from(full));
    let ok = |_: &i32| timed(server.address, BYSTANDER, &target.cheap()).0 == 200;
    let answered = (0..20).filter(ok).count();
    report.exactly("of 20 requests, answered", answered, 20);
}

/// The write-ahead log is deleted under a running server, which is then killed.
pub(crate) fn deleted_wal(target: &Target, report: &mut Report) {
    if target.engine != Engine::Sqlite {
        return;
    }
    let workspace = Workspace::new(target.engine).expect("SQLite is compiled in");
    let file = workspace.database().url().path().expect("it is a file").to_owned();
    workspace.create_user("ada", "ada@example.org");
    let server = Server::start(&workspace, &[], Stdio::null());
    let token = server.sign_in("ada@example.org");
    let write = |name: String| {
        let body = json!({"title": name, "author": "Ada"}).to_string();
        server.send_json("POST", "/api/v1/books", &token, &body).status
    };
    assert_eq!(write("before".to_owned()), 201);
    fs::remove_file(file.with_extension("db-wal")).expect("the server has a log");
    let accepted = (0..20).filter(|number| write(format!("after{number}")) == 201).count();
    let since = Instant::now();
    while server.get("/readyz").status == 200 && since.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(100));
    }
    let noticed = Measured::time(since.elapsed());
    drop(server);
    let restarted = Server::start(&workspace, &[], Stdio::null());
    let books = restarted.get("/api/v1/books?limit=100&sort=title").json();
    let stored = books["items"].as_array().into_iter().flatten();
    let stored = stored.filter(|book| book["title"].as_str().unwrap_or("").starts_with("after"));
    let lost = accepted.saturating_sub(stored.count());
    report.at_most("acknowledged writes lost", Measured::count(lost), Measured::Number(0.0));
    report.at_most("/readyz reports it", noticed, Measured::Milliseconds(5000.0));
}
