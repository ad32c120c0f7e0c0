//! Languages.

use std::borrow::Cow;

use oxilangtag::LanguageTag;

use crate::{Invalid, value::string_value};

/// A language, as a well-formed BCP 47 tag (RFC 5646), without regard to what the registry holds.
///
/// Kept in canonical case (`en-GB`, `zh-Hant`), so that equal tags are equal texts.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(min_length = 2, max_length = 64, examples("en-GB"))
)]
pub struct Language(String);

string_value!(Language, "en-GB");

impl Language {
    /// The most characters there may be. RFC 5646 (§ 4.4.1) holds 35 to be enough for every tag
    /// that does not carry private extensions.
    pub const MAX_CHARS: usize = 64;

    fn clean(raw: &str) -> Result<Cow<'_, str>, Invalid> {
        // By far the most frequent tags, `en` or `eng`, are canonical as they stand.
        if matches!(raw.len(), 2 | 3) && raw.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Ok(Cow::Borrowed(raw));
        }
        let trimmed = raw.trim();
        if trimmed.len() > Self::MAX_CHARS {
            return Err(Invalid::new("must have at most 64 characters"));
        }
        let Ok(tag) = LanguageTag::parse_and_normalize(trimmed) else {
            return Err(Invalid::new("must be a BCP 47 language tag such as en, en-GB or zh-Hant"));
        };
        Ok(if tag.as_str() == trimmed {
            Cow::Borrowed(trimmed)
        } else {
            Cow::Owned(tag.into_inner())
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_is_made_canonical() {
        for (raw, kept) in [
            ("EN", "en"),
            ("en-us", "en-US"),
            ("ZH-hANT-tw", "zh-Hant-TW"),
            (" fre ", "fre"),
            ("de-1996", "de-1996"),
            ("X-Elvish", "x-elvish"),
        ] {
            assert_eq!(Language::parse(raw).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for raw in ["", "e", "en_GB", "en-", "English (UK)", "日本語", "en-\0"] {
            assert!(Language::parse(raw).is_err(), "{raw:?}");
        }
        let endless = format!("en{}", "-abcdefg".repeat(20));
        assert_eq!(
            Language::parse(&endless).unwrap_err().detail(),
            "must have at most 64 characters"
        );
    }

    proptest! {
        #[test]
        fn no_string_panics(raw in any::<String>()) {
            let _ = Language::parse(&raw);
        }

        #[test]
        fn parse_inverts_display(
            raw in "[a-zA-Z]{2,3}(-[a-zA-Z]{4})?(-[a-zA-Z]{2})?(-[a-zA-Z0-9]{5})?(-[x-zX-Z]-[a-z]{2,8})?"
        ) {
            let language = Language::parse(&raw).unwrap();
            let shown = language.to_string();
            prop_assert_eq!(Language::parse(&shown).unwrap(), language);
        }
    }
}
