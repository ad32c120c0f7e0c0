//! The public URL of the server.

use std::fmt;
use std::str::FromStr;

/// An `http` or `https` URL without query, fragment or trailing slash, to which paths can be
/// appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicUrl(String);

#[derive(Debug, thiserror::Error)]
#[error("must be an http or https URL without query or fragment, such as https://books.example")]
pub(crate) struct InvalidPublicUrl;

impl FromStr for PublicUrl {
    type Err = InvalidPublicUrl;

    fn from_str(text: &str) -> Result<Self, InvalidPublicUrl> {
        let rest = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"))
            .ok_or(InvalidPublicUrl)?;
        let host = rest.split('/').next().unwrap_or_default();
        let plain = rest
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'@' | b'\\'));
        if host.is_empty() || host.starts_with(':') || !plain {
            return Err(InvalidPublicUrl);
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_slash_is_removed() {
        for (given, parsed) in [
            ("https://books.example", "https://books.example"),
            ("https://books.example/", "https://books.example"),
            ("http://localhost:8080/recto/", "http://localhost:8080/recto"),
        ] {
            assert_eq!(given.parse::<PublicUrl>().unwrap().to_string(), parsed);
        }
    }

    #[test]
    fn invalid_urls_are_refused() {
        for text in [
            "",
            "books.example",
            "ftp://books.example",
            "https://",
            "https:///path",
            "http://:80",
            "https://books.example?x=1",
            "https://books.example/#top",
            "https://user@books.example",
            "https://a b",
        ] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text:?} was accepted");
        }
    }
}
