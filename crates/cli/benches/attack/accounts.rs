//! Attacks by accounts, on the server and on each other.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{BYSTANDER, connect, exchange, head, timed};
use crate::report::{Measured, Report, quantile};
use crate::server::{Server, Target};

/// The number of requests for a password reset, to registered addresses and to others.
const RESETS: usize = 40;

/// Memory after 100 sign-ins.
pub(crate) fn sign_in_memory(target: &Target, report: &mut Report) {
    for number in 0..4 {
        target
            .workspace
            .create_user(&format!("memory{number}"), &format!("memory{number}@example.org"));
    }
    let server = target.start(&[]);
    scope(|scope| {
        for number in 0..20 {
            let server = &server;
            scope.spawn(move || {
                for _ in 0..5 {
                    server.sign_in(&format!("memory{}@example.org", number % 4));
                }
            });
        }
    });
    let since = Instant::now();
    let bound = Measured::Megabytes(60.0);
    while server.memory() > bound && since.elapsed() < Duration::from_mins(1) {
        sleep(Duration::from_secs(1));
    }
    report.at_most("memory within a minute", server.memory(), bound);
}

/// One account writes as fast as it can.
pub(crate) fn quota(target: &Target, report: &mut Report) {
    target.workspace.create_user("writer", "writer@example.org");
    let server = target.start(&[]);
    let token = server.sign_in("writer@example.org");
    let written = AtomicUsize::new(0);
    let body = json!({"title": "Flood", "author": "x".repeat(1000)}).to_string();
    let request = format!("{}{body}", head("POST", "/api/v1/books", &token, body.len()));
    let since = Instant::now();
    scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let Ok(mut stream) = connect(server.address, BYSTANDER) else { return };
                while since.elapsed() < Duration::from_secs(5) {
                    match exchange(&mut stream, &request) {
                        Ok(response) if response.status == 201 => {
                            written.fetch_add(1, Ordering::Relaxed);
                        }
                        // A client that ignores `Retry-After`.
                        Ok(_) => sleep(Duration::from_millis(5)),
                        Err(_) => return,
                    }
                }
            });
        }
    });
    // 100 at once, then 10 a second.
    report.at_most("books in 5 s", Measured::count(written.into_inner()), Measured::Number(160.0));
    sleep(Duration::from_secs(10));

    let mut keys = 0;
    let mut status = 0;
    for number in 0..200 {
        let body = json!({"name": format!("key {number}"), "scopes": ["read"]}).to_string();
        status = server.send_json("POST", "/api/v1/auth/keys", &token, &body).status;
        match status {
            201 => keys += 1,
            // The rate of writes, not their number.
            429 => sleep(Duration::from_millis(200)),
            _ => break,
        }
    }
    report.at_most("API keys", Measured::count(keys), Measured::Number(50.0));
    report.exactly("status of the next", status, 409);
}

/// The time of reset requests to registered addresses and to others.
pub(crate) fn reset_timing(target: &Target, report: &mut Report) {
    for number in 0..RESETS {
        let name = format!("reset{number}");
        target.workspace.create_user(&name, &format!("{name}@example.org"));
    }
    let server = target.start(&[]);
    for path in ["/api/v1/auth/password-reset-request", "/api/v1/auth/verify-request"] {
        compare_times(&server, path, report);
    }
}

/// Compares the times of requests for mail to registered and to unknown addresses.
fn compare_times(server: &Server, path: &str, report: &mut Report) {
    let time = |email: String, number: usize| {
        let body = json!({ "email": email }).to_string();
        let from = Ipv4Addr::new(127, 0, 2, u8::try_from(number % 250 + 1).unwrap_or(1));
        let (status, time) =
            timed(server.address, from, &format!("{}{body}", head("POST", path, "", body.len())));
        assert_eq!(status, 202, "{path}");
        // The work after the response must not disturb the next.
        sleep(Duration::from_millis(20));
        time
    };
    for number in 0..5 {
        time(format!("warm{number}@example.org"), number);
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for number in 0..RESETS {
        known.push(time(format!("reset{number}@example.org"), number));
        unknown.push(time(format!("nobody{number}@example.org"), number));
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    for (whose, times) in [("registered", &known), ("unknown", &unknown)] {
        report.note(
            &format!("{name}, {whose}: median"),
            format!("{} µs", quantile(times, 0.5).as_micros()),
        );
    }
    let score = rank_score(&known, &unknown);
    report.at_most(
        &format!("{name}: rank test, standard deviations"),
        Measured::Number(score.abs()),
        Measured::Number(3.3),
    );
}

/// Returns by how many standard deviations the ranks of the first times differ from chance
/// (Mann-Whitney U).
fn rank_score(first: &[Duration], second: &[Duration]) -> f64 {
    let compare = |one: &Duration| {
        let less = second.iter().filter(|other| *other < one).count();
        let equal = second.iter().filter(|other| *other == one).count();
        f64::from(u32::try_from(less).unwrap_or(0))
            + f64::from(u32::try_from(equal).unwrap_or(0)) / 2.0
    };
    let number = |times: &[Duration]| f64::from(u32::try_from(times.len()).unwrap_or(0));
    let (m, n) = (number(first), number(second));
    let u: f64 = first.iter().map(compare).sum();
    (u - m * n / 2.0) / (m * n * (m + n + 1.0) / 12.0).sqrt()
}
