//! The guide is correct: its commands print the quoted output, its quotes match the sources, and
//! the table of contents is complete. Its Rust code is run by the doctests of `recto-testkit`.

use std::fs;
use std::path::{Path, PathBuf};

use recto_testkit::database::{Engine, run};

use crate::support::documents::{command_blocks, fenced_blocks, repository_file, run_and_compare};

#[test]
fn chapters_print_quoted_output_on_sqlite() {
    run_chapters(Engine::Sqlite);
}

#[test]
fn chapters_print_quoted_output_on_postgres() {
    run_chapters(Engine::Postgres);
}

/// The chapter with the setup of all others.
const INTRODUCTION: &str = "introduction.md";

struct Chapter {
    name: String,
    text: String,
}

fn chapters() -> Vec<Chapter> {
    let files = fs::read_dir(repository_file("docs/guide")).unwrap();
    let mut chapters: Vec<Chapter> = files
        .map(|file| {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            Chapter { name, text: fs::read_to_string(file.path()).unwrap() }
        })
        .collect();
    chapters.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(chapters.len() > 10, "{} chapters", chapters.len());
    chapters
}

/// Runs the introduction and then the chapter, for each chapter.
fn run_chapters(engine: Engine) {
    let chapters = chapters();
    let introduction = chapters.iter().find(|chapter| chapter.name == INTRODUCTION).unwrap();
    let mut count = 0;
    for chapter in &chapters {
        let own = command_blocks(&chapter.text);
        if own.is_empty() || chapter.name == INTRODUCTION {
            continue;
        }
        let mut all = command_blocks(&introduction.text);
        all.extend(own);
        run(engine, &chapter.name, |database| run_and_compare(database, &all));
        count += 1;
    }
    assert!(count > 8, "{count} chapters have commands");
}

#[test]
fn every_curl_command_is_run() {
    for Chapter { name, text } in chapters() {
        for block in fenced_blocks(&text) {
            let language = block.language;
            assert!(language == "sh" || !block.text.contains("curl "), "{name}: {language}");
        }
    }
}

/// The first line of an `rs` or `sql` block names the file that contains the other lines.
#[test]
fn quotes_match_their_source() {
    let mut quotes = 0;
    for Chapter { name, text } in chapters() {
        for quote in fenced_blocks(&text) {
            if !matches!(quote.language, "rs" | "sql") {
                continue;
            }
            let (file, lines) = quote.text.split_once('\n').unwrap();
            let file = file.trim_start_matches(['/', '-', ' ']);
            let source = fs::read_to_string(repository_file(file))
                .unwrap_or_else(|error| panic!("{name} quotes {file}: {error}"));
            assert!(trimmed(&source).contains(&trimmed(lines)), "{name} quotes {file}:\n{lines}");
            quotes += 1;
        }
    }
    assert!(quotes > 5, "{quotes} quotes");
}

/// Removes the indentation, which may differ in a quote.
fn trimmed(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// An include may select lines: `file:from:to`.
#[test]
fn includes_are_compiler_messages() {
    for Chapter { name, text } in chapters() {
        for include in text.split("{{#include ").skip(1) {
            let include = include.split("}}").next().unwrap();
            let mut parts = include.split(':');
            let file = repository_file("docs/guide").join(parts.next().unwrap());
            let first: usize = parts.next().map_or(1, |line| line.parse().unwrap());
            let message = fs::read_to_string(&file)
                .unwrap_or_else(|error| panic!("{name} includes {include}: {error}"));
            let line = message.lines().nth(first - 1).unwrap_or_default();
            assert!(line.starts_with("error"), "{name} includes {include}: {line}");
        }
    }
}

#[test]
fn rust_blocks_are_doctests() {
    let doctests = fs::read_to_string(repository_file("crates/testkit/src/lib.rs")).unwrap();
    for Chapter { name, text } in chapters() {
        let included = doctests.contains(&format!("docs/guide/{name}\""));
        assert!(included || !text.contains("\n```rust\n"), "{name} is not a doctest");
    }
}

#[test]
fn every_page_is_in_the_summary() {
    let contents = fs::read_to_string(repository_file("docs/SUMMARY.md")).unwrap();
    for folder in ["docs", "docs/guide", "docs/decisions"] {
        for file in fs::read_dir(repository_file(folder)).unwrap() {
            let file = PathBuf::from(file.unwrap().file_name());
            if file.as_os_str() == "SUMMARY.md" || file.extension().is_none_or(|kind| kind != "md")
            {
                continue;
            }
            let inside = Path::new(folder).strip_prefix("docs").unwrap().join(file);
            let link = format!("({})", inside.display());
            assert!(contents.contains(&link), "{link} is not in docs/SUMMARY.md");
        }
    }
    for link in contents.split("](").skip(1) {
        let file = link.split(')').next().unwrap();
        if file.is_empty() {
            continue; // A heading without a page.
        }
        assert!(repository_file("docs").join(file).is_file(), "docs/SUMMARY.md links to {file}");
    }
}
