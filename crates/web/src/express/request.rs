//! Which requests are plain.

use crate::hot::Hot;
use crate::web::Web;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, HOST, HeaderName, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, Method};

/// A request with more headers is not plain.
const MOST_HEADERS: usize = 32;

/// What the hot functions may ask a request for; other headers mean nothing to them.
static READ_HEADERS: [HeaderName; 11] = [
    AUTHORIZATION,
    IF_NONE_MATCH,
    ACCEPT_ENCODING,
    HOST,
    RANGE,
    IF_RANGE,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
];

/// What the beginning of the input is.
pub(super) enum Head<'a> {
    /// Not yet a whole head.
    Partial,
    /// A plain request.
    Plain(Plain<'a>),
    /// Anything else.
    Other,
}

/// A GET of HTTP/1.1 without a body, for a file of a registry.
pub(super) struct Plain<'a> {
    pub(super) head_bytes: usize,
    pub(super) path: &'a str,
    pub(super) hot: Hot<'a>,
    headers: &'a [httparse::Header<'a>],
}

/// Room for the headers of one request.
pub(super) fn no_headers<'a>() -> [httparse::Header<'a>; MOST_HEADERS] {
    [httparse::EMPTY_HEADER; MOST_HEADERS]
}

/// Looks at what was read.
pub(super) fn parse<'a>(input: &'a [u8], headers: &'a mut [httparse::Header<'a>], web: &Web) -> Head<'a> {
    if input.is_empty() {
        return Head::Partial;
    }
    let mut request = httparse::Request::new(headers);
    let head_bytes = match request.parse(input) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) => return Head::Partial,
        Err(_) => return Head::Other,
    };
    let (Some("GET"), Some(path), Some(1)) = (request.method, request.path, request.version) else {
        return Head::Other;
    };
    let headers: &'a [httparse::Header<'a>] = request.headers;
    if path.contains('?') || headers.iter().any(makes_special) {
        return Head::Other;
    }
    match Hot::of(&Method::GET, web.inner(path)) {
        Some(hot) => Head::Plain(Plain { head_bytes, path, hot, headers }),
        None => Head::Other,
    }
}

/// Whether a header means a body, or an end of the connection: things that the library does. Offers to
/// upgrade are not taken.
fn makes_special(header: &httparse::Header<'_>) -> bool {
    let is = |name: &str| header.name.eq_ignore_ascii_case(name);
    if is("connection") {
        return header.value.to_ascii_lowercase().windows(5).any(|word| word == b"close");
    }
    is("content-length") || is("transfer-encoding") || is("expect")
}

impl Plain<'_> {
    /// The values of a header, in order.
    pub(super) fn values(&self, name: &HeaderName) -> impl Iterator<Item = &[u8]> {
        let named = self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name.as_str()));
        named.map(|header| header.value)
    }

    /// The credentials: `Some(None)` without any, `None` when it is not clear which are meant.
    #[expect(clippy::option_option, reason = "none at all and none that can be told are two things")]
    pub(super) fn authorization(&self) -> Option<Option<&[u8]>> {
        let mut values = self.values(&AUTHORIZATION);
        let first = values.next();
        if values.next().is_some() { None } else { Some(first) }
    }

    /// The headers that the hot functions read.
    pub(super) fn header_map(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(READ_HEADERS.len());
        for header in self.headers {
            let name = READ_HEADERS.iter().find(|name| header.name.eq_ignore_ascii_case(name.as_str()));
            if let (Some(name), Ok(value)) = (name, HeaderValue::from_bytes(header.value)) {
                map.append(name.clone(), value);
            }
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_special(name: &str, value: &str) -> bool {
        makes_special(&httparse::Header { name, value: value.as_bytes() })
    }

    #[test]
    fn bodies_and_ends_are_special() {
        for (name, value) in [
            ("Content-Length", "0"),
            ("transfer-encoding", "chunked"),
            ("Expect", "100-continue"),
            ("Connection", "Keep-Alive, Close"),
        ] {
            assert!(is_special(name, value), "{name}");
        }
        for (name, value) in
            [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("User-Agent", "close")]
        {
            assert!(!is_special(name, value), "{name}");
        }
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let headers = [
            httparse::Header { name: "AUTHORIZATION", value: b"a" },
            httparse::Header { name: "x-other", value: b"b" },
            httparse::Header { name: "If-None-Match", value: b"c" },
            httparse::Header { name: "if-none-match", value: b"d" },
        ];
        let plain = Plain { head_bytes: 0, path: "/", hot: Hot::Config("main"), headers: &headers };
        assert_eq!(plain.authorization(), Some(Some(&b"a"[..])));
        assert_eq!(plain.values(&IF_NONE_MATCH).collect::<Vec<_>>(), [b"c", b"d"]);
        assert_eq!(plain.header_map().len(), 3);
        let twice = [headers[0], headers[0]];
        assert_eq!(Plain { headers: &twice, ..plain }.authorization(), None);
    }
}
