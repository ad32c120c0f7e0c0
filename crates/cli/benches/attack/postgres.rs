//! PostgreSQL that does not respond.

use std::sync::Mutex;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use crate::client::{BYSTANDER, attacker, get, head, timed};
use crate::report::{Measured, Report, quantile};
use crate::server::{Server, Target};

/// The time within which every request gets a response: that for the database's work, and some for
/// the rest.
const ANSWERED: Measured = Measured::Milliseconds(6500.0);

/// PostgreSQL is frozen for 25 seconds.
pub(crate) fn frozen(target: &Target, report: &mut Report) {
    let Some(cluster) = target.workspace.cluster() else { return };
    let server = target.start(&[]);
    assert_eq!(timed(server.address, BYSTANDER, &target.cheap()).0, 200);
    let paused = cluster.pause();
    let since = Instant::now();
    let responses = Mutex::new(Vec::new());
    scope(|scope| {
        for number in 0..100 {
            let (responses, server) = (&responses, &server);
            scope.spawn(move || {
                sleep(Duration::from_millis(180) * number);
                let from = attacker(usize::try_from(number).unwrap_or(0));
                let response = timed(server.address, from, &target.cheap());
                responses.lock().expect("no thread panics").push(response);
            });
        }
        sleep(Duration::from_secs(25).saturating_sub(since.elapsed()));
        drop(paused);
    });
    let responses = responses.into_inner().expect("no thread panics");
    let times: Vec<_> = responses.iter().map(|(_, time)| *time).collect();
    let refused = responses.iter().filter(|(status, _)| *status == 503).count();
    report.at_most("slowest of 100 requests", Measured::time(quantile(&times, 1.0)), ANSWERED);
    report.exactly("of 100 requests, answered with 503", refused, 100);
    let recovered = time_until_ok(&server, &target.cheap());
    report.at_most("recovery", recovered, Measured::Milliseconds(2000.0));
}

/// Another program locks one table for 35 seconds, which 40 clients read meanwhile.
pub(crate) fn locked_table(target: &Target, report: &mut Report) {
    if target.workspace.cluster().is_none() {
        return;
    }
    target.workspace.create_user("locked", "locked@example.org");
    let server = target.start(&[]);
    let token = server.sign_in("locked@example.org");
    let body = r#"{"rating":4,"review_text":""}"#;
    let path = &format!("{}/reviews", target.book);
    let write = format!("{}{body}", head("POST", path, &token, body.len()));
    let (writes, mut reads) = (Mutex::new(Vec::new()), Vec::new());
    scope(|scope| {
        scope.spawn(|| {
            let lock = "BEGIN; LOCK TABLE reviews; SELECT pg_sleep(35); COMMIT";
            target.workspace.database().execute(lock).expect("superuser");
        });
        sleep(Duration::from_secs(1));
        for number in 0..32 {
            let (writes, write, server) = (&writes, &write, &server);
            scope.spawn(move || {
                let response = timed(server.address, attacker(number), write);
                writes.lock().expect("no thread panics").push(response);
            });
        }
        for number in 0..40 {
            let server = &server;
            scope.spawn(move || {
                let since = Instant::now();
                while since.elapsed() < Duration::from_secs(30) {
                    timed(server.address, attacker(number), &get(path));
                }
            });
        }
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(30) {
            reads.push(timed(server.address, BYSTANDER, &target.cheap()).1);
            sleep(Duration::from_millis(200));
        }
    });
    let writes = writes.into_inner().expect("no thread panics");
    let refused = writes.iter().filter(|(status, _)| *status == 503).count();
    let times: Vec<_> = writes.iter().map(|(_, time)| *time).collect();
    let slowest = |times: &[Duration]| Measured::time(quantile(times, 1.0));
    report.at_most("slowest read of a book", slowest(&reads), Measured::Milliseconds(500.0));
    report.at_most("slowest of 32 blocked writes", slowest(&times), ANSWERED);
    report.exactly("of these, with 503", refused, 32);
}

/// Returns the time until a request succeeds.
fn time_until_ok(server: &Server, request: &str) -> Measured {
    let since = Instant::now();
    while timed(server.address, BYSTANDER, request).0 != 200
        && since.elapsed() < Duration::from_mins(1)
    {
        sleep(Duration::from_millis(50));
    }
    Measured::time(since.elapsed())
}
