//! Inserting the library into a fresh database.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use recto_domain::{
    Account, ApiKey, ApiKeyId, ApiKeyName, AuthorId, BookId, Clock, Comment, Course, Email,
    IdGenerator, Invalid, NewBookGraph, NewId, Password, PasswordHash, Post, Review, ReviewId,
    Role, Scopes, Secret, Student, TagId, TagNames, User, UserId, Username,
};
use recto_identity::password::{HashError, Hasher};
use recto_identity::secret::hash;
use recto_persistence::catalog::{Creator, book_graph};
use recto_persistence::identity::{account, api_key};
use recto_persistence::{Connection, Database, Error, SystemIds, org, school};

use super::{DemoAccount, DemoBook, DemoLibrary, DemoPost, DemoStudent, DemoUser, random_password};

#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("no random bytes for the demo's passwords: {0}")]
    Random(getrandom::Error),
    #[error("a password of the demo {0}")]
    Password(Invalid),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error("the demo's library could not be written: {0}")]
    Write(#[from] Error),
}

/// The e-mail address and password of a demo account.
#[derive(Clone)]
pub(crate) struct DemoCredentials {
    email: Email,
    role: Role,
    password: String,
}

impl From<DemoCredentials> for recto_api::DemoLogin {
    fn from(DemoCredentials { email, role, password }: DemoCredentials) -> Self {
        Self { email: email.to_string(), password, role: role.to_string() }
    }
}

impl fmt::Display for DemoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { email, role, password } = self;
        write!(f, "account {email} ({role}), password {password}")
    }
}

impl DemoLibrary {
    /// Inserts the library in one transaction, and returns the passwords.
    pub(crate) fn write(self, database: &Database) -> Result<Vec<DemoCredentials>, DemoError> {
        let hasher = Hasher::new(NonZeroUsize::MIN);
        let mut credentials = Vec::with_capacity(self.accounts.len());
        let mut stored = Vec::with_capacity(self.accounts.len());
        for account in &self.accounts {
            let DemoAccount { email, role, password, .. } = account.clone();
            let password = match password {
                Some(password) => password,
                None => random_password().map_err(DemoError::Random)?,
            };
            let parsed = Password::parse(&password).map_err(DemoError::Password)?;
            stored.push(hasher.hash_blocking(&parsed)?);
            credentials.push(DemoCredentials { email, role, password });
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
    write_api_key(conn)?;
    for reader in &library.readers {
        conn.insert(users.add(reader))?;
    }
    // Before the others, so that its tags are new.
    let (examples, others): (Vec<_>, Vec<_>) = library.books.iter().partition(|book| book.example);
    for book in examples {
        write_book(conn, book, &users, &ExampleIds::default())?;
    }
    for book in others {
        write_book(conn, book, &users, &SystemIds)?;
    }
    write_other_modules(conn, library)
}

/// Inserts the blog, the school and the companies.
fn write_other_modules(conn: &mut Connection, library: &DemoLibrary) -> Result<(), Error> {
    let now = SystemIds.now();
    for DemoPost { post, comments } in &library.posts {
        let post = conn.insert(Post::new(now, post.clone()))?;
        for comment in comments {
            conn.insert(Comment::new(now, comment.clone(), post.id))?;
        }
    }
    let mut courses = Vec::with_capacity(library.courses.len());
    for course in &library.courses {
        courses.push(conn.insert(Course::new(now, course.clone()))?.id);
    }
    for DemoStudent { student, courses: places } in &library.students {
        let student = conn.insert(Student::new(now, student.clone()))?;
        for place in places {
            school::enrol(conn, student.id, courses[place - 1], now)?;
        }
    }
    for company in &library.companies {
        org::create_company(conn, company.clone(), now)?;
    }
    Ok(())
}

fn write_account(
    conn: &mut Connection,
    new: &DemoAccount,
    hash: &PasswordHash,
    users: &mut UserIds,
) -> Result<(), Error> {
    let user = users.add(&new.user);
    let account = Account::new_verified(user.uid, new.email.clone(), new.role);
    account::create(conn, user, &account, hash)?;
    Ok(())
}

/// Inserts the API key of the examples, whose secret nobody knows.
fn write_api_key(conn: &mut Connection) -> Result<(), Error> {
    let secret = Secret::api_key(SystemIds.random());
    let key = ApiKey {
        id: ApiKeyId::from_uuid(example_id(ApiKeyId::EXAMPLE).uid()),
        name: ApiKeyName::parse("Example").expect("it is a valid name"),
        scopes: Scopes::READ,
        hint: secret.hint().to_owned(),
        created_at: SystemIds.now(),
        expires_at: None,
        last_used_at: None,
    };
    let owner = UserId::from_uuid(example_id(UserId::EXAMPLE).uid());
    api_key::insert(conn, owner, &key, &hash(&secret))
}

fn write_book(
    conn: &mut Connection,
    new: &DemoBook,
    users: &UserIds,
    ids: &dyn IdGenerator,
) -> Result<(), Error> {
    let owner = new.owner.as_ref().map(|owner| users.uid(owner));
    let tags = Some(TagNames::new(new.tags.clone()));
    let graph = NewBookGraph { book: new.book.clone(), tags, contributors: None };
    let book = book_graph::create(conn, &Creator::new(ids, owner), graph)?;
    for review in &new.reviews {
        let reader = users.uid(&review.reader);
        let new_id =
            if review.example { example_id(ReviewId::EXAMPLE) } else { SystemIds.new_id() };
        conn.insert(Review::new(new_id, review.review.clone(), reader, book.uid))?;
    }
    Ok(())
}

/// The ids of inserted users, by the key of the username.
#[derive(Default)]
struct UserIds(HashMap<String, UserId>);

impl UserIds {
    /// Returns a new user, whose id is remembered.
    fn add(&mut self, new: &DemoUser) -> User {
        let DemoUser { username, first_name, last_name } = new.clone();
        // The account that is not an administrator is the user of the examples.
        let new_id = if username.key() == "reader" {
            example_id(UserId::EXAMPLE)
        } else {
            SystemIds.new_id()
        };
        let user = User::new(new_id, username, first_name, last_name);
        self.0.insert(user.username.key(), user.uid);
        user
    }

    fn uid(&self, username: &Username) -> UserId {
        self.0[&username.key()]
    }
}

/// The ids of the examples in the OpenAPI document: of a book, its author and its first tag, which
/// are inserted in this order. What is inserted after them has other ids.
struct ExampleIds(Mutex<VecDeque<NewId>>);

impl Default for ExampleIds {
    fn default() -> Self {
        let ids = [BookId::EXAMPLE, AuthorId::EXAMPLE, TagId::EXAMPLE];
        Self(Mutex::new(ids.map(example_id).into()))
    }
}

impl Clock for ExampleIds {
    fn now(&self) -> DateTime<Utc> {
        SystemIds.now()
    }
}

impl IdGenerator for ExampleIds {
    fn new_id(&self) -> NewId {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.pop_front().unwrap_or_else(|| SystemIds.new_id())
    }

    fn random(&self) -> [u8; 32] {
        SystemIds.random()
    }
}

fn example_id(id: &str) -> NewId {
    let uid = id.parse().expect("the examples are UUIDs");
    NewId::from_v7(uid).expect("of version 7")
}
