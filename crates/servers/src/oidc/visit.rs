//! A browser without a window, and the person in front of it.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::PATIENCE;

/// How many pages somebody looks at.
const PAGES: usize = 20;

/// Follows the provider at `address` from `url` on, fills in every form as `name`, and gives the first URL that
/// leads elsewhere.
pub(super) fn sign_in(address: SocketAddr, url: &str, name: &str) -> String {
    let own = format!("http://{address}");
    let path_of = |url: &str| url.strip_prefix(&own).unwrap_or(url).to_owned();
    let mut cookies: Vec<(String, String)> = Vec::new();
    let mut path = path_of(url);
    let mut form = None::<String>;
    for _ in 0..PAGES {
        let method = if form.is_some() { "POST" } else { "GET" };
        let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers =
            [("Cookie", pairs.join("; ")), ("Content-Type", "application/x-www-form-urlencoded".to_owned())];
        let answer = exchange(address, method, &path, &headers, &form.take().unwrap_or_default());
        let answer = answer.expect("the provider answers");
        for cookie in answer.all("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie has a value");
            cookies.retain(|(known, _)| known != name);
            cookies.push((name.to_owned(), value.to_owned()));
        }
        if let Some(place) = answer.all("location").next() {
            path = path_of(place);
            if !path.starts_with('/') {
                return path;
            }
            continue;
        }
        let action = answer.body.split_once("action=\"").and_then(|(_, rest)| rest.split('"').next());
        let action = action.unwrap_or_else(|| panic!("no form at {path}: {} {}", answer.status, answer.body));
        path = path_of(action);
        let is_login = answer.body.contains("value=\"login\"");
        let login = format!("prompt=login&login={name}&password=any");
        form = Some(if is_login { login } else { "prompt=consent".to_owned() });
    }
    panic!("the provider sends its visitors around in circles");
}

pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let found = self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// One request over a connection of its own. A body that comes in chunks keeps their sizes in between.
pub(super) fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: &str,
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").expect("text grows");
    }
    write!(head, "Content-Length: {}\r\n", body.len()).expect("text grows");
    stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let status = status.ok_or(std::io::ErrorKind::InvalidData)?;
    let fields = lines.filter_map(|line| line.split_once(':'));
    let headers = fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    Ok(Answer { status, headers, body: body.to_owned() })
}
