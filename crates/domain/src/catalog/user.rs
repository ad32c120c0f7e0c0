//! Users.

use std::{borrow::Cow, ops::RangeInclusive};

use chrono::{DateTime, Utc};
use unicode_normalization::char::is_combining_mark;
use unicode_security::{MixedScript as _, skeleton};

use crate::{
    Change, Code, Invalid, NewId, Update, UserId,
    id::later_than,
    record::{entity, input},
    text::{LINE, TextRules, line, refuse_ignorable},
    text_key,
    value::text_value,
};
use recto_relations::Version;

text_value! {
    /// The name of a user, unique without regard to case: letters of one script, digits, `_`, `.`
    /// and `-`, beginning with a letter or digit.
    Username, 1..=50, USERNAME, "ada.lovelace"
}

const USERNAME: TextRules = TextRules { clean: username, check_new: check_new_username };

/// Usernames that a user cannot choose, since they suggest that the operator writes.
const RESERVED: [&str; 3] = ["admin", "root", "system"];

impl Username {
    /// Returns the key under which the name is unique, see [`text_key`].
    pub fn key(&self) -> String {
        text_key(self.as_str())
    }

    /// Parses a new username as [`parse`](Self::parse) does, but accepts reserved ones: the
    /// operator's own.
    ///
    /// ```
    /// use recto_domain::Username;
    ///
    /// assert!(Username::parse("root").is_err());
    /// assert_eq!(Username::parse_reserved("root")?.as_str(), "root");
    /// # Ok::<(), recto_domain::Invalid>(())
    /// ```
    pub fn parse_reserved(raw: &str) -> Result<Self, Invalid> {
        let name = Self::parse_existing(raw)?;
        check_characters(name.as_str())?;
        Ok(name)
    }
}

text_value! {
    /// A given name or a family name.
    PersonName, 1..=100, LINE, "Ada"
}

entity! {
    /// A user: a reviewer, an owner of books.
    pub struct User in "users", key uid: UserId, sorts [username: Username] {
        /// The id.
        pub uid: UserId,
        /// The username; no two are equal without regard to case.
        pub username: Username,
        /// The given name; `null` if unknown.
        pub first_name: Option<PersonName>,
        /// The family name; `null` if unknown.
        pub last_name: Option<PersonName>,
    }
}

impl User {
    /// Returns a new user; its key and creation time are those of `new_id`.
    ///
    /// ```
    /// use recto_domain::{NewId, User, Username};
    ///
    /// let ada = User::new(NewId::new(0, [1; 10]), Username::parse("ada")?, None, None);
    /// assert_eq!(ada.created_at, ada.updated_at);
    /// # Ok::<(), recto_domain::Invalid>(())
    /// ```
    pub fn new(
        new_id: NewId,
        username: Username,
        first_name: Option<PersonName>,
        last_name: Option<PersonName>,
    ) -> Self {
        Self {
            uid: UserId::from_uuid(new_id.uid()),
            username,
            first_name,
            last_name,
            created_at: new_id.at(),
            updated_at: new_id.at(),
            version: Version::FIRST,
        }
    }

    /// Returns the username, and the given and family name if known.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let others = self.first_name.iter().chain(&self.last_name);
        std::iter::once(self.username.as_str()).chain(others.map(PersonName::as_str))
    }
}

impl Update for User {
    type Patch = UserPatch;

    fn apply(&mut self, patch: UserPatch, now: DateTime<Utc>) -> bool {
        let UserPatch { username, first_name, last_name } = patch;
        let changed = username.apply_to(&mut self.username)
            | first_name.apply_to(&mut self.first_name)
            | last_name.apply_to(&mut self.last_name);
        if changed {
            self.updated_at = later_than(self.updated_at, now);
            self.version.advance();
        }
        changed
    }
}

input! {
    /// Changes to a user. Absent fields stay as they are; `null` clears a name.
    pub struct UserPatch {
        /// The new username.
        pub username: Change<Username>,
        /// The new given name.
        pub first_name: Change<Option<PersonName>>,
        /// The new family name.
        pub last_name: Change<Option<PersonName>>,
    }
}

fn username(raw: &str, length: RangeInclusive<usize>) -> Result<Cow<'_, str>, Invalid> {
    let name = line(raw, length)?;
    if !name.starts_with(char::is_alphanumeric) {
        return Err(Invalid::new(Code::Format, "must begin with a letter or a digit"));
    }
    // Many scripts write vowels as combining marks.
    let is_allowed = |c: char| c.is_alphanumeric() || is_combining_mark(c) || "_.-".contains(c);
    if !name.chars().all(is_allowed) {
        return Err(Invalid::new(
            Code::Format,
            "must contain only letters, digits, '_', '.' and '-'",
        ));
    }
    Ok(name)
}

fn check_new_username(name: &str) -> Result<(), Invalid> {
    check_characters(name)?;
    // The skeletons of texts that look alike are equal: with a dotless `ı`, or in capitals.
    let look = |name: &str| text_key(&skeleton(&text_key(name)).collect::<String>());
    if RESERVED.iter().any(|reserved| look(reserved) == look(name)) {
        return Err(Invalid::new(Code::Range, "must not be, or look like, admin, root or system"));
    }
    Ok(())
}

/// Refuses names that look like others: with invisible characters, or with letters of several
/// scripts (UTS #39, single script).
fn check_characters(name: &str) -> Result<(), Invalid> {
    refuse_ignorable(name)?;
    if !name.is_single_script() {
        return Err(Invalid::new(Code::Format, "must not mix letters of several scripts"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::Input;

    #[test]
    fn usernames_have_letters_and_digits() {
        for good in ["a", "ada.lovelace", "7of9", "Зинаида", "हिन्दी", "j_-.", "Zoë"]
        {
            assert_eq!(Username::parse(good).unwrap().as_str(), good);
        }
        for bad in [".ada", "-ada", "_ada", "a b", "a@b", "a/b", "ada\u{200b}", "a\0", "", "☕"] {
            assert!(Username::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Username::parse(&"a".repeat(50)).is_ok());
        assert!(Username::parse(&"a".repeat(51)).is_err());
    }

    #[test]
    fn new_usernames_have_one_script() {
        for good in ["ada7", "Зинаида_2", "ひらがなカタカナ漢字", "한국漢字", "हिन्दी", "日本語"]
        {
            assert!(Username::parse(good).is_ok(), "{good}");
        }
        // Cyrillic and Greek letters among Latin ones; Japanese with Latin ones.
        for mixed in ["аda", "adα", "раypal", "日本go"] {
            assert!(Username::parse(mixed).is_err(), "{mixed}");
            assert_eq!(Username::parse_existing(mixed).unwrap().as_str(), mixed);
        }
    }

    #[test]
    fn new_usernames_have_no_invisible_letters() {
        for invisible in ["ada\u{3164}", "ada\u{34f}", "가\u{115f}", "ada\u{fe00}"] {
            let wrong = Username::parse(invisible).unwrap_err();
            assert_eq!(wrong.detail(), "must not contain invisible characters");
            assert!(Username::parse_reserved(invisible).is_err());
            assert!(Username::try_from(invisible.to_owned()).is_ok(), "{invisible:?}");
        }
    }

    #[test]
    fn reserved_usernames_are_refused() {
        for reserved in ["admin", "Admin", "ROOT", "system", "admın", "ɑdmin", "r00t", "SYSTEM"] {
            let wrong = Username::parse(reserved).unwrap_err();
            assert!(wrong.detail().contains("admin, root or system"), "{reserved}");
            assert!(Username::parse_reserved(reserved).is_ok(), "{reserved}");
        }
        for free in ["admin2", "administrator", "rooted", "sys"] {
            assert!(Username::parse(free).is_ok(), "{free}");
        }
    }

    #[test]
    fn username_keys_ignore_case() {
        assert_eq!(
            Username::parse("ÉMILE").unwrap().key(),
            Username::parse("e\u{301}mile").unwrap().key()
        );
    }

    #[test]
    fn equal_patch_keeps_updated_at() {
        let new_id = NewId::new(1000, [1; 10]);
        let name = |name| Some(PersonName::parse(name).unwrap());
        let mut user = User::new(new_id, Username::parse("ada").unwrap(), name("Ada"), None);
        let before = user.clone();
        let later = NewId::new(2000, [1; 10]).at();

        let same = json!({"username": "ada", "first_name": " Ada ", "last_name": null});
        assert!(!user.apply(UserPatch::parse(&same).unwrap(), later));
        assert_eq!(user, before);

        let other = json!({"first_name": null, "last_name": "Lovelace"});
        assert!(user.apply(UserPatch::parse(&other).unwrap(), later));
        assert_eq!((user.first_name, user.last_name), (None, name("Lovelace")));
        assert_eq!((user.created_at, user.updated_at), (new_id.at(), later));
    }

    #[test]
    fn empty_name_is_refused() {
        let wrong = UserPatch::parse(&json!({"first_name": " "})).unwrap_err();
        assert_eq!(wrong.to_string(), "/first_name must not be empty");
    }

    proptest! {
        #[test]
        fn parse_inverts_display(raw in r"[\p{L}\p{N}][\p{L}\p{N}_.-]{0,20}") {
            if let Ok(username) = Username::parse(&raw) {
                let shown = username.to_string();
                prop_assert_eq!(Username::parse(&shown).unwrap(), username);
            }
        }

        #[test]
        fn new_usernames_exist_afterwards(raw in any::<String>()) {
            if let Ok(username) = Username::parse(&raw) {
                prop_assert_eq!(Username::parse_existing(&raw).unwrap(), username.clone());
                prop_assert_eq!(Username::parse_reserved(&raw).unwrap(), username.clone());
                let stored = Username::try_from(username.to_string()).unwrap();
                prop_assert_eq!(stored, username);
            }
        }

        #[test]
        fn arbitrary_text_does_not_panic(raw in any::<String>()) {
            let _ = Username::parse(&raw);
            let _ = PersonName::parse(&raw);
        }
    }
}
