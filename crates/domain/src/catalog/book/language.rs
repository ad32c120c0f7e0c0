//! Languages.

use std::borrow::Cow;

use oxilangtag::LanguageTag;

use crate::{Code, Invalid, value::string_value};

/// A language, as a well-formed BCP 47 tag (RFC 5646) in canonical case, such as `en-GB`.
///
/// The tag need not be registered.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(
        min_length = 2,
        max_length = 64,
        pattern = r"^\s*[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*\s*$",
        examples("en-GB")
    )
)]
pub struct Language(String);

string_value!(Language, "en-GB");

impl Language {
    /// The maximum number of characters. RFC 5646 (§ 4.4.1) considers 35 enough for tags without
    /// private extensions.
    pub const MAX_CHARS: usize = 64;

    fn clean(raw: &str) -> Result<Cow<'_, str>, Invalid> {
        // By far the most frequent tags, like `en` and `eng`, are canonical.
        if matches!(raw.len(), 2 | 3) && raw.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Ok(Cow::Borrowed(raw));
        }
        let trimmed = raw.trim();
        if trimmed.len() > Self::MAX_CHARS {
            return Err(Invalid::new(Code::Length, "must have at most 64 characters"));
        }
        let Ok(tag) = LanguageTag::parse_and_normalize(trimmed) else {
            return Err(Invalid::new(
                Code::Format,
                "must be a BCP 47 language tag such as en, en-GB or zh-Hant",
            ));
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
    fn case_becomes_canonical() {
        for (raw, canonical) in [
            ("EN", "en"),
            ("en-us", "en-US"),
            ("ZH-hANT-tw", "zh-Hant-TW"),
            (" fre ", "fre"),
            ("de-1996", "de-1996"),
            ("X-Elvish", "x-elvish"),
        ] {
            assert_eq!(Language::parse(raw).unwrap().as_str(), canonical);
        }
    }

    #[test]
    fn malformed_tags_are_refused() {
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
        fn arbitrary_text_does_not_panic(raw in any::<String>()) {
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
