//! The log when it cannot be written, and what is in its lines.

use std::fs::{self, File};
use std::io::Read as _;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::program::{Program, RunningServer};

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

/// Sends requests with long paths, whose lines have about 1,200 bytes, and stops the server.
fn use_and_stop(mut server: RunningServer, requests: usize) {
    let (address, agent) = (server.address(), agent());
    let path = format!("{address}/{}", "x".repeat(2_000));
    for _ in 0..requests {
        assert_eq!(agent.get(&path).call().unwrap().status().as_u16(), 404);
    }
    server.signal("TERM");
    server.wait().succeeded();
}

#[cfg(target_os = "linux")]
#[test]
fn full_disk_fails_no_request() {
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    // Not even the warning at the start.
    let program = Program::new().with("RECTO_UNKNOWN", "1");
    for format in ["text", "json"] {
        use_and_stop(program.serve_logging_to(full(), &["--log-format", format]), 20);
    }
}

#[test]
fn closed_pipe_fails_no_request() {
    let (reader, writer) = std::io::pipe().unwrap();
    let program = Program::new();
    let server = program.serve_logging_to(writer.into(), &[]);
    drop(reader);
    use_and_stop(server, 20);
}

#[test]
fn unread_pipe_stops_no_request() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let program = Program::new();
    let server = program.serve_logging_to(writer.into(), &[]);
    // More than a pipe holds.
    use_and_stop(server, 200);
    let mut log = Vec::new();
    reader.read_to_end(&mut log).unwrap();
    assert!(!log.is_empty());
}

#[test]
fn slow_reader_gets_lines_in_order() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let program = Program::new();
    let mut server = program.serve_logging_to(writer.into(), &[]);
    let (address, agent) = (server.address(), agent());
    for number in 0..300 {
        let path = format!("{address}/{number}-{}", "x".repeat(900));
        assert_eq!(agent.get(&path).call().unwrap().status().as_u16(), 404);
    }
    server.signal("TERM");
    let reading = thread::spawn(move || {
        let mut log = String::new();
        reader.read_to_string(&mut log).unwrap();
        log
    });
    server.wait().succeeded();
    let log = reading.join().unwrap();
    let numbers: Vec<usize> = log
        .lines()
        .filter_map(|line| line.split_once("path=\"/")?.1.split_once('-')?.0.parse().ok())
        .collect();
    assert_eq!(numbers, (0..300).collect::<Vec<_>>());
}

#[test]
fn lines_are_bounded_and_marked() {
    let program = Program::new();
    let mut server = program.serve(&[]);
    let (address, agent) = (server.address(), agent());
    let path = format!("{address}/long/{}", "x".repeat(5_000));
    let response = agent.get(&path).header("x-request-id", "forged-0001").call().unwrap();
    assert_eq!(response.headers()["x-request-id"], "forged-0001");
    server.signal("TERM");
    let log = server.wait().stderr;
    let line = log.lines().find(|line| line.contains("/long/")).unwrap();
    assert!(line.contains("client_request_id=\"forged-0001\""), "{line}");
    assert!(!line.contains("id=\"forged-0001\"") || line.matches("forged").count() == 1, "{line}");
    assert!(line.contains("… (5006 bytes)") && line.contains("status=404"), "{line}");
    assert!(line.len() < 1_400, "{}", line.len());
}

#[test]
fn unreachable_smtp_server_is_logged() {
    let program = Program::new();
    let file = program.path("log");
    let log = Stdio::from(File::create(&file).unwrap());
    let mut server = program.serve_logging_to(log, &["--smtp-url", "smtp://127.0.0.1:1"]);
    server.address();
    let since = Instant::now();
    while !fs::read_to_string(&file).unwrap().contains("the SMTP server cannot be used") {
        assert!(since.elapsed() < Duration::from_mins(1));
        thread::sleep(Duration::from_millis(50));
    }
    server.signal("TERM");
    server.wait().succeeded();
}
