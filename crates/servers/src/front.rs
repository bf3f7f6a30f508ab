//! An HTTP proxy in front of a server, which misbehaves as a test tells it: answers of its own, lost and
//! truncated answers, silence.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::PATIENCE;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its first line.
    pub line: String,
    /// The lines of its head, after the first.
    pub head: Vec<String>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header, whose name is given in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.iter().filter_map(|line| line.split_once(':'));
        fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// The server answers it.
    Forward,
    /// The server gets it; this is done with its answer, head and body, before it is given back.
    Change(fn(Vec<u8>) -> Vec<u8>),
    /// The server gets it, and its answer is lost.
    Lose,
    /// The server does not get it: this status and body are the answer.
    Answer(u16, String),
    /// The server does not get it, and nobody answers.
    Hang,
}

type Script = Box<dyn FnMut(&Request) -> Act + Send>;

/// The proxy. It lives until the process ends.
pub struct Front {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl Front {
    /// Listens in front of `server` and forwards everything.
    pub fn before(server: SocketAddr) -> Front {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(|_| Act::Forward)));
        let acts = script.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let acts = acts.clone();
                // What goes wrong on one connection is for its two sides to notice.
                std::thread::spawn(move || serve(stream, server, &acts).ok());
            }
        });
        Front { address, script }
    }

    /// In front of nothing: every request must be answered by the script.
    pub fn alone() -> Front {
        Front::before((Ipv4Addr::LOCALHOST, 1).into())
    }

    /// Decides from now on what becomes of each request.
    pub fn script(&self, script: impl FnMut(&Request) -> Act + Send + 'static) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(script);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// One request of one connection.
fn serve(mut client: TcpStream, server: SocketAddr, script: &Mutex<Script>) -> std::io::Result<()> {
    let request = read_request(&mut client)?;
    let act = (script.lock().unwrap_or_else(PoisonError::into_inner))(&request);
    match act {
        Act::Forward => client.write_all(&forward(&request, server)?),
        Act::Change(change) => client.write_all(&change(forward(&request, server)?)),
        Act::Lose => forward(&request, server).map(|_| ()),
        Act::Answer(status, body) => {
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status} So\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            client.write_all(&[head.as_bytes(), body.as_bytes()].concat())
        }
        // Until the client has enough of it.
        Act::Hang => client.read_to_end(&mut Vec::new()).map(|_| ()),
    }
}

fn read_request(client: &mut TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(client);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let line = lines.remove(0);
    let mut request = Request { line, head: lines, body: Vec::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    if request.header("expect").is_some() {
        reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body)?;
    Ok(request)
}

/// The whole answer of the server, after which it closes.
fn forward(request: &Request, server: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let is_kept = |line: &&String| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        name != "connection" && name != "expect"
    };
    let mut head = format!("{}\r\n", request.line);
    for line in request.head.iter().filter(is_kept) {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head.push_str("Connection: close\r\n\r\n");
    stream.write_all(&[head.as_bytes(), &request.body].concat())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}
