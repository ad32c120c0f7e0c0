//! Dependencies between the crates, words that only some layers may use, references of the
//! documents to tests and files, and the length of test names.

#![expect(clippy::unwrap_used, reason = "what a test unwraps is what it expects")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Databases, servers, runtimes and randomness.
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

const CRYPTOGRAPHY: [&str; 5] = ["argon2", "aws-lc-rs", "jsonwebtoken", "ring", "sha2"];

const DATABASES: [&str; 4] = ["diesel", "diesel_migrations", "libsqlite3-sys", "pq-sys"];

fn assert_unreached(package: &str, outside: &[&str]) {
    let reached = dependencies(package, &["--all-features"]);
    assert!(reached.contains("serde"), "{reached:?}");
    for one in outside {
        assert!(!reached.contains(*one), "{package} reaches {one}");
    }
}

#[test]
fn domain_reaches_nothing_outside() {
    assert_unreached("recto-domain", &OUTSIDE);
    assert_unreached("recto-domain", &CRYPTOGRAPHY);
}

#[test]
fn relations_reach_nothing_outside() {
    assert_unreached("recto-relations", &OUTSIDE);
}

#[test]
fn client_reaches_neither_database_nor_server() {
    assert_unreached("recto-client", &DATABASES);
    assert_unreached("recto-client", &["actix-web"]);
}

#[test]
fn identity_reaches_neither_database_nor_server() {
    assert_unreached("recto-identity", &DATABASES);
    assert_unreached("recto-identity", &["actix-web"]);
}

#[test]
fn persistence_and_mail_reach_no_server() {
    assert_unreached("recto-persistence", &["actix-web"]);
    assert_unreached("recto-mail", &["actix-web"]);
}

#[test]
fn upper_layers_use_no_database_directly() {
    for layer in ["recto-mail", "recto-api", "recto"] {
        let direct = dependencies(layer, &["--depth", "1"]);
        assert!(direct.contains("recto-persistence"), "{direct:?}");
        for database in DATABASES {
            assert!(!direct.contains(database), "{layer} depends on {database}");
        }
    }
}

#[test]
fn lower_layers_name_no_path() {
    let words = ["GET /", "POST /", "PUT /", "PATCH /", "DELETE /", "/api/", "/auth/", "{uid}"];
    for layer in ["relations", "relations-diesel", "domain", "persistence", "identity", "mail"] {
        let found = occurrences(&format!("crates/{layer}/src"), |line| {
            words.iter().any(|word| line.contains(word))
        });
        assert_eq!(found, [""; 0], "paths belong in recto-api");
    }
}

#[test]
fn api_names_no_table_or_column() {
    let columns = columns();
    assert!(columns.contains(&("reviews".to_owned(), "book_uid".to_owned())), "{columns:?}");
    let named: Vec<String> =
        columns.iter().map(|(table, column)| format!("{table}.{column}")).collect();
    // Other tables have the names of collections, which paths and includes contain.
    let tables: BTreeSet<&str> =
        columns.iter().map(|(table, _)| table.as_str()).filter(|name| name.contains('_')).collect();
    assert!(tables.contains("book_tags"), "{tables:?}");
    let found = occurrences("crates/api/src", |line| {
        let words: Vec<&str> =
            line.split(|c: char| !c.is_alphanumeric() && !"_.".contains(c)).collect();
        let is_sql = |word: &&str| {
            tables.contains(word)
                || named.iter().any(|name| name == word)
                || ["SELECT", "INSERT", "UPDATE", "JOIN"].contains(word)
        };
        line.contains('"') && (line.contains("DELETE FROM") || words.iter().any(is_sql))
    });
    // The field of the account export that lists API keys.
    let found: Vec<_> = found.iter().filter(|line| !line.contains("api_keys")).collect();
    assert!(found.is_empty(), "SQL belongs in recto-persistence: {found:#?}");
}

/// Returns the columns of all tables, as declared in `schema.rs`.
fn columns() -> Vec<(String, String)> {
    let (mut table, mut columns) = (String::new(), Vec::new());
    for line in read("crates/persistence/src/schema.rs").lines() {
        let line = line.trim();
        if let Some((column, _)) = line.split_once(" -> ") {
            columns.push((table.clone(), column.to_owned()));
        } else if let Some((name, _)) =
            line.strip_suffix('{').and_then(|line| line.split_once(" ("))
        {
            name.clone_into(&mut table);
        }
    }
    columns
}

/// Returns the matching lines in the files of a directory, without unit tests.
fn occurrences(directory: &str, matches: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in sources(&root().join(directory)) {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
        let lines = (1..).zip(lines).filter(|(_, line)| matches(line));
        found.extend(lines.map(|(number, line)| format!("{}:{number}: {line}", file.display())));
    }
    found
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn each_layer_depends_on_those_below() {
    let layers: [(&str, &[&str]); 10] = [
        ("recto-relations", &[]),
        ("recto-relations-diesel", &["recto-relations"]),
        ("recto-domain", &["recto-relations"]),
        ("recto-client", &["recto-domain", "recto-relations"]),
        ("recto-persistence", &["recto-domain", "recto-relations", "recto-relations-diesel"]),
        ("recto-identity", &["recto-domain"]),
        ("recto-mail", &["recto-domain", "recto-identity", "recto-persistence"]),
        (
            "recto-api",
            &[
                "recto-domain",
                "recto-identity",
                "recto-mail",
                "recto-persistence",
                "recto-relations",
            ],
        ),
        (
            "recto-testkit",
            &[
                "recto-api",
                "recto-client",
                "recto-domain",
                "recto-identity",
                "recto-mail",
                "recto-persistence",
                "recto-relations-diesel",
            ],
        ),
        (
            "recto",
            &["recto-api", "recto-domain", "recto-identity", "recto-mail", "recto-persistence"],
        ),
    ];
    for (layer, expected) in layers {
        let mut direct = dependencies(layer, &["--depth", "1"]);
        direct.retain(|package| package.starts_with("recto"));
        assert!(direct.iter().eq(expected), "{layer} depends on {direct:?}, not {expected:?}");
    }
}

#[test]
fn invariants_refer_to_existing_tests() {
    let architecture = read("ARCHITECTURE.md");
    let (_, invariants) = architecture.split_once("\n## Invariants\n").unwrap();
    let invariants: Vec<&str> = invariants.lines().filter(|line| line.starts_with("- ")).collect();
    assert_eq!(invariants.len(), 10, "{invariants:#?}");
    assert!(architecture.split_whitespace().count() <= 1_200);
    let mut named = Vec::new();
    for invariant in invariants {
        let tests = test_references(invariant);
        let by_compiler = invariant.contains("Held by the compiler");
        assert!(by_compiler || !tests.is_empty(), "no test: {invariant}");
        named.extend(tests);
    }
    assert_eq!(missing_tests(&named), [""; 0]);
}

#[test]
fn threats_refer_to_existing_tests() {
    let security = read("docs/security.md");
    let (_, threats) = security.split_once("\n## Threats\n").unwrap();
    let threats = threats.split("\n## ").next().unwrap();
    // The first two lines are the heading.
    let rows: Vec<&str> = threats.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() >= 20, "{rows:#?}");
    for row in rows {
        assert!(!test_references(row).is_empty(), "no test: {row}");
    }
    assert_eq!(missing_tests(&test_references(&security)), [""; 0]);
}

#[test]
fn decisions_refer_to_existing_tests() {
    for document in markdown(&root().join("docs/decisions")) {
        let text = fs::read_to_string(&document).unwrap();
        assert_eq!(missing_tests(&test_references(&text)), [""; 0], "{}", document.display());
    }
}

/// Returns the references `file.rs::test` in a text: the file without its extension, and the test.
fn test_references(text: &str) -> Vec<(&str, &str)> {
    text.split('`').skip(1).step_by(2).filter_map(|span| span.split_once(".rs::")).collect()
}

/// Returns the references to tests that do not exist.
fn missing_tests(tests: &[(&str, &str)]) -> Vec<String> {
    let exists = |(file, test): &(&str, &str)| {
        let source = fs::read_to_string(root().join(format!("{file}.rs"))).unwrap_or_default();
        source.contains(&format!("fn {test}("))
    };
    let unknown = tests.iter().filter(|test| !exists(test));
    unknown.map(|(file, test)| format!("{file}.rs::{test}")).collect()
}

/// The check includes all functions, since `both_engines!` lists tests by their names.
#[test]
fn test_names_have_six_words() {
    let mut names = Vec::new();
    for file in sources(&root().join("crates")) {
        let text = fs::read_to_string(&file).unwrap();
        let declared = text.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
        let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        names.extend(declared.filter(is_name).map(ToOwned::to_owned));
    }
    assert!(names.iter().any(|name| name == "test_names_have_six_words"));
    names.retain(|name| name.split('_').count() > 6);
    assert_eq!(names, [""; 0], "names of tests have at most six words");
}

#[test]
fn links_have_targets() {
    let mut documents = markdown(&root());
    documents.extend(markdown(&root().join("clients")));
    documents.extend(markdown(&root().join("docs")));
    documents.extend(markdown(&root().join("docs/decisions")));
    documents.extend(markdown(&root().join("docs/guide")));
    assert!(documents.len() >= 10, "{documents:?}");
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
            let file = target.split('#').next().unwrap_or_default();
            let target_file = document.parent().unwrap().join(file);
            assert!(target_file.exists(), "{} links to {target}", document.display());
        }
    }
}

/// Returns the packages that a package depends on.
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
