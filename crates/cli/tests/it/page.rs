//! Pages with commands on them, taken as a reader takes them: all blocks in one
//! shell, against a running server. What a block shows must be what stands on
//! the page.
//!
//! Keys, times, cursors and request ids are other ones each time; of keys it is
//! compared which of them are the same.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use recto_testkit::database::{Engine, Fresh};
use serde_json::Value;

use crate::program::Program;

/// What the pages have the server listen on.
const ADDRESS: &str = "http://127.0.0.1:8080";

/// Printed between the blocks.
const END: &str = "\n-- end of a block --\n";

/// Something between two fences.
pub(crate) struct Fenced<'p> {
    /// What stands behind the opening fence.
    pub(crate) language: &'p str,
    /// What stands between the two.
    pub(crate) text: &'p str,
}

/// Commands and what they show.
pub(crate) struct Block {
    script: String,
    shown: Shown,
}

/// What commands show, by the page.
enum Shown {
    /// The lines behind `# →`; mostly none.
    Lines(Vec<String>),
    /// The JSON document of the block that follows.
    Json(Value),
}

/// A file of the repository.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// What is fenced on a page, in order.
pub(crate) fn fenced(page: &str) -> Vec<Fenced<'_>> {
    let fenced = page.split("\n```").skip(1).step_by(2);
    fenced
        .map(|fenced| {
            let (language, text) = fenced.split_once('\n').unwrap();
            Fenced { language, text }
        })
        .collect()
}

/// The commands on a page. JSON stands directly behind the commands that show it.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for Fenced { language, text } in fenced(page) {
        match language {
            "sh" => {
                let lines = text.lines().filter_map(|line| line.strip_prefix("# → "));
                let shown = Shown::Lines(lines.map(ToOwned::to_owned).collect());
                blocks.push(Block { script: text.to_owned(), shown });
            }
            "json" => {
                let json = serde_json::from_str(text).unwrap();
                blocks.last_mut().unwrap().shown = Shown::Json(json);
            }
            _ => {}
        }
    }
    blocks
}

/// Runs blocks one after the other on a new server, and compares.
pub(crate) fn follow(database: &Fresh, blocks: &[Block]) {
    let program = match database.engine() {
        // As the pages start it: with nothing but defaults.
        Engine::Sqlite => Program::new(),
        Engine::Postgres => {
            Program::on(database).with("RECTO_SECRET", "a secret of thirty-two bytes or more")
        }
    };
    let mut server = program.serve(&[]);
    let end = format!("\nprintf '%s' '{END}'\n");
    let script: String = blocks.iter().map(|block| block.script.clone() + &end).collect();
    let output = program.shell(&script.replace(ADDRESS, &server.address()));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "after {printed}");
    assert!(output.status.success(), "after {printed}");

    let (mut of_page, mut of_server) = (Redaction::default(), Redaction::default());
    for (block, printed) in blocks.iter().zip(printed.split(END)) {
        match &block.shown {
            Shown::Lines(lines) => {
                let printed: Vec<&str> = printed.lines().collect();
                assert_eq!(&printed, lines, "{}", block.script);
            }
            Shown::Json(json) => {
                let printed: Value = serde_json::from_str(printed)
                    .unwrap_or_else(|error| panic!("{error}: {printed}\n{}", block.script));
                assert_eq!(of_server.apply(&printed), of_page.apply(json), "{}", block.script);
            }
        }
    }
}

/// Replaces what is another each time, keys by their number.
#[derive(Default)]
struct Redaction {
    keys: HashMap<String, usize>,
}

impl Redaction {
    fn apply(&mut self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.apply(item)).collect(),
            Value::Object(members) => {
                let member = |(name, value): (&String, &Value)| match name.as_str() {
                    "request_id" | "next_cursor" => (name.clone(), Value::from("…")),
                    _ => (name.clone(), self.apply(value)),
                };
                Value::Object(members.iter().map(member).collect())
            }
            Value::String(text) => Value::from(self.text(text)),
            other => other.clone(),
        }
    }

    /// Works on the segments of a path, so that a key is found there too.
    fn text(&mut self, text: &str) -> String {
        let segments = text.split('/').map(|segment| {
            if is_key(segment) {
                let next = self.keys.len();
                format!("key {}", self.keys.entry(segment.to_owned()).or_insert(next))
            } else if is_time(segment) {
                "time".to_owned()
            } else {
                segment.to_owned()
            }
        });
        segments.collect::<Vec<_>>().join("/")
    }
}

/// `01a2038d-e3bf-704d-8e48-d3d5deaa1ffd`
fn is_key(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.concat().bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `2026-11-22T13:59:20.255Z`, with the fraction or without.
fn is_time(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T' && digits >= 14
}
