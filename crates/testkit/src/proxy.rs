//! A reverse proxy between clients and the server: below a path of its own when asked, and writing down every
//! request with its answer.

use crate::http::{Answer, Http};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A running proxy. Dropping it ends it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    target: Mutex<Option<Target>>,
    seen: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

#[derive(Clone, Debug)]
struct Target {
    address: SocketAddr,
    prefix: String,
}

impl Proxy {
    /// A proxy that answers 502 until it is told where the server is.
    pub fn start() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let own = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if own.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let own = own.clone();
                // A client that goes away ends its thread.
                std::thread::spawn(move || own.serve(stream).ok());
            }
        });
        Proxy { address, shared }
    }

    /// Where it listens, as an address without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Passes what comes in below `prefix` (such as `/crates`, or nothing) to the server, without the prefix.
    pub fn forward_to(&self, address: SocketAddr, prefix: &str) {
        *lock(&self.shared.target) = Some(Target { address, prefix: prefix.to_owned() });
    }

    /// What was asked and answered since the last call: `GET /path 200`.
    pub fn take_seen(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.shared.seen))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        TcpStream::connect(self.address).ok();
    }
}

/// A request as it came in.
struct Request {
    method: String,
    path: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut client = BufReader::new(stream);
        while let Some(request) = read_request(&mut client)? {
            let answer = self.forward(&request).unwrap_or_else(|error| refusal(502, &error.to_string()));
            lock(&self.seen).push(format!("{} {} {}", request.method, request.path, answer.status));
            client.get_mut().write_all(&encode(&answer))?;
        }
        Ok(())
    }

    fn forward(&self, request: &Request) -> io::Result<Answer> {
        let target = lock(&self.target).clone().ok_or_else(|| io::Error::other("no server yet"))?;
        let Some(path) = request.path.strip_prefix(&target.prefix) else {
            return Ok(refusal(404, "this proxy has nothing there"));
        };
        let head = format!("{} {path} HTTP/1.1\r\n{}\r\n\r\n", request.method, request.headers.join("\r\n"));
        let mut server = Http::try_connect(target.address)?;
        server.write(&[head.as_bytes(), &request.body].concat())?;
        server.answer()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next request of a connection; none when the client has closed it.
fn read_request(client: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if client.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let (mut headers, mut length, mut expects) = (Vec::new(), 0, false);
    loop {
        let mut line = String::new();
        client.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if lower.starts_with("expect:") {
            expects = true;
        } else {
            headers.push(line.to_owned());
        }
    }
    if expects {
        client.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = vec![0; length];
    client.read_exact(&mut body)?;
    Ok(Some(Request { method, path, headers, body }))
}

fn refusal(status: u16, text: &str) -> Answer {
    Answer { line: String::new(), status, headers: Vec::new(), body: text.as_bytes().to_vec() }
}

fn encode(answer: &Answer) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} -\r\n", answer.status);
    for (name, value) in &answer.headers {
        if !["content-length", "transfer-encoding", "connection"].contains(&name.as_str()) {
            head.extend([name, ": ", value, "\r\n"]);
        }
    }
    if answer.status != 304 {
        head.extend(["content-length: ", &answer.body.len().to_string(), "\r\n"]);
    }
    [head.as_bytes(), b"\r\n", &answer.body].concat()
}
