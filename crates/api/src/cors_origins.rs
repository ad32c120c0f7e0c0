//! The origins whose pages may call the API from a browser.

use std::fmt;
use std::str::FromStr;

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use url::Url;

/// The origins whose pages may call the API from a browser; by default there are none.
///
/// ```
/// use recto_api::CorsOrigins;
///
/// let origins: CorsOrigins = "https://app.example.org, http://localhost:5173".parse()?;
/// assert_eq!(origins.to_string(), "https://app.example.org,http://localhost:5173");
/// assert!("*".parse::<CorsOrigins>().is_ok());
/// assert!("https://app.example.org/".parse::<CorsOrigins>().is_err());
/// # Ok::<(), recto_api::InvalidOrigin>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CorsOrigins(Origins);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origins {
    All,
    Listed(Vec<String>),
}

impl Default for Origins {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

/// The error of an entry that is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an origin such as https://app.example.org: http or https, a host in lower case, \
     and a port unless it is the default, without a path or a slash at the end; `*` alone is all origins"
)]
pub struct InvalidOrigin(String);

impl CorsOrigins {
    /// Returns whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(&self.0, Origins::Listed(listed) if listed.is_empty())
    }

    /// Returns whether every origin is allowed.
    pub(crate) fn is_all(&self) -> bool {
        self.0 == Origins::All
    }

    /// Returns the value of `Access-Control-Allow-Origin` for a request, if its origin is allowed.
    pub(crate) fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(header::ORIGIN)?;
        match &self.0 {
            Origins::All => Some(HeaderValue::from_static("*")),
            Origins::Listed(listed) => {
                listed.iter().any(|listed| listed == origin).then(|| origin.clone())
            }
        }
    }
}

impl FromStr for CorsOrigins {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        if text.trim() == "*" {
            return Ok(Self(Origins::All));
        }
        let origins = text.split(',').map(str::trim).map(parse_origin);
        Ok(Self(Origins::Listed(origins.collect::<Result<_, _>>()?)))
    }
}

/// Checks an origin, which must be written as browsers send it.
fn parse_origin(text: &str) -> Result<String, InvalidOrigin> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let origin = url.map(|url| url.origin().ascii_serialization());
    // A host may have a `*`, but no origin of a browser does.
    origin
        .filter(|origin| origin == text && !text.contains('*'))
        .ok_or_else(|| InvalidOrigin(text.to_owned()))
}

impl fmt::Display for CorsOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Origins::All => f.write_str("*"),
            Origins::Listed(listed) => f.write_str(&listed.join(",")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_are_accepted() {
        for text in [
            "*",
            "https://app.example.org",
            "http://localhost:5173",
            "http://127.0.0.1:8080,https://[2001:db8::1]",
            "https://xn--bcher-kva.example",
        ] {
            assert_eq!(text.parse::<CorsOrigins>().unwrap().to_string(), text);
        }
        for text in [
            "",
            ",",
            "null",
            "app.example.org",
            "//app.example.org",
            "https://",
            "https://app.example.org/",
            "https://app.example.org/path",
            "https://app.example.org?x",
            "https://app.example.org#x",
            "https://app.example.org:443",
            "https://App.example.org",
            "HTTPS://app.example.org",
            "https://user@app.example.org",
            "https://*.example.org",
            "https://b\u{fc}cher.example",
            "https://app.example.org,",
            "https://app.example.org,*",
            "https://app.example.org https://b.example",
            "file:///etc",
            "ftp://app.example.org",
        ] {
            assert!(text.parse::<CorsOrigins>().is_err(), "{text}");
        }
        let error = "a,b".parse::<CorsOrigins>().unwrap_err();
        assert!(error.to_string().starts_with("`a` is not an origin"), "{error}");
    }
}
