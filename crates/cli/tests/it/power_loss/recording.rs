//! The writes and syncs of a server, in order.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A change of a file, or a sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Create {
        file: u64,
        name: String,
    },
    Write {
        file: u64,
        offset: usize,
        data: Vec<u8>,
    },
    Truncate {
        file: u64,
        length: usize,
    },
    /// Makes what happened to the file before the event with this number durable.
    Sync {
        file: u64,
        before: usize,
    },
    Unlink {
        name: String,
    },
}

/// The events of a server's life.
pub(crate) struct Recording {
    pub(crate) events: Vec<Event>,
    /// The length of the recording's file after each event.
    ends: Vec<u64>,
}

/// Compiles the library that records, in this directory. Returns `None` if there is no C compiler.
pub(crate) fn compile(directory: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/power_loss/record.c");
    let library = directory.join("record.so");
    let mut command = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()));
    command.args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"]);
    let status = command.arg(&library).arg(source).args(["-ldl", "-lpthread"]).status().ok()?;
    assert!(status.success(), "record.c does not compile");
    Some(library)
}

impl Recording {
    /// Reads a recording's file.
    pub(crate) fn read(file: &Path) -> Self {
        let bytes = std::fs::read(file).unwrap();
        let (mut events, mut ends, mut at) = (Vec::new(), Vec::<u64>::new(), 0);
        while at < bytes.len() {
            let number = |index: usize| {
                let start = at + index * 8;
                u64::from_ne_bytes(bytes[start..start + 8].try_into().unwrap())
            };
            let size = |index| usize::try_from(number(index)).unwrap();
            let (file, offset, data) = (number(1), size(2), at + 32..at + 32 + size(3));
            let data = &bytes[data];
            let name = || String::from_utf8(data.to_vec()).unwrap();
            events.push(match number(0) {
                1 => Event::Create { file, name: name() },
                2 => Event::Write { file, offset, data: data.to_vec() },
                3 => Event::Truncate { file, length: offset },
                4 => {
                    let before = ends.partition_point(|end| *end <= number(2));
                    Event::Sync { file, before }
                }
                5 => Event::Unlink { name: name() },
                kind => panic!("record {kind}"),
            });
            at += 32 + data.len();
            ends.push(at as u64);
        }
        Self { events, ends }
    }

    /// Returns the number of events before a moment: a length of the recording's file.
    pub(crate) fn events_before(&self, moment: u64) -> usize {
        self.ends.partition_point(|end| *end <= moment)
    }

    /// Returns the moment after this many events.
    pub(crate) fn moment(&self, events: usize) -> u64 {
        events.checked_sub(1).map_or(0, |last| self.ends[last])
    }

    /// Returns the inode of the file that was last created with this name.
    pub(crate) fn file(&self, wanted: &str) -> Option<u64> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Create { file, name } if name == wanted => Some(*file),
            _ => None,
        })
    }

    /// Returns the recording of a disk that ignores syncs, as with `synchronous=OFF`.
    pub(crate) fn without_syncs(&self) -> Self {
        self.with_syncs(|_, _| false)
    }

    /// Returns the recording as with `synchronous=NORMAL`: the write-ahead log is synced before a
    /// checkpoint, and not at each commit.
    pub(crate) fn with_syncs_at_checkpoints(&self) -> Self {
        let (database, log) = (self.file("recto.db"), self.file("recto.db-wal"));
        self.with_syncs(|number, synced| {
            let next = self.events[number..].iter().find_map(|event| match event {
                Event::Write { file, .. } => Some(*file),
                _ => None,
            });
            Some(synced) != log || next == database
        })
    }

    fn with_syncs(&self, is_kept: impl Fn(usize, u64) -> bool) -> Self {
        let keep = |(number, event): (usize, &Event)| match event {
            // Marks nothing durable, and keeps the numbers of the other events.
            Event::Sync { file, .. } if !is_kept(number, *file) => {
                Event::Sync { file: *file, before: 0 }
            }
            event => event.clone(),
        };
        let events = self.events.iter().enumerate().map(keep).collect();
        Self { events, ends: self.ends.clone() }
    }
}
