//! The library of `recto serve --demo`, from `demo/library.toml`.

mod insert;

use recto_domain::{
    Email, Input, NewBook, NewComment, NewCompanyGraph, NewCourse, NewPost, NewReview, NewStudent,
    PersonName, Role, TagName, Username,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

pub(crate) use insert::{DemoCredentials, DemoError};

/// The characters of random passwords, none of which look alike.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A small library and its users.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DemoLibrary {
    /// Users with an account, the administrator first.
    pub(crate) accounts: Vec<DemoAccount>,
    /// Users without an account.
    pub(crate) readers: Vec<DemoUser>,
    /// The books, with their tags and reviews.
    pub(crate) books: Vec<DemoBook>,
    /// The posts of the blog, with their comments.
    pub(crate) posts: Vec<DemoPost>,
    /// The courses.
    pub(crate) courses: Vec<NewCourse>,
    /// The students, with the numbers of their courses.
    pub(crate) students: Vec<DemoStudent>,
    /// The companies, with their departments and employees.
    #[serde(deserialize_with = "parsed")]
    pub(crate) companies: Vec<NewCompanyGraph>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DemoPost {
    #[serde(flatten)]
    pub(crate) post: NewPost,
    pub(crate) comments: Vec<NewComment>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DemoStudent {
    #[serde(flatten)]
    pub(crate) student: NewStudent,
    /// Their positions in the list of courses, from 1.
    pub(crate) courses: Vec<usize>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DemoAccount {
    #[serde(flatten)]
    pub(crate) user: DemoUser,
    /// The e-mail address to sign in with.
    pub(crate) email: Email,
    /// The password to sign in with; by default a random one.
    pub(crate) password: Option<String>,
    pub(crate) role: Role,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DemoUser {
    /// The public name, to which owners and reviews refer.
    pub(crate) username: Username,
    pub(crate) first_name: Option<PersonName>,
    pub(crate) last_name: Option<PersonName>,
}

/// A book with its tags and reviews.
#[derive(Debug, Deserialize)]
pub(crate) struct DemoBook {
    /// Whether it has the id of the example in the OpenAPI document, as have its author and its
    /// first tag.
    #[serde(default)]
    pub(crate) example: bool,
    /// The owner, if there is one.
    pub(crate) owner: Option<Username>,
    pub(crate) tags: Vec<TagName>,
    /// The reviews, the earliest first.
    pub(crate) reviews: Vec<DemoReview>,
    #[serde(flatten)]
    pub(crate) book: NewBook,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DemoReview {
    /// Whether it has the id of the example in the OpenAPI document.
    #[serde(default)]
    pub(crate) example: bool,
    /// The reviewer.
    pub(crate) reader: Username,
    /// The rating and text.
    #[serde(flatten)]
    pub(crate) review: NewReview,
}

/// Deserializes an input that is parsed as the body of a request is.
fn parsed<'de, D: Deserializer<'de>, T: Input>(deserializer: D) -> Result<T, D::Error> {
    T::parse(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub(crate) fn library() -> DemoLibrary {
    toml::from_str(include_str!("demo/library.toml")).expect("the library's file is well-formed")
}

/// Generates a password: 16 letters and digits in groups of four, 80 random bits.
fn random_password() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let groups: Vec<String> = bytes.chunks(4).map(group).collect();
    Ok(groups.join("-"))
}

fn group(bytes: &[u8]) -> String {
    let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte % 32)]);
    bytes.iter().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn references_resolve() {
        let library = library();
        let accounts = library.accounts.iter().map(|account| &account.user);
        let users: HashSet<String> =
            accounts.chain(&library.readers).map(|user| user.username.key()).collect();
        assert_eq!(users.len(), library.accounts.len() + library.readers.len());
        for book in &library.books {
            assert!(book.owner.iter().all(|owner| users.contains(&owner.key())));
            let readers: HashSet<_> =
                book.reviews.iter().map(|review| review.reader.key()).collect();
            assert_eq!(readers.len(), book.reviews.len(), "{:?}", book.book.title);
            assert!(readers.is_subset(&users), "{:?}", book.book.title);
        }
    }

    #[test]
    fn library_shows_every_feature() {
        let library = library();
        assert_eq!(library.accounts[0].role, Role::Admin);
        assert_eq!(library.accounts.len(), 2);
        assert_eq!((library.books.len(), library.readers.len()), (24, 8));
        let reviews: usize = library.books.iter().map(|book| book.reviews.len()).sum();
        assert!((35..=50).contains(&reviews), "{reviews}");
        let tags: HashSet<_> =
            library.books.iter().flat_map(|book| &book.tags).map(TagName::key).collect();
        assert!((10..=16).contains(&tags.len()), "{}", tags.len());
        let any = |test: fn(&DemoBook) -> bool| library.books.iter().any(test);
        assert!(any(|book| book.owner.is_none()));
        assert!(any(|book| book.book.isbn.is_some()));
        assert!(any(|book| book
            .book
            .published_date
            .as_ref()
            .is_some_and(|date| date.to_string().starts_with('-'))));
    }

    #[test]
    fn passwords_differ() {
        let (one, other) = (random_password().unwrap(), random_password().unwrap());
        assert_eq!(one.len(), 19);
        assert_ne!(one, other);
        assert_eq!(ALPHABET.iter().collect::<HashSet<_>>().len(), 32);
    }
}
