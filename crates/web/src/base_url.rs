//! Where clients reach this server: what is configured, else what the request says. `X-Forwarded-*` headers count
//! only when the peer is a trusted proxy. `Forwarded` (RFC 7239) never counts: proxies that set one family of
//! headers pass the other on as the client wrote it, so only one can be believed.

use crate::settings::WebSettings;
use holdfast_types::RegistryName;
use http::header::HOST;
use http::{HeaderMap, Uri};
use std::fmt;
use std::net::IpAddr;

/// The address of the server as its clients write it: scheme, host and perhaps a path, without a slash at
/// the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// The base of addresses in answers to a request; `None` when the request names no usable host.
    pub fn of(
        uri: &Uri,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        settings: &WebSettings,
    ) -> Option<BaseUrl> {
        if let Some(configured) = &settings.public_url {
            return Some(BaseUrl(configured.clone()));
        }
        let is_trusted = peer.is_some_and(|peer| (settings.is_trusted_proxy)(peer));
        let forwarded = if is_trusted { Forwarded::read(headers) } else { Forwarded::default() };
        let named = forwarded.host.or_else(|| uri.authority().map(http::uri::Authority::as_str));
        // Of two that were sent, a proxy may have meant the other.
        let mut sent = headers.get_all(HOST).iter();
        let sent = sent.next().filter(|_| sent.next().is_none());
        let host = named.or_else(|| sent?.to_str().ok()).filter(|host| is_host(host))?;
        let scheme = match forwarded.scheme {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
            _ => "http",
        };
        let default_port = if scheme == "https" { ":443" } else { ":80" };
        let has_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let port = forwarded.port.filter(|_| !has_port).map(|port| format!(":{port}")).unwrap_or_default();
        let port = if port == default_port { "" } else { &port };
        let host = host.strip_suffix(default_port).unwrap_or(host);
        let prefix = forwarded.prefix.filter(|prefix| is_path(prefix)).unwrap_or_default();
        Some(BaseUrl(format!("{scheme}://{host}{port}{}", prefix.trim_end_matches('/'))))
    }

    /// The address itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path in it, without a slash at the end.
    pub fn path(&self) -> &str {
        let host = self.0.split_once("://").map_or("", |(_, rest)| rest);
        host.find('/').map_or("", |slash| &host[slash..])
    }

    /// Scheme and host, as browsers name the origin of a page.
    pub fn origin(&self) -> &str {
        &self.0[..self.0.len() - self.path().len()]
    }

    /// The address without its scheme, which CI jobs name as the audience of their tokens.
    pub fn audience(&self) -> &str {
        self.0.split_once("://").map_or(&self.0, |(_, rest)| rest)
    }

    /// Whether browsers keep a session for it: over TLS, or on the same machine.
    pub fn is_secure(&self) -> bool {
        let host = self.audience();
        let host = host.split('/').next().unwrap_or_default();
        let name =
            host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map_or(host, |(name, _)| name);
        self.0.starts_with("https://")
            || name == "localhost"
            || name == "[::1]"
            || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
    }

    /// Where people read how to get a token, for a registry or for whatever is here.
    pub fn login(&self, registry: Option<&RegistryName>) -> String {
        registry.map_or_else(|| format!("{self}/me"), |registry| format!("{self}/r/{registry}/me"))
    }

    /// The base of a registry's web API, as `config.json` has it.
    pub fn api(&self, registry: &RegistryName) -> String {
        format!("{self}/r/{registry}")
    }

    /// The base of a registry's files, as `config.json` has it.
    pub fn files(&self, registry: &RegistryName) -> String {
        format!("{self}/r/{registry}/dl")
    }

    /// The index as users write it into their configuration, and cargo into lock files and packages.
    pub fn index(&self, registry: &RegistryName) -> String {
        format!("sparse+{self}/r/{registry}/index/")
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The address of whoever asks: the peer, or the nearest address that is no trusted proxy.
pub(crate) fn client_address(
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    settings: &WebSettings,
) -> Option<IpAddr> {
    let peer = peer?.to_canonical();
    if !(settings.is_trusted_proxy)(peer) {
        return Some(peer);
    }
    let mut nearest = peer;
    for hop in hops(headers).rev() {
        let Some(hop) = hop else { break };
        nearest = hop;
        if !(settings.is_trusted_proxy)(hop) {
            break;
        }
    }
    Some(nearest)
}

/// The addresses that requests came from, the first hop first; `None` for one that is unknown or hidden.
fn hops(headers: &HeaderMap) -> std::vec::IntoIter<Option<IpAddr>> {
    elements(headers, "x-forwarded-for").map(parse_address).collect::<Vec<_>>().into_iter()
}

/// An address with or without a port, IPv6 in brackets or bare.
fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    bare.or_else(with_port).or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}

/// What proxies say about the request as it came to the first of them.
#[derive(Default)]
struct Forwarded<'a> {
    scheme: Option<&'a str>,
    host: Option<&'a str>,
    port: Option<u16>,
    prefix: Option<&'a str>,
}

impl<'a> Forwarded<'a> {
    fn read(headers: &'a HeaderMap) -> Forwarded<'a> {
        let first = |name| elements(headers, name).next().filter(|value| !value.is_empty());
        Forwarded {
            scheme: first("x-forwarded-proto"),
            host: first("x-forwarded-host"),
            port: first("x-forwarded-port").and_then(|port| port.parse().ok()),
            prefix: first("x-forwarded-prefix"),
        }
    }
}

/// The elements of a header that is a list.
fn elements<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// A host with or without a port, safe to be written into an address.
fn is_host(text: &str) -> bool {
    let is_part =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    (1..=260).contains(&text.len()) && text.bytes().all(is_part)
}

/// A path that begins with a slash, safe to be written into an address.
fn is_path(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_' | b'~');
    text.starts_with('/') && text.len() <= 200 && !text.contains("//") && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const PROXY: &str = "10.0.0.1";

    fn settings() -> WebSettings {
        let is_trusted_proxy = Arc::new(|address: IpAddr| address.to_string().starts_with("10."));
        WebSettings { is_trusted_proxy, ..WebSettings::default() }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(http::HeaderName::from_static(name), value.parse().expect("a header value"));
        }
        map
    }

    #[track_caller]
    fn check(peer: &str, pairs: &[(&'static str, &str)], expected: Option<&str>) {
        let base = BaseUrl::of(&Uri::from_static("/x"), &headers(pairs), peer.parse().ok(), &settings());
        assert_eq!(base.as_ref().map(BaseUrl::as_str), expected, "{pairs:?}");
    }

    #[test]
    fn from_the_host() {
        check("192.0.2.1", &[("host", "crates.example")], Some("http://crates.example"));
        check("192.0.2.1", &[("host", "crates.example:8000")], Some("http://crates.example:8000"));
        check("192.0.2.1", &[("host", "crates.example:80")], Some("http://crates.example"));
        check("192.0.2.1", &[("host", "[::1]:8000")], Some("http://[::1]:8000"));
        for host in ["", "a b", "a\"b", "<x>", "a/b", "a@b"] {
            check("192.0.2.1", &[("host", host)], None);
        }
        check("192.0.2.1", &[], None);
        check("192.0.2.1", &[("host", "a.example"), ("host", "b.example")], None);
    }

    #[test]
    fn from_a_trusted_proxy_only() {
        let forwarded = [
            ("host", "inner:8000"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "crates.example:443"),
        ];
        check("192.0.2.1", &forwarded, Some("http://inner:8000"));
        check(PROXY, &forwarded, Some("https://crates.example"));
        let prefix =
            [("host", "h"), ("x-forwarded-proto", "https, http"), ("x-forwarded-prefix", "/crates/")];
        check(PROXY, &prefix, Some("https://h/crates"));
        check(PROXY, &[("host", "h"), ("x-forwarded-prefix", "//evil")], Some("http://h"));
        check(PROXY, &[("host", "h"), ("x-forwarded-port", "8443")], Some("http://h:8443"));
        check(PROXY, &[("host", "h"), ("x-forwarded-port", "80")], Some("http://h"));
        check(PROXY, &[("host", "h:81"), ("x-forwarded-port", "8443")], Some("http://h:81"));
        let of_the_client = [("host", "h"), ("forwarded", "for=192.0.2.7;proto=https;host=a.example")];
        check(PROXY, &of_the_client, Some("http://h"));
    }

    #[test]
    fn configured_wins() {
        let settings = WebSettings { public_url: Some("https://a.example/crates".to_owned()), ..settings() };
        let base =
            BaseUrl::of(&Uri::from_static("/"), &headers(&[("host", "b")]), None, &settings).expect("one");
        let main = "main".parse().expect("a name");
        assert_eq!(base.index(&main), "sparse+https://a.example/crates/r/main/index/");
        assert_eq!(base.api(&main), "https://a.example/crates/r/main");
        assert_eq!(base.path(), "/crates");
    }

    #[track_caller]
    fn check_client(peer: &str, pairs: &[(&'static str, &str)], expected: &str) {
        let found = client_address(&headers(pairs), peer.parse().ok(), &settings());
        assert_eq!(found.map(|address| address.to_string()).as_deref(), Some(expected), "{pairs:?}");
    }

    #[test]
    fn clients_behind_proxies() {
        check_client("192.0.2.1", &[("x-forwarded-for", "198.51.100.1")], "192.0.2.1");
        check_client(PROXY, &[], PROXY);
        check_client(PROXY, &[("x-forwarded-for", "1.1.1.1, 198.51.100.1, 10.0.0.9")], "198.51.100.1");
        check_client(PROXY, &[("x-forwarded-for", "198.51.100.1, garbage")], PROXY);
        check_client(PROXY, &[("x-forwarded-for", "198.51.100.1:4000")], "198.51.100.1");
        let of_the_client = [("forwarded", "for=192.0.2.7"), ("x-forwarded-for", "198.51.100.1")];
        check_client(PROXY, &of_the_client, "198.51.100.1");
        check_client(PROXY, &[("x-forwarded-for", "[2001:db8::1]")], "2001:db8::1");
        check_client("::ffff:10.0.0.1", &[("x-forwarded-for", "::ffff:192.0.2.9")], "192.0.2.9");
    }
}
