//! Which requests are plain.

use crate::hot::Hot;
use crate::web::Web;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, HOST, HeaderName, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue};
use std::mem::MaybeUninit;

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
    /// A plain request, but for its path, which was not looked at closely.
    Plain(Plain<'a>),
    /// Anything else.
    Other,
}

/// A GET of HTTP/1.1 without a body, for a file of a registry.
pub(super) struct Plain<'a> {
    pub(super) head: &'a [u8],
    pub(super) path: &'a str,
    pub(super) hot: Hot<'a>,
    pub(super) fields: Fields<'a>,
}

/// What the lane itself reads of the headers.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Fields<'a> {
    pub(super) authorization: Option<&'a [u8]>,
    pub(super) if_none_match: Option<&'a [u8]>,
    pub(super) accept_encoding: Option<&'a [u8]>,
    pub(super) range: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
}

/// Looks at what was read.
pub(super) fn parse<'a>(input: &'a [u8], web: &Web) -> Head<'a> {
    if input.is_empty() {
        return Head::Partial;
    }
    let mut room = room();
    let mut request = httparse::Request::new(&mut []);
    let head_bytes = match request.parse_with_uninit_headers(input, &mut room) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) => return Head::Partial,
        Err(_) => return Head::Other,
    };
    let (Some("GET"), Some(path), Some(1)) = (request.method, request.path, request.version) else {
        return Head::Other;
    };
    match (Hot::at_first_sight(web.inner(path)), Fields::of(request.headers)) {
        (Some(hot), Some(fields)) => Head::Plain(Plain { head: &input[..head_bytes], path, hot, fields }),
        _ => Head::Other,
    }
}

/// Room for the headers of one request, which costs nothing to make where it is used.
#[inline]
fn room<'a>() -> [MaybeUninit<httparse::Header<'a>>; MOST_HEADERS] {
    [const { MaybeUninit::uninit() }; MOST_HEADERS]
}

impl<'a> Fields<'a> {
    /// Reads the headers in one pass. `None` when one means a body or the end of the connection, which the
    /// library knows how to treat, or when one comes twice. Offers to upgrade are not taken.
    fn of(headers: &[httparse::Header<'a>]) -> Option<Fields<'a>> {
        let mut fields = Fields::default();
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            let field = if is("host") {
                &mut fields.host
            } else if is("authorization") {
                &mut fields.authorization
            } else if is("if-none-match") {
                &mut fields.if_none_match
            } else if is("accept-encoding") {
                &mut fields.accept_encoding
            } else if is("range") {
                &mut fields.range
            } else if is("content-length")
                || is("transfer-encoding")
                || is("expect")
                || (is("connection") && says_close(header.value))
            {
                return None;
            } else {
                continue;
            };
            if field.replace(header.value).is_some() {
                return None;
            }
        }
        Some(fields)
    }
}

fn says_close(connection: &[u8]) -> bool {
    connection.windows(5).any(|word| word.eq_ignore_ascii_case(b"close"))
}

impl Plain<'_> {
    /// The headers that the hot functions read. The head is parsed once more: few requests need this, and the
    /// others need not keep room for it.
    pub(super) fn header_map(&self) -> HeaderMap {
        let (mut room, mut request) = (room(), httparse::Request::new(&mut []));
        let mut map = HeaderMap::with_capacity(READ_HEADERS.len());
        if request.parse_with_uninit_headers(self.head, &mut room).is_err() {
            return map;
        }
        for header in request.headers {
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

    fn header(name: &'static str, value: &'static str) -> httparse::Header<'static> {
        httparse::Header { name, value: value.as_bytes() }
    }

    #[test]
    fn bodies_ends_and_doubles_are_special() {
        for (name, value) in [
            ("Content-Length", "0"),
            ("transfer-encoding", "chunked"),
            ("Expect", "100-continue"),
            ("Connection", "Keep-Alive, Close"),
        ] {
            assert_eq!(Fields::of(&[header(name, value)]), None, "{name}");
        }
        for name in ["host", "authorization", "if-none-match", "accept-encoding", "range"] {
            let twice = [header(name, "a"), header(name, "a")];
            assert_eq!(Fields::of(&twice), None, "{name}");
        }
        for (name, value) in
            [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("User-Agent", "close")]
        {
            assert_eq!(Fields::of(&[header(name, value)]), Some(Fields::default()), "{name}");
        }
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let headers = [
            header("AUTHORIZATION", "a"),
            header("x-other", "b"),
            header("If-None-Match", "c"),
            header("accept-encoding", "d"),
            header("Range", "e"),
        ];
        let fields = Fields::of(&headers).expect("they are plain");
        let values = [fields.authorization, fields.if_none_match, fields.accept_encoding, fields.range];
        assert_eq!(values, [b"a", b"c", b"d", b"e"].map(|value| Some(&value[..])));
        let head = b"GET / HTTP/1.1\r\nhost: a\r\nX-Other: b\r\nRANGE: c\r\n\r\n";
        let plain = Plain { head, path: "/", hot: Hot::Config("main"), fields };
        assert_eq!(plain.header_map().len(), 2);
    }
}
