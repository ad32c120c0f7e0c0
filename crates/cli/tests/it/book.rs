//! The book below `docs/` says what is so: its commands are run, what it quotes
//! stands in the sources, and nothing is missing from its table of contents.
//! Its Rust is compiled and run by the documentation tests of `recto-testkit`.

use std::fs;
use std::path::{Path, PathBuf};

use recto_testkit::database::{Engine, run};

use crate::page::{blocks, fenced, follow, path};

#[test]
fn the_chapters_show_what_they_say_on_sqlite() {
    the_chapters_show_what_they_say(Engine::Sqlite);
}

#[test]
fn the_chapters_show_what_they_say_on_postgres() {
    the_chapters_show_what_they_say(Engine::Postgres);
}

/// The chapter that has what all others begin with.
const INTRODUCTION: &str = "introduction.md";

/// A chapter of the guide: its file name and its text.
struct Chapter {
    name: String,
    text: String,
}

fn chapters() -> Vec<Chapter> {
    let files = fs::read_dir(path("docs/guide")).unwrap();
    let mut chapters: Vec<Chapter> = files
        .map(|file| {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            Chapter { name, text: fs::read_to_string(file.path()).unwrap() }
        })
        .collect();
    chapters.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(chapters.len() > 10, "a guide of {} chapters", chapters.len());
    chapters
}

/// Each chapter begins where the introduction ends.
fn the_chapters_show_what_they_say(engine: Engine) {
    let chapters = chapters();
    let introduction = chapters.iter().find(|chapter| chapter.name == INTRODUCTION).unwrap();
    let mut followed = 0;
    for chapter in &chapters {
        let own = blocks(&chapter.text);
        if own.is_empty() || chapter.name == INTRODUCTION {
            continue;
        }
        let mut all = blocks(&introduction.text);
        all.extend(own);
        run(engine, &chapter.name, |database| follow(database, &all));
        followed += 1;
    }
    assert!(followed > 8, "{followed} chapters have commands");
}

#[test]
fn no_request_is_shown_that_is_not_made() {
    for Chapter { name, text } in chapters() {
        for fenced in fenced(&text) {
            let language = fenced.language;
            assert!(language == "sh" || !fenced.text.contains("curl "), "{name}: {language}");
        }
    }
}

/// Of `rs` and `sql`, the first line names the file in which the others stand.
#[test]
fn what_is_quoted_is_there() {
    let mut quotes = 0;
    for Chapter { name, text } in chapters() {
        for quote in fenced(&text) {
            if !matches!(quote.language, "rs" | "sql") {
                continue;
            }
            let (file, lines) = quote.text.split_once('\n').unwrap();
            let file = file.trim_start_matches(['/', '-', ' ']);
            let source = fs::read_to_string(path(file))
                .unwrap_or_else(|error| panic!("{name} quotes {file}: {error}"));
            assert!(trimmed(&source).contains(&trimmed(lines)), "{name} quotes {file}:\n{lines}");
            quotes += 1;
        }
    }
    assert!(quotes > 5, "{quotes} quotes");
}

/// Without the indentation, which a quote need not keep.
fn trimmed(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Messages of the compiler are included, whole or `:from:to` some line.
#[test]
fn what_is_included_is_a_message_of_the_compiler() {
    for Chapter { name, text } in chapters() {
        for include in text.split("{{#include ").skip(1) {
            let include = include.split("}}").next().unwrap();
            let mut parts = include.split(':');
            let file = path("docs/guide").join(parts.next().unwrap());
            let first: usize = parts.next().map_or(1, |line| line.parse().unwrap());
            let message = fs::read_to_string(&file)
                .unwrap_or_else(|error| panic!("{name} includes {include}: {error}"));
            let line = message.lines().nth(first - 1).unwrap_or_default();
            assert!(line.starts_with("error"), "{name} includes {include}: {line}");
        }
    }
}

#[test]
fn the_rust_of_every_chapter_is_compiled() {
    let compiled = fs::read_to_string(path("crates/testkit/src/lib.rs")).unwrap();
    for Chapter { name, text } in chapters() {
        let included = compiled.contains(&format!("docs/guide/{name}\""));
        assert!(included || !text.contains("\n```rust\n"), "{name} is not a documentation test");
    }
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let contents = fs::read_to_string(path("docs/SUMMARY.md")).unwrap();
    for folder in ["docs", "docs/guide", "docs/decisions"] {
        for file in fs::read_dir(path(folder)).unwrap() {
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
        assert!(path("docs").join(file).is_file(), "docs/SUMMARY.md leads to {file}");
    }
}
