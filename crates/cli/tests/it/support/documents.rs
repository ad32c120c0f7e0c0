//! Running the commands of a document and comparing their output with the quoted one.
//!
//! All commands run in one shell, against a running server. Ids, times, cursors and request ids
//! differ in each run; for ids, only their equality is compared.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use recto_testkit::database::{Engine, FreshDatabase};
use serde_json::Value;

use super::program::Program;

/// The server's address in the documents.
const ADDRESS: &str = "http://127.0.0.1:8080";

/// Separates the outputs of the blocks.
const SEPARATOR: &str = "\n-- end of a block --\n";

pub(crate) struct FencedBlock<'d> {
    pub(crate) language: &'d str,
    /// The lines between the fences.
    pub(crate) text: &'d str,
}

/// Commands with their expected output.
pub(crate) struct CommandBlock {
    script: String,
    expected: ExpectedOutput,
}

enum ExpectedOutput {
    /// The lines after `# →`, mostly none.
    Lines(Vec<String>),
    /// The JSON block after the commands.
    Json(Value),
}

/// Returns the path of a file in the repository.
pub(crate) fn repository_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// Returns the fenced blocks of a document.
pub(crate) fn fenced_blocks(document: &str) -> Vec<FencedBlock<'_>> {
    let blocks = document.split("\n```").skip(1).step_by(2);
    blocks
        .map(|block| {
            let (language, text) = block.split_once('\n').unwrap();
            FencedBlock { language, text }
        })
        .collect()
}

/// Returns the commands of a document.
pub(crate) fn command_blocks(document: &str) -> Vec<CommandBlock> {
    let mut blocks: Vec<CommandBlock> = Vec::new();
    for FencedBlock { language, text } in fenced_blocks(document) {
        match language {
            "sh" => {
                let lines = text.lines().filter_map(|line| line.strip_prefix("# → "));
                let expected = ExpectedOutput::Lines(lines.map(ToOwned::to_owned).collect());
                blocks.push(CommandBlock { script: text.to_owned(), expected });
            }
            "json" => {
                let json = serde_json::from_str(text).unwrap();
                blocks.last_mut().unwrap().expected = ExpectedOutput::Json(json);
            }
            _ => {}
        }
    }
    blocks
}

/// Runs the blocks in order against a new server, and compares their output.
pub(crate) fn run_and_compare(database: &FreshDatabase, blocks: &[CommandBlock]) {
    let program = match database.engine() {
        // The documents use the default settings.
        Engine::Sqlite => Program::new(),
        Engine::Postgres => {
            Program::on(database).with("RECTO_SECRET", "a secret of thirty-two bytes or more")
        }
    };
    let mut server = program.serve(&[]);
    compare_output(&program, &server.address(), blocks);
}

/// Runs the blocks in order against a server, and compares their output.
pub(crate) fn compare_output(program: &Program, address: &str, blocks: &[CommandBlock]) {
    let end = format!("\nprintf '%s' '{SEPARATOR}'\n");
    let script: String = blocks.iter().map(|block| block.script.clone() + &end).collect();
    let output = program.shell(&script.replace(ADDRESS, address));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "after {printed}");
    assert!(output.status.success(), "after {printed}");

    let (mut of_document, mut of_server) = (Redaction::default(), Redaction::default());
    for (block, printed) in blocks.iter().zip(printed.split(SEPARATOR)) {
        match &block.expected {
            ExpectedOutput::Lines(lines) => {
                let printed: Vec<&str> = printed.lines().collect();
                assert_eq!(&printed, lines, "{}", block.script);
            }
            ExpectedOutput::Json(json) => {
                let printed: Value = serde_json::from_str(printed)
                    .unwrap_or_else(|error| panic!("{error}: {printed}\n{}", block.script));
                assert_eq!(of_server.apply(&printed), of_document.apply(json), "{}", block.script);
            }
        }
    }
}

/// Replaces the values that differ in each run: ids by the order in which they occur.
#[derive(Default)]
struct Redaction {
    ids: HashMap<String, usize>,
}

impl Redaction {
    fn apply(&mut self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.apply(item)).collect(),
            Value::Object(fields) => {
                let field = |(name, value): (&String, &Value)| match name.as_str() {
                    "request_id" | "next_cursor" => (name.clone(), Value::from("…")),
                    _ => (name.clone(), self.apply(value)),
                };
                Value::Object(fields.iter().map(field).collect())
            }
            Value::String(text) => Value::from(self.text(text)),
            other => other.clone(),
        }
    }

    /// Redacts each segment, since ids also occur in paths.
    fn text(&mut self, text: &str) -> String {
        let segments = text.split('/').map(|segment| {
            if is_id(segment) {
                let next = self.ids.len();
                format!("id {}", self.ids.entry(segment.to_owned()).or_insert(next))
            } else if is_time(segment) {
                "time".to_owned()
            } else {
                segment.to_owned()
            }
        });
        segments.collect::<Vec<_>>().join("/")
    }
}

/// Such as `01a2038d-e3bf-704d-8e48-d3d5deaa1ffd`.
fn is_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.concat().bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Such as `2026-11-22T13:59:20.255Z`. The fraction is optional.
fn is_time(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T' && digits >= 14
}
