//! Common passwords.

use std::cmp::Ordering;

use crate::text_key;

/// The list: one password a line, in lower case, sorted by bytes. Its directory describes the
/// source.
const LIST: &str = include_str!("../../assets/common-passwords/list.txt");

/// Returns whether `password` is among the common ones, without regard to case.
///
/// The search takes about fifteen comparisons and allocates nothing but the key.
pub(super) fn is_common(password: &str) -> bool {
    contains(LIST, &text_key(password))
}

/// Searches sorted lines by bisection.
fn contains(lines: &str, wanted: &str) -> bool {
    let mut rest = lines.as_bytes();
    while !rest.is_empty() {
        let middle = rest.len() / 2;
        let start = rest[..middle].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let length = rest[start..].iter().position(|byte| *byte == b'\n');
        let end = length.map_or(rest.len(), |length| start + length);
        match wanted.as_bytes().cmp(&rest[start..end]) {
            Ordering::Equal => return true,
            Ordering::Less => rest = &rest[..start],
            Ordering::Greater => rest = rest.get(end + 1..).unwrap_or_default(),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Password;

    #[test]
    fn list_is_long_sorted_and_choosable() {
        let lines: Vec<_> = LIST.lines().collect();
        assert!(lines.len() >= 10_000, "{}", lines.len());
        assert!(lines.is_sorted_by(|one, next| one < next));
        for line in lines {
            let length = line.chars().count();
            assert!((Password::MIN_CHARS..=Password::MAX_CHARS).contains(&length), "{line}");
            assert_eq!(text_key(line), line);
        }
    }

    #[test]
    fn only_listed_passwords_are_found() {
        for line in LIST.lines() {
            assert!(is_common(line), "{line}");
            assert!(is_common(&line.to_uppercase()), "{line}");
            assert!(!is_common(&format!("{line}\u{1}")), "{line}");
        }
        for other in ["", "\n", "!", "~~~~~~~~~", "password\n", "correct horse battery staple"] {
            assert!(!is_common(other), "{other:?}");
        }
    }

    #[test]
    fn short_lists_are_searched_completely() {
        for lines in ["", "b", "b\n", "b\nd", "b\nd\n", "b\nd\nf\n"] {
            for wanted in ["a", "b", "c", "d", "e", "f", "g", ""] {
                let expected = lines.lines().any(|line| line == wanted);
                assert_eq!(contains(lines, wanted), expected, "{wanted:?} in {lines:?}");
            }
        }
    }
}
