//! Writing the heads of responses.

use crate::WebBody;
use crate::download;
use holdfast_registry::OpenDownload;
use http::{Response, StatusCode};
use std::cell::RefCell;
use std::io::Write as _;
use std::time::{Duration, UNIX_EPOCH};

/// The head of any response whose length is known.
pub(super) fn write_head(
    output: &mut Vec<u8>,
    response: &Response<WebBody>,
    is_last: bool,
    unix_seconds: u64,
) {
    let status = response.status();
    write_status(output, status);
    for (name, value) in response.headers() {
        output.extend_from_slice(name.as_str().as_bytes());
        output.extend_from_slice(b": ");
        output.extend_from_slice(value.as_bytes());
        output.extend_from_slice(b"\r\n");
    }
    let length = response.body().length().unwrap_or(0);
    write_end(output, (status != StatusCode::NOT_MODIFIED).then_some(length), is_last, unix_seconds);
}

/// The head for an index file: what `sparse.rs` says, without the map in between.
#[expect(clippy::too_many_arguments, reason = "they are the head")]
pub(super) fn write_index_head(
    output: &mut Vec<u8>,
    etag: &str,
    is_private: bool,
    is_gzip: bool,
    length: usize,
    status: StatusCode,
    is_last: bool,
    unix_seconds: u64,
) {
    const MOST_BYTES: usize = 512;
    output.reserve(MOST_BYTES);
    let is_whole = status != StatusCode::NOT_MODIFIED;
    output.extend_from_slice(if is_whole {
        &b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-content-type-options: nosniff\r\n"[..]
    } else {
        &b"HTTP/1.1 304 Not Modified\r\n"[..]
    });
    output.extend_from_slice(b"vary: Accept-Encoding, Authorization\r\ncache-control: ");
    output.extend_from_slice(if is_private { &b"private"[..] } else { &b"public"[..] });
    output.extend_from_slice(b", no-cache\r\netag: ");
    output.extend_from_slice(etag.as_bytes());
    output.extend_from_slice(b"\r\n");
    if is_gzip {
        output.extend_from_slice(b"content-encoding: gzip\r\n");
    }
    write_end(output, is_whole.then_some(length as u64), is_last, unix_seconds);
}

/// The head for a whole `.crate` file: what `download.rs` says.
pub(super) fn write_file_head(
    output: &mut Vec<u8>,
    found: &OpenDownload,
    name: &str,
    is_last: bool,
    unix_seconds: u64,
) {
    write_status(output, StatusCode::OK);
    output.extend_from_slice(b"accept-ranges: bytes\r\ncache-control: ");
    output.extend_from_slice(download::CACHE_POLICY.as_bytes());
    output.extend_from_slice(b"\r\ncontent-type: application/octet-stream\r\ncontent-disposition: ");
    output.extend_from_slice(name.as_bytes());
    // Writing to a vector does not fail.
    let _ = write!(output, "\r\netag: \"{}\"\r\nx-content-type-options: nosniff\r\n", found.sha256);
    write_end(output, Some(found.file.size_bytes), is_last, unix_seconds);
}

fn write_status(output: &mut Vec<u8>, status: StatusCode) {
    output.extend_from_slice(b"HTTP/1.1 ");
    output.extend_from_slice(status.as_str().as_bytes());
    output.push(b' ');
    output.extend_from_slice(status.canonical_reason().unwrap_or("").as_bytes());
    output.extend_from_slice(b"\r\n");
}

fn write_end(output: &mut Vec<u8>, length: Option<u64>, is_last: bool, unix_seconds: u64) {
    if let Some(length) = length {
        output.extend_from_slice(b"content-length: ");
        output.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
        output.extend_from_slice(b"\r\n");
    }
    if is_last {
        output.extend_from_slice(b"connection: close\r\n");
    }
    output.extend_from_slice(b"date: ");
    write_date(output, unix_seconds);
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
    use bytes::Bytes;
    use http::HeaderValue;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut output = Vec::new();
        write(&mut output);
        String::from_utf8(output).expect("heads are ASCII")
    }

    #[test]
    fn heads_are_written_as_http_wants() {
        let mut response = Response::new(WebBody::Whole(Bytes::from_static(b"abc")));
        response.headers_mut().insert(http::header::ETAG, HeaderValue::from_static("\"a\""));
        let expected = "HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: 3\r\nconnection: close\r\n\
                        date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
        assert_eq!(written(|output| write_head(output, &response, true, 784_111_777)), expected);
        let mut response = Response::new(WebBody::Empty);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        assert!(!written(|output| write_head(output, &response, false, 0)).contains("content-length"));
    }

    #[test]
    fn index_heads_say_what_they_must() {
        let whole = written(|output| {
            write_index_head(output, "\"a\"", true, true, 7, StatusCode::OK, false, 784_111_777);
        });
        insta::assert_snapshot!(whole.replace('\r', ""));
        let unchanged = written(|output| {
            write_index_head(output, "\"a\"", false, false, 0, StatusCode::NOT_MODIFIED, false, 784_111_777);
        });
        insta::assert_snapshot!(unchanged.replace('\r', ""));
    }
}
