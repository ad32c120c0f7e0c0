//! Attacks a release server, and checks that it stays within its bounds. Linux only.
//!
//! ```sh
//! cargo bench -p recto --bench attack                            # every scenario, on both engines
//! cargo bench -p recto --bench attack -- slow-readers quota      # some
//! cargo bench -p recto --bench attack -- --engine sqlite         # on one engine
//! cargo bench -p recto --bench attack -- --catalogue DIRECTORY   # a catalogue in goodbooks' format
//! ```
//!
//! Each check prints what was measured and its bound. The exit code is 1 if one of them failed. The
//! clients have loopback addresses of their own, since the server limits each address.

mod accounts;
mod client;
mod expensive;
mod faults;
mod postgres;
mod report;
mod server;
mod shutdown;
mod slow_clients;
#[path = "../support/mod.rs"]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use recto_testkit::database::Engine;
use report::Report;
use server::Target;
use support::catalogue;

type Scenario = fn(&Target, &mut Report);

/// The scenarios. Those about PostgreSQL or SQLite alone do nothing on the other.
const SCENARIOS: [(&str, Scenario); 16] = [
    ("slow-bodies", slow_clients::slow_bodies),
    ("large-bodies", slow_clients::large_bodies),
    ("large-json", slow_clients::large_json),
    ("slow-readers", slow_clients::slow_readers),
    ("connection-limit", slow_clients::connection_limit),
    ("abandoned", expensive::abandoned),
    ("expensive", expensive::expensive),
    ("frozen-postgres", postgres::frozen),
    ("locked-table", postgres::locked_table),
    ("shutdown", shutdown::shutdown),
    ("frozen-shutdown", shutdown::frozen),
    ("sign-in-memory", accounts::sign_in_memory),
    ("quota", accounts::quota),
    ("reset-timing", accounts::reset_timing),
    ("log", faults::unwritable_log),
    ("wal-deleted", faults::deleted_wal),
];

/// The arguments of the command line.
#[derive(Default)]
struct Arguments {
    scenarios: Vec<String>,
    engine: Option<String>,
    catalogue: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let is_known = |name: &String| SCENARIOS.iter().any(|(known, _)| known == name);
    if let Some(unknown) = arguments.scenarios.iter().find(|name| !is_known(name)) {
        let known: Vec<_> = SCENARIOS.iter().map(|(name, _)| *name).collect();
        eprintln!("no scenario is called '{unknown}'; there are: {}", known.join(" "));
        return ExitCode::from(2);
    }
    let temporary = tempfile::tempdir().expect("a temporary directory can be created");
    let catalogue =
        arguments.catalogue.clone().unwrap_or_else(|| catalogue::write(temporary.path()));
    let mut report = Report::new();
    for engine in Engine::BOTH {
        let name = format!("{engine:?}").to_lowercase();
        if arguments.engine.as_ref().is_some_and(|wanted| *wanted != name) {
            continue;
        }
        let Some(target) = Target::new(engine, &catalogue) else { continue };
        for (name, scenario) in SCENARIOS {
            if arguments.scenarios.is_empty() || arguments.scenarios.iter().any(|one| one == name) {
                report.begin(engine, name);
                // The panic's message is on standard error.
                let run = AssertUnwindSafe(|| scenario(&target, &mut report));
                if catch_unwind(run).is_err() {
                    report.aborted();
                }
            }
        }
    }
    if report.is_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Arguments {
    fn parse() -> Self {
        let mut parsed = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--engine" => parsed.engine = arguments.next(),
                "--catalogue" => parsed.catalogue = arguments.next().map(PathBuf::from),
                // Cargo passes `--bench`.
                other if other.starts_with("--") => {}
                _ => parsed.scenarios.push(argument),
            }
        }
        parsed
    }
}
