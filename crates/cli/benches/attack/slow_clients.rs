//! Clients that send and read slowly.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use recto_testkit::database::Engine;

use crate::client::{
    BRIEFLY, BYSTANDER, attacker, connect, connect_with_window, exchange, get, head, timed,
    timed_within,
};
use crate::report::{Measured, Report, quantile};
use crate::server::{Server, Target};

/// The largest response: its size is what the server limits responses to.
pub(crate) const LARGEST: &str = "/api/v1/tags?limit=100&include=\
    books(limit:100).tags(limit:100).books(limit:100)";

/// Sockets that the server may open meanwhile for itself.
const TOLERATED: usize = 20;

const LOGIN: &str = "/api/v1/auth/login";

/// 1,020 connections that send a byte every five seconds.
pub(crate) fn slow_bodies(target: &Target, report: &mut Report) {
    let server = target.start(&[]);
    let idle = server.sockets();
    let mut attackers = flood(&server, 1020, head("POST", LOGIN, "", 1000).as_bytes());
    let since = Instant::now();
    let mut times = Vec::new();
    for round in 0..4 {
        for _ in 0..2 {
            let (status, time) = timed_within(server.address, BYSTANDER, &target.cheap(), BRIEFLY);
            times.push(if status == 200 { time } else { BRIEFLY });
        }
        sleep(Duration::from_secs(5 * round).saturating_sub(since.elapsed()));
        attackers.retain_mut(|stream| stream.write(b" ").is_ok());
    }
    report.at_most("slowest of 8 cheap requests", most(&times), Measured::Milliseconds(1000.0));
    let open = server.sockets().saturating_sub(idle);
    let tolerated = Measured::count(TOLERATED);
    report.at_most("slow connections open after 15 s", Measured::count(open), tolerated);
}

/// A thousand unfinished bodies of a megabyte.
pub(crate) fn large_bodies(target: &Target, report: &mut Report) {
    let server = target.start(&[]);
    let mut attackers = flood(&server, 1000, head("POST", LOGIN, "", 1 << 20).as_bytes());
    let body = vec![b' '; 64 << 10];
    for _ in 0..15 {
        for stream in &mut attackers {
            let _ = stream.set_nonblocking(true);
            let _ = stream.write(&body);
        }
    }
    let memory = server.most_memory(Duration::from_secs(3));
    report.at_most("memory", memory, Measured::Megabytes(300.0));
    let (status, time) = timed_within(server.address, BYSTANDER, &target.cheap(), BRIEFLY);
    report.exactly("status of a cheap request", status, 200);
    report.at_most("time of a cheap request", Measured::time(time), Measured::Milliseconds(1000.0));
}

/// 100 bodies of many small values, from an account that waits for the database.
pub(crate) fn large_json(target: &Target, report: &mut Report) {
    target.workspace.create_user("json", "json@example.org");
    let server = target.start(&[]);
    let token = server.sign_in("json@example.org");
    let mut locker = target.workspace.database().connection();
    locker.begin_write().expect("nothing else writes");
    if target.engine == Engine::Postgres {
        locker.execute_batch("LOCK TABLE accounts").expect("superuser");
    }
    let objects = "{\"\":0},".repeat(24_000);
    let fields: Vec<_> = (0..45_000).map(|number| format!("\"{number}\":0")).collect();
    for (method, path, body) in [
        ("POST", "/api/v1/books", format!("[{objects}0]")),
        ("PATCH", target.book.as_str(), format!("{{{}}}", fields.join(","))),
    ] {
        let request = format!("{}{body}", head(method, path, &token, body.len()));
        let attackers = flood(&server, 100, request.as_bytes());
        let memory = server.most_memory(Duration::from_secs(3));
        report.at_most(&format!("memory, {method}"), memory, Measured::Megabytes(300.0));
        drop(attackers);
    }
    locker.roll_back().expect("it is open");
    let (status, _) = timed_within(server.address, BYSTANDER, &target.cheap(), BRIEFLY);
    report.exactly("status of a cheap request", status, 200);
}

/// 200 connections that ask for the largest response and do not read it.
pub(crate) fn slow_readers(target: &Target, report: &mut Report) {
    let server = target.start(&[]);
    let idle = server.sockets();
    let request = get(LARGEST);
    let attackers: Vec<_> = (0..200)
        .filter_map(|number| {
            let from = attacker(number);
            let mut stream = connect_with_window(server.address, from, Some(4096)).ok()?;
            stream.write_all(request.as_bytes()).ok()?;
            Some(stream)
        })
        .collect();
    let since = Instant::now();
    let mut memory = server.most_memory(Duration::from_secs(1));
    while server.sockets() > idle + TOLERATED && since.elapsed() < Duration::from_mins(1) {
        let now = server.most_memory(Duration::from_millis(100));
        memory = if now > memory { now } else { memory };
    }
    let ended = since.elapsed();
    report.at_most("memory", memory, Measured::Megabytes(600.0));
    report.at_most("connections ended", Measured::time(ended), Measured::Milliseconds(40_000.0));
    drop(attackers);
}

/// 300 connections from one address.
pub(crate) fn connection_limit(target: &Target, report: &mut Report) {
    let server = target.start(&[]);
    let from = attacker(0);
    let mut streams = Vec::new();
    let mut answered: u32 = 0;
    for _ in 0..300 {
        let Ok(mut stream) = connect(server.address, from) else { continue };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
        answered += u32::from(exchange(&mut stream, &target.cheap()).is_ok());
        streams.push(stream);
    }
    report.exactly("of 300 connections, served", answered, 256);
    let (status, _) = timed(server.address, BYSTANDER, &target.cheap());
    report.exactly("status for others", status, 200);
}

/// Opens connections from several addresses and sends the same on each.
fn flood(server: &Server, number: usize, first: &[u8]) -> Vec<TcpStream> {
    let open = |number| {
        let mut stream = connect(server.address, attacker(number)).ok()?;
        stream.set_write_timeout(Some(Duration::from_millis(100))).ok()?;
        stream.write_all(first).ok()?;
        Some(stream)
    };
    (0..number).filter_map(open).collect()
}

fn most(times: &[Duration]) -> Measured {
    Measured::time(quantile(times, 1.0))
}
