//! SIGTERM with clients that do not cooperate.

use std::io::Write as _;
use std::thread::{sleep, spawn};
use std::time::Duration;

use crate::client::{attacker, connect, connect_with_window, exchange, get, head, read_response};
use crate::expensive::EXPENSIVE;
use crate::report::{Measured, Report};
use crate::server::{Server, Target};
use crate::slow_clients::LARGEST;

/// The time in which a server ends, whatever clients and the database do.
const END: Measured = Measured::Milliseconds(30_000.0);

/// A stalled body, an idle connection, a client that does not read, and a running request.
pub(crate) fn shutdown(target: &Target, report: &mut Report) {
    let mut server = target.start(&[]);
    let open = |number| connect(server.address, attacker(number)).expect("it accepts");
    let mut stalled = open(0);
    let login = head("POST", "/api/v1/auth/login", "", 1000);
    stalled.write_all(login.as_bytes()).expect("it reads");
    let mut idle = open(1);
    exchange(&mut idle, &target.cheap()).expect("it responds");
    let mut unread =
        connect_with_window(server.address, attacker(2), Some(4096)).expect("accepted");
    unread.write_all(get(LARGEST).as_bytes()).expect("it reads");
    sleep(Duration::from_secs(1));
    let mut running = open(3);
    running.write_all(get(EXPENSIVE).as_bytes()).expect("it reads");
    let reader = spawn(move || read_response(&mut running));
    sleep(Duration::from_millis(30));

    server.signal("TERM");
    check_end(&mut server, report);
    let response = reader.join().expect("the reader does not panic");
    let status = response.as_ref().map_or(0, |response| response.status);
    let closed = response.is_ok_and(|response| response.head.contains("connection: close"));
    report.exactly("status of the running request", status, 200);
    report.exactly("with Connection: close", closed, true);
}

/// PostgreSQL is frozen for 8 seconds and stays so, while the mail worker polls.
pub(crate) fn frozen(target: &Target, report: &mut Report) {
    let Some(cluster) = target.workspace.cluster() else { return };
    let mut server = target.start(&[]);
    let paused = cluster.pause();
    sleep(Duration::from_secs(8));
    server.signal("TERM");
    check_end(&mut server, report);
    drop(paused);
}

/// Waits for the end of a server that got a signal.
fn check_end(server: &mut Server, report: &mut Report) {
    let limit = Duration::from_mins(1);
    let (code, time) = server.wait(limit).unwrap_or((None, limit));
    report.at_most("end", Measured::time(time), END);
    report.exactly("exit code", code.unwrap_or(-1), 0);
}
