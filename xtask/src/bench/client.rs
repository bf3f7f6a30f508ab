//! A small HTTP/1.1 client on one keep-alive connection: the bench must time the server, not a library.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A connection that is used for one request after the other.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, still in its content encoding.
    pub body: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Answer {
    /// The header `name`, given in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// This answer, or an error that shows it when its status is not `status`.
    pub(super) fn expect(self, status: u16, what: &str) -> Result<Answer> {
        if self.status != status {
            let body = String::from_utf8_lossy(&self.body);
            bail!("{what}: expected {status}, got {} with `{}`", self.status, body.trim());
        }
        Ok(self)
    }
}

impl Client {
    /// Connects to `address`.
    pub(super) fn connect(address: SocketAddr) -> Result<Client> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        Ok(Client { stream: BufReader::with_capacity(64 * 1024, stream), address })
    }

    /// `GET path` with `headers`.
    pub(super) fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        self.send("GET", path, headers, &[])
    }

    /// `PUT path` with `headers` and `body`.
    pub(super) fn put(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer> {
        self.send("PUT", path, headers, body)
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        if method != "GET" {
            request.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
        }
        request.push_str("\r\n");
        // One write, so that head and body never wait for each other.
        let bytes = [request.as_bytes(), body].concat();
        self.stream.get_mut().write_all(&bytes).context("cannot send a request")?;
        self.read_answer().with_context(|| format!("no valid answer to `{method} {path}`"))
    }

    fn read_answer(&mut self) -> Result<Answer> {
        let line = self.read_line()?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("`{line}` is not a status line"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').with_context(|| format!("`{line}` is not a header"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, body: Vec::new(), headers };
        if status != 304 && status != 204 {
            answer.body = self.read_body(&answer)?;
        }
        Ok(answer)
    }

    fn read_body(&mut self, answer: &Answer) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        if let Some(length) = answer.header("content-length") {
            body.resize(length.parse()?, 0);
            self.stream.read_exact(&mut body)?;
        } else if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let length = usize::from_str_radix(&self.read_line()?, 16)?;
                let start = body.len();
                body.resize(start + length, 0);
                self.stream.read_exact(&mut body[start..])?;
                self.read_line()?;
                if length == 0 {
                    break;
                }
            }
        }
        Ok(body)
    }

    fn read_line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("the connection was closed");
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::Client;

    /// Answers one request with `reply` and gives back what the client made of it.
    fn exchange(reply: &'static str) -> anyhow::Result<super::Answer> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut request = [0; 1024];
            let length = stream.read(&mut request).expect("a request");
            assert!(request[..length].starts_with(b"GET /x HTTP/1.1\r\n"));
            stream.write_all(reply.as_bytes()).expect("sent");
        });
        let answer = Client::connect(address)?.get("/x", &[("Accept", "*/*")]);
        server.join().expect("the server ended");
        answer
    }

    #[test]
    fn bodies_by_length_in_chunks_and_absent() {
        let by_length =
            exchange("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: \"a\"\r\n\r\nhi").expect("valid");
        assert_eq!((by_length.status, by_length.header("etag")), (200, Some("\"a\"")));
        assert_eq!(by_length.body, b"hi");
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n";
        assert_eq!(exchange(chunked).expect("valid").body, b"hi!");
        assert_eq!(exchange("HTTP/1.1 304 Not Modified\r\n\r\n").expect("valid").status, 304);
    }

    #[test]
    fn a_cut_answer_is_an_error() {
        assert!(exchange("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi").is_err());
        assert!(exchange("nonsense\r\n\r\n").is_err());
    }
}
