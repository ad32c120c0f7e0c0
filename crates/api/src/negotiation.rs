//! Content negotiation (RFC 9110, section 12.5): the headers `Accept` and `Accept-Encoding`.

use actix_web::http::header::{self, HeaderMap, HeaderName};

use crate::error::Error;
use crate::problem::{Problem, ProblemType};

/// A content coding of responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Zstd,
}

impl Coding {
    /// Returns the coding that a client prefers; `None` if it prefers no coding, or accepts neither
    /// of these.
    pub(crate) fn preferred(headers: &HeaderMap) -> Option<Self> {
        let accepted: Vec<_> = elements(headers, header::ACCEPT_ENCODING)
            .filter_map(|element| {
                let (name, weight) = weighted(&element)?;
                Some((name.to_ascii_lowercase(), weight))
            })
            .collect();
        let weight = |name: &str| {
            accepted.iter().find(|(accepted, _)| accepted == name).map(|(_, weight)| *weight)
        };
        let (gzip, zstd) = (weight("gzip").or_else(|| weight("x-gzip")), weight("zstd"));
        let any = weight("*").unwrap_or(0.0);
        let (gzip, zstd_or_any) = (gzip.unwrap_or(any), zstd.unwrap_or(any));
        // A client that only accepts anything is more likely to know gzip.
        let (coding, weight_of_coding) =
            if zstd_or_any > gzip || zstd.is_some_and(|zstd| zstd >= gzip) {
                (Self::Zstd, zstd_or_any)
            } else {
                (Self::Gzip, gzip)
            };
        let identity = weight("identity").unwrap_or(0.0);
        (weight_of_coding > 0.0 && weight_of_coding >= identity).then_some(coding)
    }

    /// Returns the name in headers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Returns the entity tag of a response in this coding, from that of the response without it.
    pub(crate) fn tag(self, tag: &str) -> String {
        format!("{}-{}\"", tag.strip_suffix('"').unwrap_or(tag), self.name())
    }
}

/// Checks that a client accepts JSON. Without ranges in `Accept` it accepts anything.
///
/// # Errors
/// 406 if it does not.
pub(crate) fn check_accepts_json(headers: &HeaderMap) -> Result<(), Error> {
    let has_elements = elements(headers, header::ACCEPT).next().is_some();
    if !has_elements || weight_of_type(headers, "application", "json") > 0.0 {
        return Ok(());
    }
    let detail = "the response is `application/json`, which `Accept` does not accept";
    Err(Problem::new(ProblemType::NotAcceptable, detail).into())
}

/// Returns whether a client prefers HTML to problems, as browsers do.
pub(crate) fn prefers_html(headers: &HeaderMap) -> bool {
    let json = ["json", "problem+json"];
    let json = json.map(|subtype| weight_of_type(headers, "application", subtype));
    weight_of_type(headers, "text", "html") > json[0].max(json[1])
}

/// Returns the weight of a media type in `Accept`, by the most specific range; 0 without a range.
fn weight_of_type(headers: &HeaderMap, kind: &str, subtype: &str) -> f32 {
    let mut best: Option<(u8, f32)> = None;
    for element in elements(headers, header::ACCEPT) {
        let Some((range, weight)) = weighted(&element) else { continue };
        let range = range.to_ascii_lowercase();
        let specificity = match range.split_once('/') {
            Some((of, "*")) if of == kind => 1,
            Some((of, exactly)) if (of, exactly) == (kind, subtype) => 2,
            Some(("*", "*")) => 0,
            _ => continue,
        };
        if best.is_none_or(|best| (specificity, weight) > best) {
            best = Some((specificity, weight));
        }
    }
    best.map_or(0.0, |(_, weight)| weight)
}

/// Returns the elements of a list in a header, without empty ones.
fn elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = String> {
    headers.get_all(name).flat_map(|value| {
        let value = String::from_utf8_lossy(value.as_bytes());
        let elements = unquoted(&value, ',').map(str::trim).filter(|element| !element.is_empty());
        elements.map(str::to_owned).collect::<Vec<_>>()
    })
}

/// Returns an element of a list without parameters, and its weight; `None` if that is malformed.
fn weighted(element: &str) -> Option<(&str, f32)> {
    let mut parts = unquoted(element, ';').map(str::trim);
    let (item, mut weight) = (parts.next()?, 1.0);
    for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
        if name.trim_end().eq_ignore_ascii_case("q") {
            weight = parse_weight(value)?;
        }
    }
    Some((item, weight))
}

/// Parses a weight from 0 to 1. Some clients send `.2`, which is accepted.
fn parse_weight(text: &str) -> Option<f32> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|weight| is_decimal && *weight <= 1.0)
}

/// Splits a text at a character outside of quoted strings.
fn unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ => {}
        }
        c == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn most_specific_range_decides() {
        let accepts =
            |values: &[&str]| check_accepts_json(&headers(&header::ACCEPT, values)).is_ok();
        for accepted in [
            &[][..],
            &[""],
            &[" , "],
            &["*/*"],
            &["application/*"],
            &["application/json"],
            &["Application/JSON"],
            &["application/json;charset=utf-8"],
            &["application/json; Q=0.001"],
            &["application/json;"],
            &["text/html", "application/json"],
            &["text/html,application/xhtml+xml,*/*;q=0.8"],
            &["text/html, image/gif, *; q=.2, */*; q=.2"],
            &["*/*;q=0, application/json"],
            &["application/*;q=0,application/json;q=0.1"],
            &["text/plain;x=\"a,b;q=0\\\",\", */*"],
            &["\u{fc}, */*"],
        ] {
            assert!(accepts(accepted), "{accepted:?}");
        }
        for refused in [
            &["text/html"][..],
            &["*"],
            &["json"],
            &["application"],
            &["application/"],
            &["application/jsonx"],
            &["application/problem+json"],
            &["application/json;q=0"],
            &["application/json;q=0.000"],
            &["application/json;q=0, */*"],
            &["application/*;q=0", "*/*"],
            &["application/json;q=x"],
            &["application/json;q=2"],
            &["application/json;q=-1"],
            &["application/json;q="],
            &["application/json;q=1e-1"],
            &["application/json;q=inf"],
            &["application/json;q=\"1\""],
            &["application/json q=1"],
            &["\"application/json\""],
            &["\u{fc}"],
        ] {
            assert!(!accepts(refused), "{refused:?}");
        }
    }

    #[test]
    fn browsers_prefer_html() {
        let prefers = |value: &str| prefers_html(&headers(&header::ACCEPT, &[value]));
        for html in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html",
            "text/*",
            "application/json;q=0.9, text/html",
        ] {
            assert!(prefers(html), "{html}");
        }
        for other in [
            "*/*",
            "",
            "application/json",
            "text/html, application/json",
            "text/html;q=0.9, application/problem+json",
            "text/html;q=0, */*",
            "text/html;q=0",
            "image/png",
        ] {
            assert!(!prefers(other), "{other}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn preferred_coding_is_selected() {
        let preferred =
            |value: &str| Coding::preferred(&headers(&header::ACCEPT_ENCODING, &[value]));
        for value in ["zstd", "gzip, deflate, br, zstd", "zstd;q=0.5, gzip;q=0.4", "ZSTD, x-gzip"] {
            assert_eq!(preferred(value), Some(Coding::Zstd), "{value}");
        }
        // Everything but what is named.
        assert_eq!(preferred("gzip;q=0, *"), Some(Coding::Zstd));
        for value in [
            "gzip",
            "x-gzip",
            "GZip;q=0.1",
            "gzip;q=1, zstd;q=0.9",
            "deflate, gzip;q=1.0, *;q=0.5",
            "*",
            "zstd;q=0, *;q=0.1",
            "identity;q=0, *",
            "identity;q=0.5, gzip;q=0.5",
            "zstd;q=x, gzip",
            ",, gzip ,",
        ] {
            assert_eq!(preferred(value), Some(Coding::Gzip), "{value}");
        }
        for value in [
            "",
            "identity",
            "br, deflate",
            "gzip;q=0",
            "*;q=0",
            "identity;q=0",
            "gzip;q=0.5, identity",
            "gzip;q=0, zstd;q=0, *",
            "gzip;q=x",
            "gzip gzip",
            "gzipped",
        ] {
            assert_eq!(preferred(value), None, "{value}");
        }
        let none = Coding::preferred(&HeaderMap::new());
        assert_eq!(none, None);
        let two = headers(&header::ACCEPT_ENCODING, &["br", "gzip"]);
        assert_eq!(Coding::preferred(&two), Some(Coding::Gzip));
    }
}
