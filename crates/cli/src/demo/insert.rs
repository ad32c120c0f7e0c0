//! Inserting the library into a fresh database.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;

use recto_domain::{
    Account, Email, IdGenerator, Invalid, NewBookGraph, Password, PasswordHash, Review, Role,
    TagNames, User, UserId, Username,
};
use recto_identity::password::{HashError, Hasher};
use recto_persistence::catalog::{Creator, book_graph};
use recto_persistence::identity::account;
use recto_persistence::{Connection, Database, Error, SystemIds};

use super::{DemoAccount, DemoBook, DemoLibrary, DemoUser, password};

#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("no random bytes for the demo's passwords: {0}")]
    Random(getrandom::Error),
    #[error("a password generated for the demo {0}")]
    Password(Invalid),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error("the demo's library could not be written: {0}")]
    Write(#[from] Error),
}

/// The address and password of a demo account.
pub(crate) struct DemoCredentials {
    email: Email,
    role: Role,
    password: String,
}

impl fmt::Display for DemoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { email, role, password } = self;
        write!(f, "account {email} ({role}), password {password}")
    }
}

impl DemoLibrary {
    /// Inserts the library in one transaction, and returns the generated passwords.
    pub(crate) fn write(self, database: &Database) -> Result<Vec<DemoCredentials>, DemoError> {
        let hasher = Hasher::new(NonZeroUsize::MIN);
        let mut credentials = Vec::with_capacity(self.accounts.len());
        let mut stored = Vec::with_capacity(self.accounts.len());
        for account in &self.accounts {
            let generated = password().map_err(DemoError::Random)?;
            let password = Password::parse(&generated).map_err(DemoError::Password)?;
            stored.push(hasher.hash_blocking(&password)?);
            let (email, role) = (account.email.clone(), account.role);
            credentials.push(DemoCredentials { email, role, password: generated });
        }
        database.write_blocking(move |conn| write(conn, &self, &stored))?;
        Ok(credentials)
    }
}

fn write(
    conn: &mut Connection,
    library: &DemoLibrary,
    stored: &[PasswordHash],
) -> Result<(), Error> {
    let mut users = UserIds::default();
    for (account, hash) in library.accounts.iter().zip(stored) {
        write_account(conn, account, hash, &mut users)?;
    }
    for reader in &library.readers {
        users.write(conn, reader)?;
    }
    for book in &library.books {
        write_book(conn, book, &users)?;
    }
    Ok(())
}

fn write_account(
    conn: &mut Connection,
    new: &DemoAccount,
    hash: &PasswordHash,
    users: &mut UserIds,
) -> Result<(), Error> {
    let user = users.write(conn, &new.user)?;
    let mut account = Account::new(user.uid, new.email.clone(), new.role);
    account.verified = true;
    account::insert(conn, &account, hash, user.created_at)
}

fn write_book(conn: &mut Connection, new: &DemoBook, users: &UserIds) -> Result<(), Error> {
    let owner = new.owner.as_ref().map(|owner| users.uid(owner));
    let tags = Some(TagNames::new(new.tags.clone()));
    let graph = NewBookGraph { book: new.book.clone(), tags, contributors: None };
    let book = book_graph::create(conn, &Creator::new(&SystemIds, owner), graph)?;
    for review in &new.reviews {
        let reader = users.uid(&review.reader);
        let new_id = SystemIds.new_id();
        conn.insert(Review::new(new_id, review.review.clone(), reader, book.uid))?;
    }
    Ok(())
}

/// The ids of inserted users, by the key of the username.
#[derive(Default)]
struct UserIds(HashMap<String, UserId>);

impl UserIds {
    fn write(&mut self, conn: &mut Connection, new: &DemoUser) -> Result<User, Error> {
        let DemoUser { username, first_name, last_name } = new.clone();
        let user = conn.insert(User::new(SystemIds.new_id(), username, first_name, last_name))?;
        self.0.insert(user.username.key(), user.uid);
        Ok(user)
    }

    fn uid(&self, username: &Username) -> UserId {
        self.0[&username.key()]
    }
}
