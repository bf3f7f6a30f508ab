//! A small HTTP/1.1 client on one connection, with every byte under the test's control.

use serde_json::Value;
use std::io::{self, BufRead, BufReader, Error, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long the server may be silent before a test gives up.
const SILENCE: Duration = Duration::from_secs(30);

/// A connection that is used for one request after the other.
#[derive(Debug)]
pub struct Http {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
    token: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked.
    pub line: String,
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body, still in its content encoding.
    pub body: Vec<u8>,
}

impl Http {
    /// Connects, or panics.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Http {
        Http::try_connect(address).unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"))
    }

    /// Connects.
    pub fn try_connect(address: SocketAddr) -> io::Result<Http> {
        let stream = TcpStream::connect_timeout(&address, SILENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        Ok(Http { stream: BufReader::new(stream), address, token: None })
    }

    /// Sends this token with every request.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Http {
        self.token = Some(token.to_owned());
        self
    }

    /// `GET path`, on a new connection when the server has closed this one.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], &[])
    }

    /// `PUT path` with a body.
    #[track_caller]
    pub fn put(&mut self, path: &str, body: &[u8]) -> Answer {
        self.send("PUT", path, &[], body)
    }

    /// `POST path` with JSON.
    #[track_caller]
    pub fn post_json(&mut self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    /// `PUT path` with JSON.
    #[track_caller]
    pub fn put_json(&mut self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    /// `DELETE path` with a body, perhaps empty.
    #[track_caller]
    pub fn delete(&mut self, path: &str, body: &[u8]) -> Answer {
        self.send("DELETE", path, &[], body)
    }

    /// Sends a publish frame.
    #[track_caller]
    pub fn publish(&mut self, registry: &str, frame: &[u8]) -> Answer {
        self.put(&format!("/r/{registry}/api/v1/crates/new"), frame)
    }

    /// Sends any request, or panics. A server may close an idle connection at any time: then there is one
    /// more try on a new one.
    #[track_caller]
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let first = self.try_send(method, path, headers, body);
        let answer = first.or_else(|_| {
            let fresh = Http::try_connect(self.address)?;
            self.stream = fresh.stream;
            self.try_send(method, path, headers, body)
        });
        answer.unwrap_or_else(|error| panic!("no valid answer to `{method} {path}`: {error}"))
    }

    /// Sends any request once. The server may answer before it has the whole body.
    pub fn try_send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let head = self.head(method, path, headers, body.len());
        let sent = self.write(&[head.as_bytes(), body].concat());
        match (self.answer(), sent) {
            (Ok(answer), _) => Ok(Answer { line: format!("{method} {path}"), ..answer }),
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(error),
        }
    }

    /// The head of a request whose body has `length` bytes, for tests that send it in pieces.
    pub fn head(&self, method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        let token = self.token.as_deref().map(|token| ("Authorization", token));
        for (name, value) in token.iter().chain(headers) {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if method != "GET" || length > 0 {
            head.extend(["Content-Length: ", &length.to_string(), "\r\n"]);
        }
        head.push_str("\r\n");
        head
    }

    /// Sends bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Ends the sending half of the connection.
    pub fn end_sending(&mut self) {
        self.stream.get_ref().shutdown(Shutdown::Write).ok();
    }

    /// Reads one answer, passing over interim ones such as `100 Continue`.
    pub fn answer(&mut self) -> io::Result<Answer> {
        loop {
            let answer = self.any_answer()?;
            if answer.status >= 200 {
                return Ok(answer);
            }
        }
    }

    /// How long the server may be silent from now on; half a minute otherwise.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Http {
        self.stream.get_ref().set_read_timeout(Some(patience)).expect("a socket takes a time limit");
        self
    }

    /// Reads one answer, which may be an interim one, and gives its status.
    pub fn interim(&mut self) -> io::Result<u16> {
        self.any_answer().map(|answer| answer.status)
    }

    /// Reads everything until the server closes the connection.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(rest),
            result => result.map(|_| rest),
        }
    }

    fn any_answer(&mut self) -> io::Result<Answer> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| invalid(&line))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| invalid(&line))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { line: String::new(), status, headers, body: Vec::new() };
        if status >= 200 && status != 204 && status != 304 {
            answer.body = self.body(&answer)?;
        }
        Ok(answer)
    }

    fn body(&mut self, answer: &Answer) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if let Some(length) = answer.header("content-length") {
            body.resize(length.parse().map_err(|_| invalid(length))?, 0);
            self.stream.read_exact(&mut body)?;
        } else if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let line = self.line()?;
                let length = usize::from_str_radix(&line, 16).map_err(|_| invalid(&line))?;
                let start = body.len();
                body.resize(start + length, 0);
                self.stream.read_exact(&mut body[start..])?;
                self.line()?;
                if length == 0 {
                    break;
                }
            }
        }
        Ok(body)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line)? == 0 {
            return Err(Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
        }
        Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }
}

impl Answer {
    /// The header `name`, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, or panics.
    #[track_caller]
    pub fn json(&self) -> Value {
        let parsed = serde_json::from_slice(&self.body);
        parsed.unwrap_or_else(|error| panic!("`{}` answered no JSON ({error}): {}", self.line, self.text()))
    }

    /// The sentence of an error as cargo would print it, or panics.
    #[track_caller]
    pub fn sentence(&self) -> String {
        let detail = self.json()["errors"][0]["detail"].as_str().map(str::to_owned);
        let detail = detail.filter(|detail| !detail.is_empty());
        detail.unwrap_or_else(|| {
            panic!("`{}` answered {} without a sentence: {}", self.line, self.status, self.text())
        })
    }

    /// This answer, or panics when its status is another.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "`{}` answered {} with `{}`", self.line, self.status, self.text());
        self
    }

    /// The index lines in the body, or panics.
    #[track_caller]
    pub fn index_lines(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.text().lines().map(parse).collect()
    }
}

fn invalid(text: &str) -> Error {
    Error::new(io::ErrorKind::InvalidData, format!("`{text}` is no HTTP"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;
    use std::net::TcpListener;

    /// Answers one request with `reply` and gives back what the client made of it.
    fn exchange(reply: &'static str) -> io::Result<Answer> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(reply.as_bytes()).unwrap();
            String::from_utf8(request[..length].to_vec()).unwrap()
        });
        let answer = Http::connect(address).with_token("t").try_send("PUT", "/x", &[("A", "b")], b"hi");
        let request = server.join().unwrap();
        let expected = "\r\nAuthorization: t\r\nA: b\r\nContent-Length: 2\r\n\r\nhi";
        assert!(request.starts_with("PUT /x HTTP/1.1\r\nHost: ") && request.ends_with(expected), "{request}");
        answer
    }

    #[test]
    fn bodies_by_length_in_chunks_and_absent() {
        let answer = exchange("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: \"a\"\r\n\r\nhi").unwrap();
        assert_eq!((answer.status, answer.header("etag"), answer.text()), (200, Some("\"a\""), "hi".into()));
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n";
        assert_eq!(exchange(chunked).unwrap().body, b"hi!");
        assert_eq!(exchange("HTTP/1.1 304 Not Modified\r\n\r\n").unwrap().status, 304);
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(exchange(interim).unwrap().status, 201);
    }

    #[test]
    fn a_cut_answer_is_an_error() {
        assert!(exchange("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi").is_err());
        assert!(exchange("nonsense\r\n\r\n").is_err());
        assert!(exchange("").is_err());
    }
}
