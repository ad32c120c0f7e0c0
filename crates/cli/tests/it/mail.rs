//! Mail after the server was killed.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use recto_domain::{
    Account, Email, IdGenerator as _, MailId, MailKind, MailedPurpose, MailedTokenId, PasswordHash,
    Role, User,
};
use recto_identity::mailed_token::MailedTokens;
use recto_identity::secret::Secrets;
use recto_persistence::SystemIds;
use recto_persistence::identity::account;
use recto_persistence::identity::mailed_token::{self, NewMailedToken};
use recto_persistence::identity::outbox::{self, NewMail};
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;

use crate::support::program::Program;

const SECRET: &str = "a secret of more than thirty-two bytes";

/// Creates an account and enqueues its mail, as a request does. Returns the token of the link.
fn sign_up(database: &FreshDatabase) -> String {
    let ids = SystemIds;
    let email: Email = "ada@example.org".parse().unwrap();
    let ada = User::new(ids.new_id(), "ada".parse().unwrap(), None, None);
    let account = Account::new(ada.uid, email.clone(), Role::User);
    let tokens = MailedTokens::new(&Secrets::new(SECRET.as_bytes(), None).unwrap());
    let (id, at) = (MailedTokenId::from_uuid(ids.new_id().uid()), ada.created_at);
    let hash = tokens.hash(id);
    let purpose = MailedPurpose::Verify;
    let token = NewMailedToken { id, user: ada.uid, purpose, hash, at };
    let mail = NewMail {
        id: MailId::from_uuid(ids.new_id().uid()),
        user: ada.uid,
        kind: MailKind::Verification,
        token: Some(id),
        recipient: &email,
        detail: None,
        at,
    };
    let conn = &mut database.connection();
    conn.insert(ada.clone()).unwrap();
    account::insert(conn, &account, &PasswordHash("$argon2id$".to_owned()), at).unwrap();
    mailed_token::issue(conn, &token).unwrap();
    outbox::enqueue(conn, &mail).unwrap();
    tokens.find(id, &hash).unwrap().expose().to_owned()
}

/// Waits for the first message in a directory.
fn first_message(directory: &Path) -> String {
    let started = Instant::now();
    while started.elapsed() < Duration::from_mins(1) {
        let found = std::fs::read_dir(directory).ok().into_iter().flatten().flatten();
        let mut paths = found.map(|entry| entry.path());
        if let Some(path) = paths.find(|path| path.extension().is_some_and(|end| end == "eml")) {
            return std::fs::read_to_string(path).unwrap();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no mail in {}", directory.display());
}

fn killed_server_leaves_mail_to_next(database: &FreshDatabase) {
    let token = sign_up(database);
    let program = Program::on(database).with("RECTO_SECRET", SECRET);
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://127.0.0.1:{}", slow.local_addr().unwrap().port());
    let mut server = program.serve(&["--smtp-url", &url]);
    server.address();
    // The server has claimed the mail and waits for replies.
    let (mut client, _) = slow.accept().unwrap();
    client.write_all(b"220 slow.test\r\n").unwrap();
    let mut greeting = [0; 4];
    client.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"EHLO");
    server.signal("KILL");
    assert_eq!(server.wait().code, None);

    let mails = program.path("mail");
    let mut server = program.serve(&["--mail-dir", mails.to_str().unwrap()]);
    let address = server.address();
    let message = first_message(&mails);
    let link = format!("{address}/verify#{token}");
    assert!(message.lines().any(|line| line == link), "{message}");
    server.signal("TERM");
    let ended = server.wait();
    assert!(!ended.stderr.contains(&token), "{}", ended.stderr);
    ended.succeeded();
}

both_engines!(killed_server_leaves_mail_to_next);
