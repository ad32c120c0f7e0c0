//! Expensive requests, and cheap ones meanwhile.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use crate::client::{BRIEFLY, BYSTANDER, attacker, connect, exchange, get, timed, timed_within};
use crate::report::{Measured, Report, quantile};
use crate::server::Target;

/// A request that costs the server hundreds of milliseconds.
pub(crate) const EXPENSIVE: &str = "/api/v1/books?limit=100&sort=title&\
    include=reviews.user.reviews,tags.books.tags,contributors.books.reviews,user";

/// 300 expensive requests whose clients leave.
pub(crate) fn abandoned(target: &Target, report: &mut Report) {
    let server = target.start(&[]);
    let request = get(EXPENSIVE);
    for number in 0..300 {
        let stream = connect(server.address, attacker(number));
        let _ = stream.and_then(|mut stream| stream.write_all(request.as_bytes()));
    }
    let (status, time) = timed(server.address, BYSTANDER, &target.cheap());
    report.exactly("status", status, 200);
    report.at_most("next cheap request", Measured::time(time), Measured::Milliseconds(500.0));
}

/// 150 connections with an expensive request in flight each: many entities, or few of many.
pub(crate) fn expensive(target: &Target, report: &mut Report) {
    let server = target.start(&[]);
    let tag = &target.tag;
    let requests = [
        get(EXPENSIVE),
        get("/api/v1/books?include=tags"),
        get(&format!("{tag}/books?limit=5&sort=-page_count")),
        get(&format!("{tag}?count=books")),
        get(&format!("{tag}?include=books(limit:5,sort:title)")),
    ];
    let stopped = AtomicBool::new(false);
    let mut cheap = Vec::new();
    let mut health = Vec::new();
    scope(|scope| {
        for number in 0..150 {
            let (address, stopped) = (server.address, &stopped);
            let request = &requests[number % requests.len()];
            scope.spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    let Ok(mut stream) = connect(address, attacker(number)) else { continue };
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
                    let response = exchange(&mut stream, request);
                    if response.is_ok_and(|response| response.status == 503) {
                        // A client that does not respect `Retry-After`, but does not spin either.
                        sleep(Duration::from_millis(100));
                    }
                }
            });
        }
        sleep(Duration::from_secs(1));
        let probe = |request: &str, times: &mut Vec<Duration>| {
            let (status, time) = timed_within(server.address, BYSTANDER, request, BRIEFLY);
            times.push(if status == 200 { time } else { BRIEFLY });
        };
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(15) {
            for _ in 0..5 {
                probe(&target.cheap(), &mut cheap);
            }
            probe(&get("/readyz"), &mut health);
            probe(&get("/livez"), &mut health);
        }
        stopped.store(true, Ordering::Relaxed);
    });
    let of = |times: &[Duration], share| Measured::time(quantile(times, share));
    report.at_most("median of a book by key", of(&cheap, 0.5), Measured::Milliseconds(100.0));
    report.at_most("p99 of a book by key", of(&cheap, 0.99), Measured::Milliseconds(500.0));
    report.at_most("slowest health check", of(&health, 1.0), Measured::Milliseconds(500.0));
}
