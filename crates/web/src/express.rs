//! The express lane: a connection's plain reads, answered without the HTTP library.
//!
//! Cargo sends index and download requests by the hundred over one or two connections, and the library's
//! general way costs more than everything that we do for one. So each connection begins here: a request that
//! is [`Hot`] and plain (GET, HTTP/1.1, no body) is answered by the same functions as everywhere, and written
//! in one system call. At the first request that is anything else, the connection goes over to the library
//! for good, together with the bytes that were already read. The library's own parser is used here too.

use crate::hot::Hot;
use crate::pulse::{Beat, Pulse};
use crate::serve::Server;
use crate::{WebBody, web::Web};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, FORWARDED, HOST, HeaderName, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, interval_at};

/// A request with more headers is not plain.
const MOST_HEADERS: usize = 32;
/// Larger heads are not plain.
const MOST_HEAD_BYTES: usize = 8 * 1024;

/// What the hot functions may ask a request for; other headers mean nothing to them.
const READ_HEADERS: [HeaderName; 12] = [
    AUTHORIZATION,
    IF_NONE_MATCH,
    ACCEPT_ENCODING,
    HOST,
    RANGE,
    IF_RANGE,
    FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
];

/// How the lane ended.
pub(crate) enum End {
    /// The connection is over.
    Closed,
    /// The next request, which begins with these bytes, is for the library.
    GoesOver(TcpStream, Bytes),
}

/// A connection in the lane.
struct Lane<'a> {
    server: &'a Server,
    pulse: &'a Pulse,
    stream: TcpStream,
    input: BytesMut,
    output: Vec<u8>,
    headers: HeaderMap,
    looks: Interval,
    last: Beat,
    /// Whether a request was just answered, after which the timers need not be asked again.
    is_fresh: bool,
}

/// What the beginning of the input is.
enum Head {
    /// Not yet a whole head.
    Partial,
    /// A plain request: the length of its head and of its path, which follows `GET `.
    Plain { bytes: usize, path_bytes: usize },
    /// Anything else.
    Other,
}

/// Answers plain reads until the connection ends or something else comes.
pub(crate) async fn run(
    server: &Server,
    pulse: &Pulse,
    peer: Option<IpAddr>,
    stream: TcpStream,
) -> io::Result<End> {
    let idle = server.options.idle_timeout;
    let mut lane = Lane {
        server,
        pulse,
        stream,
        input: BytesMut::with_capacity(1024),
        output: Vec::with_capacity(512),
        headers: HeaderMap::with_capacity(READ_HEADERS.len()),
        looks: interval_at(Instant::now() + idle, idle),
        last: Beat::default(),
        is_fresh: false,
    };
    let mut is_ending = server.is_ending.clone();
    let mut ending = pin!(async move {
        // An error means that whoever would tell is gone.
        let _ = is_ending.wait_for(|is_ending| *is_ending).await;
    });
    loop {
        match lane.parse() {
            Head::Partial if lane.input.len() < MOST_HEAD_BYTES => {
                if !lane.read(ending.as_mut()).await? {
                    return Ok(End::Closed);
                }
            }
            Head::Plain { bytes, path_bytes } => {
                let head = lane.input.split_to(bytes);
                let path = std::str::from_utf8(&head[4..4 + path_bytes]).unwrap_or_default();
                if !lane.answer(&server.web, peer, path).await? {
                    return Ok(End::Closed);
                }
            }
            Head::Partial | Head::Other => return Ok(End::GoesOver(lane.stream, lane.input.freeze())),
        }
    }
}

impl Lane<'_> {
    /// Looks at the input, and takes out the headers of a plain request.
    fn parse(&mut self) -> Head {
        if self.input.is_empty() {
            return Head::Partial;
        }
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let bytes = match request.parse(&self.input) {
            Ok(httparse::Status::Complete(bytes)) => bytes,
            Ok(httparse::Status::Partial) => return Head::Partial,
            Err(_) => return Head::Other,
        };
        let (Some("GET"), Some(path), Some(1)) = (request.method, request.path, request.version) else {
            return Head::Other;
        };
        // The path follows at once in every request line that this way is made for.
        let is_in_place = self.input.get(4..4 + path.len()).is_some_and(|place| place == path.as_bytes());
        if !is_in_place || path.contains('?') || Hot::of(&Method::GET, self.server.web.inner(path)).is_none()
        {
            return Head::Other;
        }
        self.headers.clear();
        for header in request.headers.iter() {
            if !take(&mut self.headers, header) {
                return Head::Other;
            }
        }
        Head::Plain { bytes, path_bytes: path.len() }
    }

    /// Reads more; `false` when there is no more, the client stood still, or the server ends.
    async fn read(&mut self, mut ending: Pin<&mut impl Future<Output = ()>>) -> io::Result<bool> {
        let Lane { server, pulse, stream, input, looks, last, is_fresh, .. } = self;
        let is_idle = input.is_empty();
        if server.has_ended() && is_idle {
            return Ok(false);
        }
        let mut read = pin!(stream.read_buf(input));
        std::future::poll_fn(|context| {
            if let Poll::Ready(read) = read.as_mut().poll(context) {
                return Poll::Ready(read.map(|bytes| bytes > 0));
            }
            // The timers know this task since they were first asked. They need an ear only when something
            // woke it that was no data.
            if std::mem::take(is_fresh) {
                return Poll::Pending;
            }
            while looks.poll_tick(context).is_ready() {
                if pulse.has_stopped(last) {
                    return Poll::Ready(Ok(false));
                }
            }
            if !server.has_ended() && ending.as_mut().poll(context).is_ready() && is_idle {
                return Poll::Ready(Ok(false));
            }
            Poll::Pending
        })
        .await
    }

    /// Answers a request; `false` when the connection ends with it.
    async fn answer(&mut self, web: &Web, peer: Option<IpAddr>, path: &str) -> io::Result<bool> {
        let Some(hot) = Hot::of(&Method::GET, web.inner(path)) else { return Ok(false) };
        self.pulse.asked();
        // The address of the server is in the headers: a plain request names a path only.
        let uri = Uri::from_static("/");
        let response = web.answer_hot(peer, hot, &Method::GET, path, &uri, &self.headers).await;
        self.pulse.answered();
        self.is_fresh = true;
        let is_last = self.server.has_ended();
        let millis = web.unix_millis();
        write_head(&mut self.output, &response, millis, is_last);
        let (_, body) = response.into_parts();
        match body {
            WebBody::Empty | WebBody::Routed(_) => self.send(Bytes::new()).await?,
            WebBody::Whole(bytes) => self.send(bytes).await?,
            WebBody::Chunks(mut chunks) => {
                self.send(Bytes::new()).await?;
                while let Some(chunk) = chunks.next().await {
                    let chunk = chunk.map_err(io::Error::other)?;
                    self.send(chunk).await?;
                }
            }
        }
        Ok(!is_last)
    }

    /// Sends what is in the output, and then some bytes, with as few system calls as it takes.
    async fn send(&mut self, mut body: Bytes) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.output.len() {
            let parts = [IoSlice::new(&self.output[sent..]), IoSlice::new(&body)];
            let bytes = self.stream.write_vectored(&parts).await?;
            if bytes == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.pulse.sent(bytes);
            let of_head = bytes.min(self.output.len() - sent);
            sent += of_head;
            body.advance(bytes - of_head);
        }
        self.output.clear();
        while body.has_remaining() {
            let bytes = self.stream.write(&body).await?;
            if bytes == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.pulse.sent(bytes);
            body.advance(bytes);
        }
        Ok(())
    }
}

/// Keeps a header that the hot functions read; `false` for one that makes the request not plain.
fn take(headers: &mut HeaderMap, header: &httparse::Header<'_>) -> bool {
    let is = |name: &str| header.name.eq_ignore_ascii_case(name);
    if is("content-length") || is("transfer-encoding") || is("expect") {
        return false;
    }
    if is("connection") {
        // Offers to upgrade are not taken; a wish to close is for the library.
        return !header.value.to_ascii_lowercase().windows(5).any(|word| word == b"close");
    }
    if let Some(name) = READ_HEADERS.iter().find(|name| is(name.as_str())) {
        let Ok(value) = HeaderValue::from_bytes(header.value) else { return false };
        headers.append(name.clone(), value);
        return true;
    }
    true
}

fn write_head(output: &mut Vec<u8>, response: &Response<WebBody>, unix_millis: u64, is_last: bool) {
    let status = response.status();
    output.extend_from_slice(b"HTTP/1.1 ");
    output.extend_from_slice(status.as_str().as_bytes());
    output.push(b' ');
    output.extend_from_slice(status.canonical_reason().unwrap_or("").as_bytes());
    for (name, value) in response.headers() {
        output.extend_from_slice(b"\r\n");
        output.extend_from_slice(name.as_str().as_bytes());
        output.extend_from_slice(b": ");
        output.extend_from_slice(value.as_bytes());
    }
    if status != StatusCode::NOT_MODIFIED {
        output.extend_from_slice(b"\r\ncontent-length: ");
        let length = response.body().length().unwrap_or(0);
        output.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    }
    if is_last {
        output.extend_from_slice(b"\r\nconnection: close");
    }
    output.extend_from_slice(b"\r\ndate: ");
    write_date(output, unix_millis / 1000);
    output.extend_from_slice(b"\r\n\r\n");
}

/// The date in HTTP's form, made once a second.
fn write_date(output: &mut Vec<u8>, unix_seconds: u64) {
    thread_local!(static DATE: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) });
    DATE.with_borrow_mut(|(second, text)| {
        if *second != unix_seconds {
            *second = unix_seconds;
            *text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(unix_seconds));
        }
        output.extend_from_slice(text.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, value: &'static str) -> (bool, HeaderMap) {
        let mut headers = HeaderMap::new();
        let plain = take(&mut headers, &httparse::Header { name, value: value.as_bytes() });
        (plain, headers)
    }

    #[test]
    fn plain_requests_are_told_from_others() {
        for (name, value) in [
            ("Content-Length", "0"),
            ("transfer-encoding", "chunked"),
            ("Expect", "100-continue"),
            ("Connection", "Keep-Alive, Close"),
        ] {
            assert!(!header(name, value).0, "{name}");
        }
        for (name, value) in
            [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("User-Agent", "cargo")]
        {
            let (plain, headers) = header(name, value);
            assert!(plain && headers.is_empty(), "{name}");
        }
        let (plain, headers) = header("AUTHORIZATION", "secret");
        assert!(plain && headers[AUTHORIZATION] == "secret");
    }

    #[test]
    fn heads_are_written_as_http_wants() {
        let mut response = Response::new(WebBody::Whole(Bytes::from_static(b"abc")));
        response.headers_mut().insert(http::header::ETAG, HeaderValue::from_static("\"a\""));
        let mut output = Vec::new();
        write_head(&mut output, &response, 784_111_777_000, true);
        let expected = "HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: 3\r\nconnection: close\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&output), expected);
        let mut response = Response::new(WebBody::Empty);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        output.clear();
        write_head(&mut output, &response, 784_111_777_999, false);
        assert!(!String::from_utf8_lossy(&output).contains("content-length"));
    }
}
