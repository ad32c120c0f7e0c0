//! Which crate may depend on which, and that the documents which say so point
//! at what is there.

#![expect(clippy::unwrap_used, reason = "what a test unwraps is what it expects")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What may not be reached from the domain: databases, servers, runtimes, and
/// randomness.
const OUTSIDE: [&str; 9] = [
    "actix-web",
    "diesel",
    "diesel_migrations",
    "getrandom",
    "libsqlite3-sys",
    "pq-sys",
    "rand",
    "tokio",
    "tracing",
];

/// What talks to a database by itself.
const DATABASES: [&str; 4] = ["diesel", "diesel_migrations", "libsqlite3-sys", "pq-sys"];

#[test]
fn the_domain_reaches_neither_database_nor_server() {
    let reached = dependencies("recto-domain", &["--all-features"]);
    assert!(reached.contains("serde"), "{reached:?}");
    for outside in OUTSIDE {
        assert!(!reached.contains(outside), "recto-domain reaches {outside}");
    }
}

#[test]
fn relations_know_no_database() {
    let reached = dependencies("recto-relations", &["--all-features"]);
    assert!(reached.contains("serde"), "{reached:?}");
    for outside in OUTSIDE {
        assert!(!reached.contains(outside), "recto-relations reaches {outside}");
    }
}

#[test]
fn the_api_and_the_program_leave_the_database_to_persistence() {
    for layer in ["recto-api", "recto"] {
        let direct = dependencies(layer, &["--depth", "1"]);
        assert!(direct.contains("recto-persistence"), "{direct:?}");
        for database in DATABASES {
            assert!(!direct.contains(database), "{layer} depends on {database}");
        }
    }
}

#[test]
fn persistence_knows_no_server() {
    let reached = dependencies("recto-persistence", &["--all-features"]);
    assert!(reached.contains("diesel"), "{reached:?}");
    assert!(!reached.contains("actix-web"), "recto-persistence reaches actix-web");
}

#[test]
fn each_layer_depends_on_those_below() {
    let layers: [(&str, &[&str]); 7] = [
        ("recto-relations", &[]),
        ("recto-relations-diesel", &["recto-relations"]),
        ("recto-domain", &["recto-relations"]),
        ("recto-persistence", &["recto-domain", "recto-relations", "recto-relations-diesel"]),
        ("recto-api", &["recto-domain", "recto-persistence", "recto-relations"]),
        (
            "recto-testkit",
            &["recto-api", "recto-domain", "recto-persistence", "recto-relations-diesel"],
        ),
        ("recto", &["recto-api", "recto-domain", "recto-persistence"]),
    ];
    for (layer, expected) in layers {
        let mut direct = dependencies(layer, &["--depth", "1"]);
        direct.retain(|package| package.starts_with("recto"));
        assert!(direct.iter().eq(expected), "{layer} depends on {direct:?}, not {expected:?}");
    }
}

#[test]
fn every_invariant_names_what_holds_it() {
    let architecture = read("ARCHITECTURE.md");
    let invariants: Vec<&str> = architecture
        .lines()
        .filter(|line| line.starts_with("**Architecture Invariant:**"))
        .collect();
    assert!(invariants.len() >= 10, "{invariants:#?}");
    let mut named = Vec::new();
    for invariant in invariants {
        let tests = tests_named(invariant);
        let by_compiler = invariant.contains("Held by the compiler");
        assert!(by_compiler || !tests.is_empty(), "nothing holds it: {invariant}");
        named.extend(tests);
    }
    assert_eq!(missing(&named), [""; 0]);
}

#[test]
fn every_threat_names_what_covers_it() {
    let security = read("docs/security.md");
    let (_, threats) = security.split_once("\n## Threats\n").unwrap();
    let threats = threats.split("\n## ").next().unwrap();
    // Behind the heading and the line below it.
    let rows: Vec<&str> = threats.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() >= 20, "{rows:#?}");
    for row in rows {
        assert!(!tests_named(row).is_empty(), "nothing covers it: {row}");
    }
    assert_eq!(missing(&tests_named(&security)), [""; 0]);
}

#[test]
fn every_decision_names_tests_that_exist() {
    for document in markdown(&root().join("docs/decisions")) {
        let text = fs::read_to_string(&document).unwrap();
        assert_eq!(missing(&tests_named(&text)), [""; 0], "{}", document.display());
    }
}

/// What is called `file.rs::test` in a text: the file without its ending, and the test.
fn tests_named(text: &str) -> Vec<(&str, &str)> {
    text.split('`').skip(1).step_by(2).filter_map(|span| span.split_once(".rs::")).collect()
}

/// Those of them that no file has.
fn missing(tests: &[(&str, &str)]) -> Vec<String> {
    let is_there = |(file, test): &(&str, &str)| {
        let source = fs::read_to_string(root().join(format!("{file}.rs"))).unwrap_or_default();
        source.contains(&format!("fn {test}("))
    };
    let missing = tests.iter().filter(|test| !is_there(test));
    missing.map(|(file, test)| format!("{file}.rs::{test}")).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut documents = markdown(&root());
    documents.extend(markdown(&root().join("docs")));
    documents.extend(markdown(&root().join("docs/decisions")));
    documents.extend(markdown(&root().join("docs/guide")));
    assert!(documents.len() >= 10, "{documents:?}");
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
            let file = target.split('#').next().unwrap_or_default();
            let place = document.parent().unwrap().join(file);
            assert!(place.exists(), "{} links to {target}", document.display());
        }
    }
}

/// The packages that one is built with, itself left out.
fn dependencies(package: &str, arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "--package", package])
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let names = lines.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != package).map(ToOwned::to_owned).collect()
}

fn markdown(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
