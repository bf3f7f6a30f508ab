//! The `Range` header: one range of bytes; everything else is ignored, as RFC 9110 allows.

use http::HeaderMap;
use http::header::{IF_RANGE, RANGE};
use std::ops::Range;

/// What of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it.
    Whole,
    /// Some bytes that it has.
    Part(Range<u64>),
    /// Bytes that it has not.
    Beyond,
}

/// What a request wants of a file of `size_bytes` bytes with a strong entity tag.
pub(crate) fn wanted(headers: &HeaderMap, size_bytes: u64, etag: &str) -> Wanted {
    let Some(range) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else { return Wanted::Whole };
    if headers.get(IF_RANGE).is_some_and(|condition| condition.as_bytes() != etag.as_bytes()) {
        return Wanted::Whole;
    }
    parse(range, size_bytes).unwrap_or(Wanted::Whole)
}

fn parse(text: &str, size_bytes: u64) -> Option<Wanted> {
    let (unit, spec) = text.split_once('=')?;
    let (first, last) = spec.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let range = match (first.is_empty(), last.is_empty()) {
        (true, true) => return None,
        (true, false) => size_bytes.saturating_sub(number(last)?)..size_bytes,
        (false, true) => number(first)?..size_bytes,
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return None;
            }
            first..last.saturating_add(1).min(size_bytes)
        }
    };
    Some(if range.is_empty() { Wanted::Beyond } else { Wanted::Part(range) })
}

/// Digits only; what is too large for a number is beyond every file.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(range: &str, expected: &Wanted) {
        let headers: HeaderMap = [(RANGE, range.parse().expect("a header value"))].into_iter().collect();
        assert_eq!(wanted(&headers, 10, "\"a\""), *expected, "{range}");
    }

    #[test]
    fn one_range_of_bytes() {
        check("bytes=0-0", &Wanted::Part(0..1));
        check("bytes=2-", &Wanted::Part(2..10));
        check("bytes=-3", &Wanted::Part(7..10));
        check("bytes=-99", &Wanted::Part(0..10));
        check("bytes=5-99", &Wanted::Part(5..10));
        check("Bytes=9-99999999999999999999999", &Wanted::Part(9..10));
        for beyond in ["bytes=10-", "bytes=10-11", "bytes=-0", "bytes=99999999999999999999999-"] {
            check(beyond, &Wanted::Beyond);
        }
        for ignored in
            ["bytes=0-1,3-4", "bytes=5-4", "bytes=", "bytes=-", "lines=1-2", "bytes=a-b", "bytes=+1-2", "x"]
        {
            check(ignored, &Wanted::Whole);
        }
    }

    #[test]
    fn only_of_the_file_that_the_client_means() {
        let with = |tag: &'static str| {
            let pairs = [(RANGE, "bytes=0-0"), (IF_RANGE, tag)];
            pairs
                .into_iter()
                .map(|(name, value)| (name, http::HeaderValue::from_static(value)))
                .collect::<HeaderMap>()
        };
        assert_eq!(wanted(&with("\"a\""), 10, "\"a\""), Wanted::Part(0..1));
        for other in ["\"b\"", "W/\"a\"", "Tue, 01 Jan 2030 00:00:00 GMT"] {
            assert_eq!(wanted(&with(other), 10, "\"a\""), Wanted::Whole, "{other}");
        }
    }
}
