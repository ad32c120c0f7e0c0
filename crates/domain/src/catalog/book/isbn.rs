//! International Standard Book Numbers.

use std::borrow::Cow;

use crate::{Code, Invalid, value::string_value};

/// An International Standard Book Number (ISO 2108).
///
/// Parsed from an ISBN-10 or ISBN-13 with or without hyphens and spaces; the check digit is
/// verified. Displayed as the 13 digits of the ISBN-13.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(pattern = r"^\s*(97[89])?([-\s]*[0-9]){9}[-\s]*[0-9Xx]\s*$", examples("9780099284093"))
)]
pub struct Isbn(String);

string_value!(Isbn, "9780099284093");

impl Isbn {
    fn clean(raw: &str) -> Result<Cow<'_, str>, Invalid> {
        // The form in which it is stored.
        if let Ok(stored) = <&[u8; 13]>::try_from(raw.as_bytes())
            && stored.iter().all(u8::is_ascii_digit)
        {
            return check_isbn_13(stored).map(|()| Cow::Borrowed(raw));
        }
        let mut digits = Vec::with_capacity(13);
        for c in raw.trim().chars().filter(|&c| !is_separator(c)) {
            match u8::try_from(c) {
                Ok(digit @ (b'0'..=b'9' | b'X' | b'x')) => digits.push(digit),
                _ => return Err(Invalid::new(Code::Format, CHARACTERS)),
            }
        }
        if let Ok(ten) = <&[u8; 10]>::try_from(digits.as_slice()) {
            return to_isbn_13(ten).map(Cow::Owned);
        }
        let Ok(thirteen) = <&[u8; 13]>::try_from(digits.as_slice()) else {
            return Err(Invalid::new(Code::Format, "must have 10 or 13 digits"));
        };
        check_isbn_13(thirteen)?;
        Ok(Cow::Owned(to_text(thirteen)))
    }
}

const CHARACTERS: &str = "must contain only digits, hyphens and spaces, \
                          and an X only as the last digit of an ISBN-10";
const CHECK_DIGIT: &str = "must have a correct check digit";

/// Returns whether `c` is a space, a hyphen, or a dash as word processors substitute for it.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}')
}

fn check_isbn_13(digits: &[u8; 13]) -> Result<(), Invalid> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(Invalid::new(Code::Format, CHARACTERS));
    }
    if !(digits.starts_with(b"978") || digits.starts_with(b"979")) {
        return Err(Invalid::new(Code::Format, "must begin with 978 or 979 if it has 13 digits"));
    }
    if !weighted_sum_13(digits).is_multiple_of(10) {
        return Err(Invalid::new(Code::Format, CHECK_DIGIT));
    }
    Ok(())
}

/// Converts an ISBN-10: 978, the same nine digits and a new check digit.
fn to_isbn_13(ten: &[u8; 10]) -> Result<String, Invalid> {
    let (body, check) = (&ten[..9], ten[9].to_ascii_uppercase());
    if !body.iter().all(u8::is_ascii_digit) {
        return Err(Invalid::new(Code::Format, CHARACTERS));
    }
    let weighted = (2..=10).rev().zip(body);
    let sum: u32 = weighted.map(|(weight, &digit)| weight * digit_value(digit)).sum();
    let last = if check == b'X' { 10 } else { digit_value(check) };
    if !(sum + last).is_multiple_of(11) {
        return Err(Invalid::new(Code::Format, CHECK_DIGIT));
    }
    let mut thirteen = *b"9780000000000";
    thirteen[3..12].copy_from_slice(body);
    let missing = (10 - weighted_sum_13(&thirteen) % 10) % 10;
    thirteen[12] += u8::try_from(missing).expect("a remainder of ten fits a byte");
    Ok(to_text(&thirteen))
}

fn weighted_sum_13(digits: &[u8; 13]) -> u32 {
    let weighted = [1, 3].into_iter().cycle().zip(digits);
    weighted.map(|(weight, &digit)| weight * digit_value(digit)).sum()
}

fn digit_value(digit: u8) -> u32 {
    u32::from(digit - b'0')
}

fn to_text(digits: &[u8; 13]) -> String {
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(raw: &str) -> String {
        Isbn::parse(raw).unwrap_err().to_string()
    }

    #[test]
    fn both_forms_become_isbn_13() {
        let murdoch = Isbn::parse("9780099284093").unwrap();
        for raw in [
            "978-0-09-928409-3",
            "0-09-928409-X",
            " 009928409x ",
            "978 0 09 928409 3",
            "978\u{2011}0\u{2013}09-928409-3",
        ] {
            assert_eq!(Isbn::parse(raw).unwrap(), murdoch, "{raw}");
        }
        assert_eq!(Isbn::parse("979-10-90636-07-1").unwrap().as_str(), "9791090636071");
    }

    #[test]
    fn only_isbn10_may_end_in_x() {
        assert_eq!(Isbn::parse("080442957X").unwrap().as_str(), "9780804429573");
        assert_eq!(Isbn::parse("0-8044-2957-x").unwrap().as_str(), "9780804429573");
        assert_eq!(refusal("08044X9570"), CHARACTERS);
        assert_eq!(refusal("978080442957X"), CHARACTERS);
        assert_eq!(refusal("978-0-8044-2957-X"), CHARACTERS);
    }

    #[test]
    fn each_rule_has_its_message() {
        assert_eq!(refusal("0099284096"), CHECK_DIGIT);
        assert_eq!(refusal("9780099284094"), CHECK_DIGIT);
        assert_eq!(refusal("978-0-09-928409-4"), CHECK_DIGIT);
        assert_eq!(refusal("1234567890128"), "must begin with 978 or 979 if it has 13 digits");
        for short in ["", "-", "123", "97800992840", "97800992840931"] {
            assert_eq!(refusal(short), "must have 10 or 13 digits", "{short}");
        }
        for odd in ["ISBN 0099284095", "٠٠٩٩٢٨٤٠٩٥", "0099284095\0"] {
            assert_eq!(refusal(odd), CHARACTERS, "{odd}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(raw in any::<String>()) {
            let _ = Isbn::parse(&raw);
        }

        #[test]
        fn parse_inverts_display(raw in "[0-9]{9}[0-9X]") {
            if let Ok(isbn) = Isbn::parse(&raw) {
                let shown = isbn.to_string();
                prop_assert_eq!(Isbn::parse(&shown).unwrap(), isbn);
            }
        }

        #[test]
        fn one_check_digit_is_valid(body in "97[89][0-9]{9}") {
            let fitting = (0..10).filter(|check| Isbn::parse(&format!("{body}{check}")).is_ok());
            prop_assert_eq!(fitting.count(), 1);
        }

        #[test]
        fn one_isbn10_check_digit_is_valid(body in "[0-9]{9}") {
            let fitting = "0123456789X".chars();
            let fitting = fitting.filter(|check| Isbn::parse(&format!("{body}{check}")).is_ok());
            prop_assert_eq!(fitting.count(), 1);
        }
    }
}
