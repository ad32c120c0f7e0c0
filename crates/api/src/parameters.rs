//! The parameters of a query string.

use std::borrow::Cow;
use std::collections::HashSet;
use std::str::FromStr;

use recto_domain::{Code, Invalid};
use recto_relations::excerpt;

/// The default number of items of a page.
pub(crate) const DEFAULT_LIMIT: u32 = 20;

/// The maximum number of items of a page. A larger `limit` is clamped.
pub(crate) const MAX_LIMIT: u32 = 100;

/// A parsed query string.
///
/// An extractor takes the parameters that it knows and then calls [`finish`](Self::finish), so that
/// a misspelt parameter is an error and not a filter without effect. Errors are collected until
/// then: a parameter that breaks a rule counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// Names and values that were not taken yet, in order.
    pairs: Vec<(String, String)>,
    errors: Vec<ParameterError>,
}

/// A rule that a query breaks, and the parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {detail}")]
pub(crate) struct ParameterError {
    /// The name of the parameter; a long one is cut.
    pub(crate) parameter: String,
    /// The kind of the rule.
    pub(crate) code: Code,
    /// The rule.
    pub(crate) detail: Cow<'static, str>,
}

impl Parameters {
    /// Parses `name=value&…`, percent-encoded, with `+` for a space. Names and values must be UTF-8
    /// without control characters.
    pub(crate) fn parse(query: &str) -> Self {
        let mut parameters = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (raw_name, raw_value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(name) = parameters.check(raw_name, decode(raw_name)) else { continue };
            if let Some(value) = parameters.check(&name, decode(raw_value)) {
                parameters.pairs.push((name, value));
            }
        }
        parameters
    }

    /// Returns the remaining names and values, in order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Removes and returns the value of a parameter that may not be repeated.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let mut values = self.take_all(name).into_iter();
        let first = values.next();
        if values.next().is_some() {
            self.refuse(name, Invalid::new(Code::Duplicate, "must not be repeated"));
            return None;
        }
        first
    }

    /// Removes and parses the value of a parameter that may not be repeated.
    pub(crate) fn take_parsed<T: FromStr<Err = Invalid>>(&mut self, name: &str) -> Option<T> {
        let raw = self.take(name)?;
        self.check(name, raw.parse())
    }

    /// Removes and parses a parameter that is `true` or `false`; by default `false`.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let flag = match self.take(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Invalid::new(Code::Range, "must be true or false")),
        };
        self.check(name, flag).unwrap_or_default()
    }

    /// Removes and returns all values of a parameter, in order.
    pub(crate) fn take_all(&mut self, name: &str) -> Vec<String> {
        self.pairs.extract_if(.., |(found, _)| found == name).map(|(_, value)| value).collect()
    }

    /// Removes all values of a parameter and joins them with commas: `a=1&a=2` is `a=1,2`.
    pub(crate) fn take_list(&mut self, name: &str) -> Option<String> {
        let values = self.take_all(name);
        (!values.is_empty()).then(|| values.join(","))
    }

    /// Removes and parses `limit`, the number of items of a page: from 1 to [`MAX_LIMIT`], by
    /// default [`DEFAULT_LIMIT`].
    pub(crate) fn limit(&mut self) -> u32 {
        let limit = self.take("limit").and_then(|raw| self.check("limit", parse_limit(&raw)));
        limit.unwrap_or(DEFAULT_LIMIT)
    }

    /// Returns a parsed value, or records the rule that it breaks.
    pub(crate) fn check<T>(&mut self, name: &str, parsed: Result<T, Invalid>) -> Option<T> {
        parsed.map_err(|broken| self.refuse(name, broken)).ok()
    }

    /// Returns a parsed list, or records the rule that it breaks; those of all its elements, if
    /// they break rules by themselves.
    pub(crate) fn check_list<T>(
        &mut self,
        name: &str,
        list: &str,
        parse: impl Fn(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        let broken = match parse(list) {
            Ok(parsed) => return Some(parsed),
            Err(broken) => broken,
        };
        let before = self.errors.len();
        for broken in elements(list).filter_map(|element| parse(element).err()) {
            self.refuse(name, broken);
        }
        if self.errors.len() == before {
            self.refuse(name, broken);
        }
        None
    }

    /// Records that a parameter breaks a rule.
    pub(crate) fn refuse(&mut self, name: &str, broken: Invalid) {
        self.errors.push(ParameterError::new(name, broken));
    }

    /// Checks that all parameters that were not taken are among the `known` names.
    ///
    /// # Errors
    /// All rules that the query breaks, at least one. Those of unknown parameters, which are the
    /// last, list the known ones.
    pub(crate) fn finish(mut self, known: &[&str]) -> Result<(), Vec<ParameterError>> {
        let detail = if known.is_empty() {
            "is unknown; this operation has no query parameters".to_owned()
        } else {
            format!("is unknown; the known parameters are {}", known.join(", "))
        };
        let mut seen = HashSet::new();
        for (name, _) in std::mem::take(&mut self.pairs) {
            if !known.contains(&name.as_str()) && seen.insert(name.clone()) {
                self.refuse(&name, Invalid::new(Code::Unknown, detail.clone()));
            }
        }
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors) }
    }
}

impl ParameterError {
    /// Returns the error that the parameter `name` breaks a rule.
    pub(crate) fn new(name: &str, broken: Invalid) -> Self {
        let (code, detail) = (broken.code(), broken.into_detail());
        Self { parameter: excerpt(name), code, detail }
    }
}

/// Returns the elements of a list, split at commas that are not in parentheses.
fn elements(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    list.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
}

/// Parses a number of items. A larger one is clamped to [`MAX_LIMIT`].
fn parse_limit(raw: &str) -> Result<u32, Invalid> {
    let refused = |code| Err(Invalid::new(code, "must be a whole number of at least 1"));
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return refused(Code::Format);
    }
    // Too many digits are a number above the maximum.
    match raw.parse().unwrap_or(MAX_LIMIT) {
        limit @ 1.. if raw == digits => Ok(limit.min(MAX_LIMIT)),
        _ => refused(Code::Range),
    }
}

/// Decodes form encoding strictly. `form_urlencoded` would replace invalid UTF-8 by U+FFFD, and the
/// request would get the response for another value.
fn decode(raw: &str) -> Result<String, Invalid> {
    let refused = |rule: &'static str| Invalid::new(Code::Format, rule);
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let Some((digits, behind)) = rest.split_first_chunk() else {
                    return Err(refused(TWO_DIGITS));
                };
                rest = behind;
                hexadecimal(*digits).ok_or_else(|| refused(TWO_DIGITS))?
            }
            other => other,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| refused("must be UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(refused("must not contain control characters"));
    }
    Ok(text)
}

const TWO_DIGITS: &str = "has a % without two hexadecimal digits";

/// Returns the value of two hexadecimal digits.
fn hexadecimal(digits: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(digits[0])? << 4 | digit(digits[1])?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the errors as `name: rule`, where no parameter is known.
    fn refusals(parameters: Parameters) -> Vec<String> {
        let errors = parameters.finish(&[]).err().unwrap_or_default();
        errors.iter().map(ToString::to_string).collect()
    }

    fn limit(query: &str) -> Result<u32, Vec<ParameterError>> {
        let mut parameters = Parameters::parse(query);
        let limit = parameters.limit();
        parameters.finish(&[]).map(|()| limit)
    }

    #[test]
    fn values_are_decoded() {
        let mut query = Parameters::parse("author=%C3%89mile+Zola&&tag=a%26b&tag=&flag&q=1=2");
        assert_eq!(query.take("author").as_deref(), Some("Émile Zola"));
        assert_eq!(query.take_all("tag"), ["a&b", ""]);
        assert_eq!(query.take("flag").as_deref(), Some(""));
        assert_eq!(query.take("q").as_deref(), Some("1=2"));
        assert_eq!(query.take("q"), None);
        assert_eq!(query.take("absent"), None);
        assert_eq!(query.finish(&[]), Ok(()));
    }

    #[test]
    fn pairs_are_those_not_taken() {
        let mut query = Parameters::parse("a=1&b=2&a=3");
        assert_eq!(query.pairs().collect::<Vec<_>>(), [("a", "1"), ("b", "2"), ("a", "3")]);
        query.take_all("a");
        assert_eq!(query.pairs().collect::<Vec<_>>(), [("b", "2")]);
    }

    #[test]
    fn repeated_list_is_one_list() {
        let mut parameters = Parameters::parse("a=1,2&b=x&a=3");
        assert_eq!(parameters.take_list("a").as_deref(), Some("1,2,3"));
        assert_eq!(parameters.take_list("a"), None);
    }

    #[test]
    fn all_errors_are_collected() {
        let mut query = Parameters::parse("b=1&b=1&limit=0&autor=x&c=%FF&autor=y&d&limits=2");
        query.take("b");
        query.limit();
        let errors = query.finish(&["limit", "d"]).unwrap_err();
        let found: Vec<_> = errors.iter().map(|one| (one.parameter.as_str(), one.code)).collect();
        let expected = [
            ("c", Code::Format),
            ("b", Code::Duplicate),
            ("limit", Code::Range),
            ("autor", Code::Unknown),
            ("limits", Code::Unknown),
        ];
        assert_eq!(found, expected);
        assert_eq!(errors[3].to_string(), "autor: is unknown; the known parameters are limit, d");
    }

    #[test]
    fn unknown_parameter_is_named() {
        assert_eq!(
            refusals(Parameters::parse("a")),
            ["a: is unknown; this operation has no query parameters"]
        );
        let long = refusals(Parameters::parse(&"x".repeat(9_000))).remove(0);
        assert!(long.starts_with(&format!("{}…: is", "x".repeat(40))), "{long}");
        assert_eq!(Parameters::parse("author=x").finish(&["limit", "author"]), Ok(()));
    }

    #[test]
    fn invalid_text_is_refused() {
        for (query, message) in [
            ("author=%FF", "author: must be UTF-8"),
            ("author=%C3", "author: must be UTF-8"),
            ("%ff=1", "%ff: must be UTF-8"),
            ("author=%00", "author: must not contain control characters"),
            ("author=a%0Ab", "author: must not contain control characters"),
            ("author=%C2%85", "author: must not contain control characters"),
            ("a%00=1", "a%00: must not contain control characters"),
            ("author=50%", "author: has a % without two hexadecimal digits"),
            ("author=%+1", "author: has a % without two hexadecimal digits"),
            ("author=%4", "author: has a % without two hexadecimal digits"),
        ] {
            assert_eq!(refusals(Parameters::parse(query)), [message], "{query}");
        }
    }

    #[test]
    fn limit_has_default_and_maximum() {
        for (query, expected) in [
            ("", 20),
            ("limit=1", 1),
            ("limit=007", 7),
            ("limit=100", 100),
            ("limit=101", 100),
            ("limit=4294967296", 100),
            ("limit=99999999999999999999999", 100),
        ] {
            assert_eq!(limit(query), Ok(expected), "{query}");
        }
    }

    #[test]
    fn limit_must_be_whole_number() {
        let malformed = ["", "-", "%2B5", "+5", "1e9", "1.0", "0x10", "ten", "%D9%A3", "1 ", "--1"];
        let malformed = malformed.map(|raw| (raw, Code::Format));
        for (raw, code) in
            malformed.into_iter().chain(["0", "000", "-1"].map(|raw| (raw, Code::Range)))
        {
            let [error] = <[_; 1]>::try_from(limit(&format!("limit={raw}")).unwrap_err()).unwrap();
            assert_eq!(error.to_string(), "limit: must be a whole number of at least 1", "{raw}");
            assert_eq!(error.code, code, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_input_does_not_panic(query in "[a-c=&%+0-9A-F]{0,40}|.{0,40}") {
            let mut parameters = Parameters::parse(&query);
            let _ = parameters.limit();
            let _ = parameters.finish(&["a"]);
        }

        #[test]
        fn form_encoding_round_trips(name in "[^\\p{Cc}]{1,10}", value in "[^\\p{Cc}]{0,20}") {
            let query =
                form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
            prop_assert_eq!(Parameters::parse(&query).take(&name), Some(value));
        }
    }
}
