//! Cleaning of text.

use std::{borrow::Cow, ops::RangeInclusive};

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use unicode_security::skeleton;

use crate::{Code, Invalid};

/// The rules of a text value.
pub(crate) struct TextRules {
    /// Cleans a text, or refuses it.
    pub(crate) clean: for<'a> fn(&'a str, RangeInclusive<usize>) -> Result<Cow<'a, str>, Invalid>,
    /// Checks the further rules of a new text that is clean. Existing texts may be older than
    /// these.
    pub(crate) check_new: fn(&str) -> Result<(), Invalid>,
}

/// One line of text. A new one has no characters that change its layout.
pub(crate) const LINE: TextRules = TextRules { clean: line, check_new: refuse_layout };

/// Any number of lines of text.
pub(crate) const PARAGRAPHS: TextRules = TextRules { clean: paragraphs, check_new: |_| Ok(()) };

/// Refuses the characters that separate lines, and those that embed, override or isolate a text
/// direction: they can show a text in another order than that in which it is stored and compared.
pub(crate) fn refuse_layout(text: &str) -> Result<(), Invalid> {
    let is_layout = |c| matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.is_ascii() && text.chars().any(is_layout) {
        let rule = "must not contain characters that separate lines or change the text direction";
        return Err(Invalid::new(Code::Format, rule));
    }
    Ok(())
}

/// Refuses ignorable characters (the property `Default_Ignorable_Code_Point`): two names that
/// differ only in these look the same.
pub(crate) fn refuse_ignorable(text: &str) -> Result<(), Invalid> {
    // The skeleton of UTS #39 leaves out exactly these characters.
    let is_ignorable = |c: char| skeleton(c.encode_utf8(&mut [0; 4])).next().is_none();
    if !text.is_ascii() && text.chars().any(is_ignorable) {
        return Err(Invalid::new(Code::Format, "must not contain invisible characters"));
    }
    Ok(())
}

/// Cleans one line of text: trimmed, NFC, no control characters, `length` in characters.
pub(crate) fn line(raw: &str, length: RangeInclusive<usize>) -> Result<Cow<'_, str>, Invalid> {
    clean(raw, &length, Lines::One)
}

/// Cleans text of any number of lines: like [`line()`], but with line breaks and tabs.
pub(crate) fn paragraphs(
    raw: &str,
    length: RangeInclusive<usize>,
) -> Result<Cow<'_, str>, Invalid> {
    clean(raw, &length, Lines::Many)
}

/// Returns `text` in NFC, borrowed if it is already.
pub(crate) fn nfc(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        IsNormalized::No | IsNormalized::Maybe => Cow::Owned(text.nfc().collect()),
    }
}

/// Checks that `length` allows `count` characters.
pub(crate) fn check_length(count: usize, length: &RangeInclusive<usize>) -> Result<(), Invalid> {
    if length.contains(&count) {
        return Ok(());
    }
    let (min, max) = (length.start(), length.end());
    let detail = if count > *max {
        format!("must have at most {max} characters").into()
    } else if count == 0 {
        Cow::Borrowed("must not be empty")
    } else {
        format!("must have at least {min} characters").into()
    };
    Err(Invalid::new(Code::Length, detail))
}

#[derive(Clone, Copy)]
enum Lines {
    One,
    Many,
}

impl Lines {
    fn forbids(self, control: char) -> bool {
        match self {
            Self::One => true,
            Self::Many => !matches!(control, '\n' | '\r' | '\t'),
        }
    }

    const fn rule(self) -> &'static str {
        match self {
            Self::One => "must not contain control characters",
            Self::Many => "must not contain control characters other than line breaks and tabs",
        }
    }
}

fn clean<'a>(
    raw: &'a str,
    length: &RangeInclusive<usize>,
    lines: Lines,
) -> Result<Cow<'a, str>, Invalid> {
    // Nearly all text is plain, and every row that is loaded is checked.
    if is_plain(raw) {
        check_length(raw.len(), length)?;
        return Ok(Cow::Borrowed(raw));
    }
    let trimmed = raw.trim();
    if trimmed.chars().any(|c| c.is_control() && lines.forbids(c)) {
        return Err(Invalid::new(Code::Format, lines.rule()));
    }
    let clean = nfc(trimmed);
    check_length(clean.chars().count(), length)?;
    Ok(clean)
}

/// Returns whether `raw` is printable ASCII with nothing to trim: it is clean, and a byte is a
/// character.
fn is_plain(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && bytes.first() != Some(&b' ')
        && bytes.last() != Some(&b' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn trims_and_composes() {
        assert_eq!(line("  Dune \n", 1..=9).unwrap(), "Dune");
        assert_eq!(line("\u{3000}Cafe\u{301}\u{a0}", 1..=4).unwrap(), "Café");
    }

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(line("Dune", 1..=4), Ok(Cow::Borrowed("Dune"))));
        assert!(matches!(line(" Dune", 1..=4), Ok(Cow::Borrowed("Dune"))));
    }

    #[test]
    fn length_counts_characters() {
        assert_eq!(line("日本語", 1..=3).unwrap(), "日本語");
        assert_eq!(line("日本語!", 1..=3).unwrap_err().detail(), "must have at most 3 characters");
        assert_eq!(line(" ", 1..=3).unwrap_err().detail(), "must not be empty");
        assert_eq!(line("ab", 3..=4).unwrap_err().detail(), "must have at least 3 characters");
        assert_eq!(paragraphs("", 0..=3).unwrap(), "");
    }

    #[test]
    fn control_characters_are_refused() {
        for bad in ["a\0b", "a\nb", "a\tb", "a\u{7f}b", "a\u{85}b"] {
            assert!(line(bad, 0..=9).is_err(), "{bad:?}");
        }
        assert_eq!(paragraphs("a\r\n\tb", 0..=9).unwrap(), "a\r\n\tb");
        assert!(paragraphs("a\0b", 0..=9).is_err());
    }

    #[test]
    fn new_line_has_no_layout_characters() {
        let refused: Vec<char> =
            ('\0'..=char::MAX).filter(|c| refuse_layout(&c.to_string()).is_err()).collect();
        let expected: Vec<char> =
            ('\u{2028}'..='\u{202e}').chain('\u{2066}'..='\u{2069}').collect();
        assert_eq!(refused, expected);
    }

    #[test]
    fn ignorable_characters_are_refused() {
        // Samples of each range of DerivedCoreProperties.txt.
        for ignorable in [
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{17b4}',
            '\u{180b}',
            '\u{200b}',
            '\u{200d}',
            '\u{202e}',
            '\u{2060}',
            '\u{2069}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{1bca0}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0100}',
            '\u{e0fff}',
        ] {
            assert!(refuse_ignorable(&format!("a{ignorable}b")).is_err(), "{ignorable:?}");
        }
        for visible in ["a b", "Zoë", "日本語", "हिन्दी", "👩", "a\u{300}"] {
            assert!(refuse_ignorable(visible).is_ok(), "{visible:?}");
        }
    }

    proptest! {
        #[test]
        fn cleaning_is_idempotent(raw in any::<String>()) {
            if let Ok(once) = paragraphs(&raw, 0..=usize::MAX) {
                prop_assert_eq!(&paragraphs(&once, 0..=usize::MAX).unwrap(), &once);
            }
        }
    }
}
