//! How many requests a second the server answers over HTTP, on each engine,
//! beside the limit: the same actix-web workers answering the same bytes from
//! memory. Needs `wrk`.
//!
//! ```sh
//! cargo bench -p recto --bench http                    # a made-up catalogue
//! cargo bench -p recto --bench http -- DIRECTORY       # one in goodbooks' format
//! ```
//!
//! Quote ratios taken in one run; requests a second say little about another
//! machine, or another hour.

mod catalogue;
mod limit;
mod load;
mod server;

use std::path::PathBuf;

use load::{Load, Measured};
use recto_testkit::database::Engine;
use server::Server;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let temporary = tempfile::tempdir().expect("a temporary directory can be made");
    let directory =
        arguments.first().map_or_else(|| catalogue::write(temporary.path()), PathBuf::from);
    println!("catalogue: {}", if arguments.is_empty() { "made up" } else { "as given" });
    println!();
    println!("| engine | request | requests/s | p99 | limit | ratio |");
    println!("| --- | --- | ---: | ---: | ---: | ---: |");
    for engine in Engine::BOTH {
        let Some(server) = Server::start(engine, &directory) else { continue };
        for load in server.loads() {
            measure(engine, &server, &load);
        }
    }
}

fn measure(engine: Engine, server: &Server, load: &Load) {
    let limit = limit::Limit::of(server, load);
    let most = load.run(&limit.address());
    drop(limit);
    let real = load.run(server.address());
    assert_eq!(real.errors, 0, "{}: the server answered with errors", load.name);
    row(engine, load.name, &real, &most);
}

fn row(engine: Engine, name: &str, real: &Measured, limit: &Measured) {
    println!(
        "| {engine:?} | {name} | {:.0} | {} | {:.0} | {:.3} |",
        real.per_second,
        real.p99,
        limit.per_second,
        real.per_second / limit.per_second
    );
}
