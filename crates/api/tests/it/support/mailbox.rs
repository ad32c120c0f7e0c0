//! What the server mails, read from its files.

use std::time::{Duration, Instant};

use mail_parser::MessageParser;
use recto_testkit::server::TestServer;

/// A mail, as who gets it reads it.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Letter {
    /// The token of its link.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        let (_, rest) = self.text.split_once('#').expect("it has a link");
        rest.split_whitespace().next().expect("the link has a token").to_owned()
    }
}

/// All that have been written so far, the oldest first.
pub(crate) fn letters(server: &TestServer) -> Vec<Letter> {
    let entries = std::fs::read_dir(server.mail_directory()).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let content = std::fs::read(path).unwrap();
        let parsed = MessageParser::new().parse(&content).unwrap();
        Letter {
            to: parsed.to().unwrap().first().unwrap().address().unwrap().to_owned(),
            subject: parsed.subject().unwrap().to_owned(),
            text: parsed.body_text(0).unwrap().into_owned(),
        }
    };
    paths.iter().map(read).collect()
}

/// The last letter to somebody, once there are that many.
#[track_caller]
pub(crate) fn letter(server: &TestServer, to: &str, number: usize) -> Letter {
    let started = Instant::now();
    loop {
        let mut found = letters(server);
        found.retain(|letter| letter.to == to);
        assert!(found.len() <= number, "too many letters: {found:?}");
        if found.len() == number {
            return found.pop().expect("one at least is asked for");
        }
        assert!(started.elapsed() < Duration::from_secs(20), "no letter came: {found:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
