//! Case-insensitive comparison of text.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// Returns the key by which `text` is compared and sorted: its NFC form, case-folded by Unicode's
/// default rules, in NFC again.
///
/// Keys are compared bytewise, which in UTF-8 is the order of code points. The columns that a
/// database sorts by store this key, so that all engines sort in the same order.
///
/// ```
/// use recto_relations::text_key;
///
/// assert_eq!(text_key("Straße"), text_key("STRASSE"));
/// assert_eq!(text_key("Ba\u{301}rbara"), text_key("bárbara"));
/// ```
pub fn text_key(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfc().default_case_fold().nfc().collect()
}

/// Returns the beginning of a text, with `…` if there is more: an error that names what a request
/// contains must not be as long as the request.
///
/// ```
/// assert_eq!(recto_relations::excerpt("reviews.user"), "reviews.user");
/// assert_eq!(recto_relations::excerpt(&"x".repeat(9_000)).chars().count(), 41);
/// ```
pub fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The maximum number of characters of an excerpt.
const EXCERPT_CHARS: usize = 40;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_ignore_case_and_composition() {
        assert_eq!(text_key("Sci-Fi"), "sci-fi");
        assert_eq!(text_key("ÉMILE"), text_key("e\u{301}mile"));
        assert_eq!(text_key("ΣΊΣΥΦΟΣ"), text_key("Σίσυφος"));
        assert_ne!(text_key("resume"), text_key("résumé"));
    }

    proptest! {
        #[test]
        fn canonically_equal_texts_share_a_key(raw in any::<String>()) {
            let decomposed: String = raw.nfd().collect();
            prop_assert_eq!(text_key(&raw), text_key(&decomposed));
        }

        #[test]
        fn ascii_path_equals_general_path(raw in "[ -~]{0,20}") {
            let general: String = raw.nfc().default_case_fold().nfc().collect();
            prop_assert_eq!(text_key(&raw), general);
        }
    }
}
