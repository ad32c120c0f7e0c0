//! The parameters of a query string.

use std::fmt;
use std::str::FromStr;

/// The default number of items of a page.
pub(crate) const DEFAULT_LIMIT: u32 = 20;

/// The maximum number of items of a page. A larger `limit` is clamped.
pub(crate) const MAX_LIMIT: u32 = 100;

/// A parsed query string.
///
/// An extractor takes the parameters that it knows and then calls [`finish`](Self::finish), so that
/// a misspelt parameter is an error and not a filter without effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// Names and values that were not taken yet, in order.
    pairs: Vec<(String, String)>,
}

/// The error of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {detail}")]
pub(crate) struct ParameterError {
    /// The name of the parameter.
    pub(crate) name: String,
    /// The rule: `must be a whole number from 1`.
    pub(crate) detail: String,
}

impl Parameters {
    /// Parses `name=value&…`, percent-encoded, with `+` for a space.
    ///
    /// # Errors
    /// A name or value that is not UTF-8, or that has control characters.
    pub(crate) fn parse(query: &str) -> Result<Self, ParameterError> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (raw_name, raw_value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(raw_name).map_err(|flaw| ParameterError::new(raw_name, flaw))?;
            match decode(raw_value) {
                Ok(value) => Ok((name, value)),
                Err(flaw) => Err(ParameterError::new(name, flaw)),
            }
        });
        Ok(Self { pairs: pairs.collect::<Result<_, _>>()? })
    }

    /// Returns the names and values that were not taken yet, in order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Takes the value of a parameter that may not be repeated.
    ///
    /// # Errors
    /// A repeated parameter.
    pub(crate) fn take(&mut self, name: &str) -> Result<Option<String>, ParameterError> {
        let mut values = self.take_all(name).into_iter();
        let first = values.next();
        if values.next().is_some() {
            return Err(ParameterError::new(name, "must not be repeated"));
        }
        Ok(first)
    }

    /// Takes and parses the value of a parameter that may not be repeated.
    ///
    /// # Errors
    /// A repeated parameter, or an invalid value.
    pub(crate) fn take_parsed<T>(&mut self, name: &'static str) -> Result<Option<T>, ParameterError>
    where
        T: FromStr<Err: fmt::Display>,
    {
        self.take(name)?.map(|raw| parsed(name, &raw)).transpose()
    }

    /// Takes `true` or `false`; by default `false`.
    ///
    /// # Errors
    /// A repeated parameter, or another value.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, ParameterError> {
        match self.take(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ParameterError::new(name, "must be true or false")),
        }
    }

    /// Takes all values of a parameter, in order.
    pub(crate) fn take_all(&mut self, name: &str) -> Vec<String> {
        self.pairs.extract_if(.., |(found, _)| found == name).map(|(_, value)| value).collect()
    }

    /// Takes a list of which each value has a part, separated by commas: `a=1&a=2` is `a=1,2`.
    pub(crate) fn take_list(&mut self, name: &str) -> Option<String> {
        let values = self.take_all(name);
        (!values.is_empty()).then(|| values.join(","))
    }

    /// Takes `limit`, the number of items of a page: from 1 to [`MAX_LIMIT`], by default
    /// [`DEFAULT_LIMIT`].
    ///
    /// # Errors
    /// A repeated parameter, or something else than digits of a number from 1.
    pub(crate) fn limit(&mut self) -> Result<u32, ParameterError> {
        let Some(raw) = self.take("limit")? else {
            return Ok(DEFAULT_LIMIT);
        };
        let digits = !raw.is_empty() && raw.bytes().all(|byte| byte.is_ascii_digit());
        // Too many digits are a number above the maximum.
        let limit = if digits { raw.parse().unwrap_or(MAX_LIMIT) } else { 0 };
        if limit == 0 {
            return Err(ParameterError::new("limit", "must be a whole number from 1"));
        }
        Ok(limit.min(MAX_LIMIT))
    }

    /// Checks that all parameters that were not taken are among the `known` names.
    ///
    /// # Errors
    /// An unknown parameter. The message lists the known ones.
    pub(crate) fn finish(self, known: &[&str]) -> Result<(), ParameterError> {
        let unknown = self.pairs.into_iter().find(|(name, _)| !known.contains(&name.as_str()));
        let Some((name, _)) = unknown else {
            return Ok(());
        };
        let detail = if known.is_empty() {
            "is not known here, and neither is any other parameter".to_owned()
        } else {
            format!("is not known here; the known parameters are {}", known.join(", "))
        };
        Err(ParameterError { name, detail })
    }
}

impl ParameterError {
    /// Returns the error that the parameter `name` breaks a rule.
    pub(crate) fn new(name: impl Into<String>, detail: impl fmt::Display) -> Self {
        Self { name: name.into(), detail: detail.to_string() }
    }
}

/// Parses the value of a parameter.
///
/// # Errors
/// An invalid value.
fn parsed<T>(name: &'static str, raw: &str) -> Result<T, ParameterError>
where
    T: FromStr<Err: fmt::Display>,
{
    raw.parse().map_err(|error: T::Err| ParameterError::new(name, error))
}

/// Decodes form encoding strictly. `form_urlencoded` would replace invalid UTF-8 by U+FFFD, and the
/// request would be answered for another value.
fn decode(raw: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let Some((digits, behind)) = rest.split_first_chunk() else {
                    return Err("has a % without two hexadecimal digits");
                };
                rest = behind;
                hexadecimal(*digits).ok_or("has a % without two hexadecimal digits")?
            }
            other => other,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| "must be UTF-8")?;
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    Ok(text)
}

/// Returns the value of two hexadecimal digits.
fn hexadecimal(digits: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(digits[0])? << 4 | digit(digits[1])?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(query: &str) -> Parameters {
        Parameters::parse(query).unwrap()
    }

    fn limit(query: &str) -> Result<u32, String> {
        parse(query).limit().map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_decoded() {
        let mut query = parse("author=%C3%89mile+Zola&&tag=a%26b&tag=&flag&q=1=2");
        assert_eq!(query.take("author").unwrap().as_deref(), Some("Émile Zola"));
        assert_eq!(query.take_all("tag"), ["a&b", ""]);
        assert_eq!(query.take("flag").unwrap().as_deref(), Some(""));
        assert_eq!(query.take("q").unwrap().as_deref(), Some("1=2"));
        assert_eq!(query.take("q").unwrap(), None);
        assert_eq!(query.take("absent").unwrap(), None);
        assert_eq!(query.finish(&[]), Ok(()));
    }

    #[test]
    fn pairs_are_those_not_taken() {
        let mut query = parse("a=1&b=2&a=3");
        assert_eq!(query.pairs().collect::<Vec<_>>(), [("a", "1"), ("b", "2"), ("a", "3")]);
        query.take_all("a");
        assert_eq!(query.pairs().collect::<Vec<_>>(), [("b", "2")]);
    }

    #[test]
    fn repeated_list_is_one_list() {
        let mut parameters = Parameters::parse("a=1,2&b=x&a=3").unwrap();
        assert_eq!(parameters.take_list("a").as_deref(), Some("1,2,3"));
        assert_eq!(parameters.take_list("a"), None);
    }

    #[test]
    fn repeated_parameter_is_refused() {
        let error = parse("sort=a&sort=a").take("sort").unwrap_err();
        assert_eq!(error.to_string(), "sort: must not be repeated");
    }

    #[test]
    fn unknown_parameter_lists_known_ones() {
        let mut query = parse("limit=3&autor=x&foo=y");
        query.limit().unwrap();
        let error = query.finish(&["limit", "author"]).unwrap_err();
        assert_eq!(error.name, "autor");
        assert_eq!(
            error.to_string(),
            "autor: is not known here; the known parameters are limit, author"
        );
        let error = parse("a").finish(&[]).unwrap_err();
        assert_eq!(error.to_string(), "a: is not known here, and neither is any other parameter");
        assert_eq!(parse("author=x").finish(&["limit", "author"]), Ok(()));
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
            assert_eq!(Parameters::parse(query).unwrap_err().to_string(), message, "{query}");
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
        for raw in ["", "0", "000", "-1", "%2B5", "+5", "1e9", "1.0", "0x10", "ten", "%D9%A3", "1 "]
        {
            let refused = Err("limit: must be a whole number from 1".to_owned());
            assert_eq!(limit(&format!("limit={raw}")), refused, "{raw}");
        }
        assert_eq!(limit("limit=1&limit=1"), Err("limit: must not be repeated".to_owned()));
    }

    proptest! {
        #[test]
        fn arbitrary_input_does_not_panic(query in "[a-c=&%+0-9A-F]{0,40}|.{0,40}") {
            if let Ok(mut parameters) = Parameters::parse(&query) {
                let _ = parameters.limit();
                let _ = parameters.finish(&["a"]);
            }
        }

        #[test]
        fn form_encoding_round_trips(name in "[^\\p{Cc}]{1,10}", value in "[^\\p{Cc}]{0,20}") {
            let query =
                form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
            prop_assert_eq!(parse(&query).take(&name).unwrap(), Some(value));
        }
    }
}
