//! The key by which texts are compared.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// Returns the key by which `text` is compared and sorted: Unicode's default case folding of its
/// NFC form, in NFC. Keys are compared byte by byte, which for UTF-8 is by code point.
///
/// The same function computes the columns that a database sorts by, so that every engine sorts
/// alike.
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
        fn canonically_equal_texts_have_one_key(raw in any::<String>()) {
            let decomposed: String = raw.nfd().collect();
            prop_assert_eq!(text_key(&raw), text_key(&decomposed));
        }

        #[test]
        fn the_ascii_path_agrees_with_the_general_one(raw in "[ -~]{0,20}") {
            let general: String = raw.nfc().default_case_fold().nfc().collect();
            prop_assert_eq!(text_key(&raw), general);
        }
    }
}
