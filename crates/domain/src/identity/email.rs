//! E-mail addresses.

use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;

use crate::{Code, Invalid, text::line, text_key, value::string_value};

/// An e-mail address.
///
/// It has a dotted local part, `@`, and a domain of at least two labels. It is trimmed and in NFC,
/// and has at most 254 characters; the case is kept.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(format = Email, max_length = 254, examples("ada@example.org"))
)]
pub struct Email(String);

string_value!(Email, "ada@example.org");

impl Email {
    /// The maximum number of characters: a path in RFC 5321 has 256 octets with its brackets.
    pub const MAX_CHARS: usize = 254;

    /// Returns the key under which the e-mail address is unique, see [`text_key`].
    pub fn key(&self) -> String {
        text_key(self.as_str())
    }

    /// Returns the key of the mailbox: as [`key`](Self::key), without what follows a `+` in the
    /// local part, since many providers deliver `ada+books@` to `ada@`.
    ///
    /// ```
    /// use recto_domain::Email;
    ///
    /// let key = |address: &str| Email::parse(address).map(|email| email.mailbox_key());
    /// assert_eq!(key("Ada+1@example.org")?, key("ada@example.org")?);
    /// assert_ne!(key("+1@example.org")?, key("+2@example.org")?);
    /// # Ok::<(), recto_domain::Invalid>(())
    /// ```
    pub fn mailbox_key(&self) -> String {
        let key = self.key();
        let parts = key.rsplit_once('@').and_then(|(local, domain)| {
            let (name, _) = local.split_once('+')?;
            (!name.is_empty()).then(|| format!("{name}@{domain}"))
        });
        parts.unwrap_or(key)
    }

    /// Accepts the forms that are used in practice: RFC 5321's dot-string and domain with letters
    /// of any script (RFC 6531), without quoted local parts, address literals and comments.
    fn clean(raw: &str) -> Result<Cow<'_, str>, Invalid> {
        let address = line(raw, 0..=Self::MAX_CHARS)?;
        let parts = address.rsplit_once('@');
        if parts.is_some_and(|(local, domain)| is_local_part(local) && is_domain(domain)) {
            Ok(address)
        } else {
            Err(Invalid::new(Code::Format, "must be an e-mail address such as ada@example.org"))
        }
    }
}

fn is_local_part(local: &str) -> bool {
    let is_allowed = |c: char| is_letter_or_digit(c) || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let is_atom = |atom: &str| !atom.is_empty() && atom.chars().all(is_allowed);
    local.len() <= 64 && local.split('.').all(is_atom)
}

fn is_domain(domain: &str) -> bool {
    let top = domain.rsplit_once('.').map(|(_, top)| top);
    // An IPv4 address ends in a label of digits.
    let is_name = top.is_some_and(|top| !top.bytes().all(|byte| byte.is_ascii_digit()));
    is_name && domain.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| is_letter_or_digit(c) || c == '-')
}

fn is_letter_or_digit(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn common_addresses_are_valid() {
        for address in [
            "ada@example.org",
            "Ada.Lovelace+books@mail.example.co.uk",
            "o'brien@example.org",
            "用户@例え.jp",
            "a@xn--r8jz45g.jp",
        ] {
            assert_eq!(Email::parse(address).unwrap().as_str(), address);
        }
        assert_eq!(Email::parse(" ada@example.org\n").unwrap().as_str(), "ada@example.org");
    }

    #[test]
    fn invalid_addresses_are_refused() {
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long_label = format!("ada@{}.org", "a".repeat(64));
        let long = format!("ada@{}org", "example.".repeat(32));
        for address in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.org",
            "ada@example",
            "ada@@example.org",
            "ada@exa mple.org",
            "ada@.org",
            "ada@example..org",
            "ada@example.org.",
            "ada@-example.org",
            "ada@example-.org",
            "ada@127.0.0.1",
            "ada@[127.0.0.1]",
            ".ada@example.org",
            "ada.@example.org",
            "a..b@example.org",
            "\"ada\"@example.org",
            "Ada <ada@example.org>",
            "ada@example.org,eve@example.org",
            "ada\0@example.org",
            "ada@exam\r\nple.org",
            &long_local,
            &long_label,
            &long,
        ] {
            assert!(Email::parse(address).is_err(), "{address:?}");
        }
    }

    #[test]
    fn case_is_kept_but_not_compared() {
        let typed = Email::parse("Ada@Example.ORG").unwrap();
        assert_eq!(typed.as_str(), "Ada@Example.ORG");
        assert_eq!(typed.key(), Email::parse("ada@example.org").unwrap().key());
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(raw in any::<String>()) {
            let _ = Email::parse(&raw);
        }

        #[test]
        fn parse_inverts_display(raw in "[a-zé.+]{1,9}@[a-zé0-9-]{1,9}(\\.[a-z]{1,5}){1,3}") {
            if let Ok(email) = Email::parse(&raw) {
                let shown = email.to_string();
                prop_assert_eq!(Email::parse(&shown).unwrap(), email);
            }
        }
    }
}
