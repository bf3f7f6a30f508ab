//! What a client says it has and understands: `If-None-Match` and `Accept-Encoding`.

use http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue};

/// Whether the client has the entity with this (strong) tag already. Compared weakly, as RFC 9110 says for
/// GET: proxies that compress turn strong tags into weak ones.
pub(crate) fn has_already(headers: &HeaderMap, etag: &str) -> bool {
    headers.get_all(IF_NONE_MATCH).iter().any(|value| names(value.as_bytes(), etag))
}

/// Whether one `If-None-Match` names a tag.
pub(crate) fn names(value: &[u8], etag: &str) -> bool {
    value == etag.as_bytes() || value.split(|byte| *byte == b',').any(|one| matches(one.trim_ascii(), etag))
}

fn matches(candidate: &[u8], etag: &str) -> bool {
    let opaque = candidate.strip_prefix(b"W/").unwrap_or(candidate);
    opaque == etag.as_bytes() || candidate == b"*"
}

/// Whether the client takes gzip. Nothing is compressed unless it is asked for.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    lists_gzip(headers.get_all(ACCEPT_ENCODING).iter().map(HeaderValue::as_bytes))
}

/// Whether values of `Accept-Encoding` allow gzip.
pub(crate) fn lists_gzip<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let mut any = false;
    for value in values {
        for coding in std::str::from_utf8(value).unwrap_or_default().split(',') {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            match name.trim() {
                name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
                    return !is_zero(weight);
                }
                "*" => any = !is_zero(weight),
                _ => {}
            }
        }
    }
    any
}

/// Whether a weight like `q=0.5` is nothing.
fn is_zero(weight: &str) -> bool {
    let weight = weight.trim();
    let value = weight.strip_prefix("q=").or_else(|| weight.strip_prefix("Q="));
    value.is_some_and(|value| value.trim().bytes().all(|byte| byte == b'0' || byte == b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &http::HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn tags_compare_weakly() {
        for values in [
            &["\"a\""][..],
            &["W/\"a\""],
            &["\"b\", \"a\""],
            &["\"b\"", "W/\"a\""],
            &["*"],
            &["\"x,y\" , \"a\" "],
        ] {
            assert!(has_already(&headers(&IF_NONE_MATCH, values), "\"a\""), "{values:?}");
        }
        for values in [&[][..], &["\"b\""], &["a"], &["w/\"a\""], &["\"*\""], &[""]] {
            assert!(!has_already(&headers(&IF_NONE_MATCH, values), "\"a\""), "{values:?}");
        }
    }

    #[test]
    fn gzip_only_when_asked_for() {
        for values in [
            &["deflate, gzip"][..],
            &["GZIP"],
            &["x-gzip;q=0.1"],
            &["*"],
            &["br", "gzip"],
            &["*;q=0, gzip;q=1"],
        ] {
            assert!(accepts_gzip(&headers(&ACCEPT_ENCODING, values)), "{values:?}");
        }
        for values in [
            &[][..],
            &[""],
            &["br"],
            &["gzip;q=0"],
            &["gzip; q=0.000"],
            &["*;q=0"],
            &["*, gzip;q=0"],
            &["identity"],
        ] {
            assert!(!accepts_gzip(&headers(&ACCEPT_ENCODING, values)), "{values:?}");
        }
    }
}
