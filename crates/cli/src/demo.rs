//! The library of `recto serve --demo`, for the first five minutes.
//!
//! It is kept in `demo/library.toml`, which is part of the program.

mod insert;

use recto_domain::{Email, NewBook, NewReview, PersonName, Role, TagName, Username};
use serde::Deserialize;

pub(crate) use insert::{DemoCredentials, DemoError};

/// What the demo's passwords are made of: no two of these look alike.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A small library with its people.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DemoLibrary {
    /// UserIds who can sign in; an administrator first.
    pub(crate) accounts: Vec<DemoAccount>,
    /// UserIds who cannot.
    pub(crate) readers: Vec<DemoUser>,
    /// The books, each with its tags and reviews.
    pub(crate) books: Vec<DemoBook>,
}

/// Someone with an account. The password is made when the demo starts.
#[derive(Debug, Deserialize)]
pub(crate) struct DemoAccount {
    /// Who it is.
    #[serde(flatten)]
    pub(crate) person: DemoUser,
    /// The address to sign in with.
    pub(crate) email: Email,
    /// What the account may do.
    pub(crate) role: Role,
}

/// Someone who reads.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DemoUser {
    /// The name that others see, and that owners and reviews refer to.
    pub(crate) username: Username,
    /// The first name.
    pub(crate) first_name: Option<PersonName>,
    /// The last name.
    pub(crate) last_name: Option<PersonName>,
}

/// A book with what belongs to it.
#[derive(Debug, Deserialize)]
pub(crate) struct DemoBook {
    /// Who owns it, if anybody.
    pub(crate) owner: Option<Username>,
    /// Its tags.
    pub(crate) tags: Vec<TagName>,
    /// Its reviews, the earliest first.
    pub(crate) reviews: Vec<DemoReview>,
    /// The book itself.
    #[serde(flatten)]
    pub(crate) book: NewBook,
}

/// What someone thought of a book.
#[derive(Debug, Deserialize)]
pub(crate) struct DemoReview {
    /// Who wrote it.
    pub(crate) reader: Username,
    /// What they wrote.
    #[serde(flatten)]
    pub(crate) review: NewReview,
}

/// The library.
///
/// # Panics
///
/// Never: the file is part of the program, and a test reads it.
pub(crate) fn library() -> DemoLibrary {
    toml::from_str(include_str!("demo/library.toml")).expect("the library's file is well-formed")
}

/// A new password: 16 letters and digits in groups of four, 80 random bits.
///
/// # Errors
///
/// If the operating system has no random bytes to give.
fn password() -> Result<String, getrandom::Error> {
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
    fn everything_that_is_referred_to_is_there() {
        let library = library();
        let accounts = library.accounts.iter().map(|account| &account.person);
        let people: HashSet<String> =
            accounts.chain(&library.readers).map(|reader| reader.username.key()).collect();
        assert_eq!(people.len(), library.accounts.len() + library.readers.len());
        for book in &library.books {
            assert!(book.owner.iter().all(|owner| people.contains(&owner.key())));
            let readers: HashSet<_> =
                book.reviews.iter().map(|review| review.reader.key()).collect();
            assert_eq!(readers.len(), book.reviews.len(), "{:?}", book.book.title);
            assert!(readers.is_subset(&people), "{:?}", book.book.title);
        }
    }

    #[test]
    fn it_shows_what_there_is_to_show() {
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
        let (one, other) = (password().unwrap(), password().unwrap());
        assert_eq!(one.len(), 19);
        assert_ne!(one, other);
        assert_eq!(ALPHABET.iter().collect::<HashSet<_>>().len(), 32);
    }
}
