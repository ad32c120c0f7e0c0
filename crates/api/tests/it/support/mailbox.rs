//! Mail from the server, which writes it to files.

use std::time::{Duration, Instant};

use mail_parser::MessageParser;
use recto_testkit::server::TestServer;

/// A mail as its recipient reads it.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Mail {
    /// Returns its link, if it has one.
    pub(crate) fn link(&self) -> Option<&str> {
        self.text.lines().find(|line| line.contains("://"))
    }

    /// Returns the token in its link.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        let (_, token) = self.link().expect("a link").split_once('#').expect("a token");
        token.to_owned()
    }
}

/// Returns all mails so far, the oldest first.
pub(crate) fn mails(server: &TestServer) -> Vec<Mail> {
    let entries = std::fs::read_dir(server.mail_directory()).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let content = std::fs::read(path).unwrap();
        let parsed = MessageParser::new().parse(&content).unwrap();
        Mail {
            to: parsed.to().unwrap().first().unwrap().address().unwrap().to_owned(),
            subject: parsed.subject().unwrap().to_owned(),
            text: parsed.body_text(0).unwrap().into_owned(),
        }
    };
    paths.iter().map(read).collect()
}

/// Waits until an address has that many mails, and returns the last.
///
/// # Panics
/// If it has more.
#[track_caller]
pub(crate) fn wait_for_mail(server: &TestServer, to: &str, count: usize) -> Mail {
    let started = Instant::now();
    loop {
        let mut found = mails(server);
        found.retain(|mail| mail.to == to);
        assert!(found.len() <= count, "too many mails: {found:?}");
        if found.len() == count {
            return found.pop().expect("the count is positive");
        }
        assert!(started.elapsed() < Duration::from_secs(20), "too few mails: {found:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
