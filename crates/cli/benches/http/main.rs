//! Measures requests per second over HTTP on each engine, and their ratio to the limit: the same
//! actix-web workers returning the same bytes from memory. Requires `wrk`.
//!
//! ```sh
//! cargo bench -p recto --bench http                    # a generated catalogue
//! cargo bench -p recto --bench http -- DIRECTORY       # a catalogue in goodbooks' format
//! ```
//!
//! Compare ratios of one run. Requests per second depend on the machine and the hour.

mod limit_server;
mod recto_server;
#[path = "../support/mod.rs"]
mod support;
mod workload;

use std::path::PathBuf;

use recto_server::RectoServer;
use recto_testkit::database::Engine;
use support::catalogue;
use workload::{Measurement, Workload};

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let temporary = tempfile::tempdir().expect("a temporary directory can be created");
    let directory =
        arguments.first().map_or_else(|| catalogue::write(temporary.path()), PathBuf::from);
    println!("catalogue: {}", if arguments.is_empty() { "generated" } else { "as given" });
    println!();
    println!("| engine | request | requests/s | p99 | limit | ratio |");
    println!("| --- | --- | ---: | ---: | ---: | ---: |");
    for engine in Engine::BOTH {
        let Some(server) = RectoServer::start(engine, &directory) else { continue };
        for load in server.loads() {
            measure(engine, &server, &load);
        }
    }
}

fn measure(engine: Engine, server: &RectoServer, load: &Workload) {
    let limit = limit_server::LimitServer::of(server, load);
    let most = load.run(&limit.address());
    drop(limit);
    let real = load.run(server.address());
    assert_eq!(real.errors, 0, "{}: some responses were errors", load.name);
    row(engine, load.name, &real, &most);
}

fn row(engine: Engine, name: &str, real: &Measurement, limit: &Measurement) {
    println!(
        "| {engine:?} | {name} | {:.0} | {} | {:.0} | {:.3} |",
        real.per_second,
        real.p99,
        limit.per_second,
        real.per_second / limit.per_second
    );
}
