//! The title, the credit line, the publisher and the number of pages.

use crate::{
    text::LINE,
    value::{number_value, text_value},
};

text_value! {
    /// The title of a book.
    Title, 1..=500, LINE, "The Sea, the Sea"
}

text_value! {
    /// The names of the authors as on the title page, separated by commas.
    CreditLine, 1..=1000, LINE, "Iris Murdoch"
}

text_value! {
    /// The publisher of a book.
    Publisher, 1..=200, LINE, "Chatto & Windus"
}

number_value! {
    /// The number of pages of a book.
    PageCount(u32), 1..=1_000_000, 502
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_bounded_in_characters() {
        assert!(Title::parse(&"ß".repeat(Title::MAX_CHARS)).is_ok());
        let refusal = Title::parse(&"ß".repeat(501)).unwrap_err();
        assert_eq!(refusal.detail(), "must have at most 500 characters");
        assert!(CreditLine::parse(&"a".repeat(1001)).is_err());
        assert!(Publisher::parse(&"a".repeat(201)).is_err());
        assert!(Title::parse(" \n ").is_err());
    }

    #[test]
    fn clean_strings_are_not_copied() {
        let raw = String::from("The Bell");
        let memory = raw.as_ptr();
        let title = String::from(Title::try_from(raw).unwrap());
        assert_eq!(title.as_ptr(), memory);
        assert_eq!(Title::try_from(" The Bell ".to_owned()).unwrap().as_str(), "The Bell");
        assert_eq!(Title::try_from("Le\u{301}lia".to_owned()).unwrap().as_str(), "Lélia");
    }

    #[test]
    fn page_counts_are_positive_and_bounded() {
        assert_eq!(PageCount::new(1_000_000).unwrap().get(), PageCount::MAX);
        for number in [-1, 0, 1_000_001, i64::MAX] {
            assert!(PageCount::new(number).is_err(), "{number}");
        }
    }

    proptest! {
        #[test]
        fn parse_inverts_display(raw in any::<String>()) {
            if let Ok(title) = Title::parse(&raw) {
                let shown = title.to_string();
                prop_assert_eq!(Title::parse(&shown).unwrap(), title);
            }
            let _ = CreditLine::parse(&raw);
            let _ = Publisher::parse(&raw);
        }

        #[test]
        fn page_count_parse_inverts_display(number in 1..=1_000_000_i64) {
            let count = PageCount::new(number).unwrap();
            prop_assert_eq!(count.to_string().parse::<PageCount>().unwrap(), count);
        }

        #[test]
        fn existing_titles_equal_their_rows(raw in any::<String>()) {
            prop_assert_eq!(Title::parse_existing(&raw), Title::try_from(raw.clone()));
            if let Ok(new) = Title::parse(&raw) {
                prop_assert_eq!(Title::parse_existing(&raw), Ok(new));
            }
        }

        #[test]
        fn new_title_has_no_direction_characters(raw in ".*[\u{202a}-\u{202e}\u{2066}-\u{2069}].*") {
            prop_assert!(Title::parse(&raw).is_err());
        }
    }
}
