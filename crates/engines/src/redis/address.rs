//! The URL: where the server is, who we are there, and what is asked of it.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use crate::parameters::{Invalid, Parameters};
use crate::pool::Fault;

/// What a URL says.
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    /// `None` for plain connections.
    pub(super) tls: Option<Tls>,
    /// The account's name, when there is one, and its password.
    pub(super) login: Option<(Option<String>, String)>,
    pub(super) database: u32,
    /// What every key begins with: one hash tag, so that a cluster keeps all of them together.
    pub(super) prefix: String,
    pub(super) durability: Durability,
    /// How many replicas must have a commit before it is acknowledged.
    pub(super) replicas: usize,
    pub(super) connections: Option<usize>,
}

/// The files for an encrypted connection; the system's authorities count when none is named.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) authorities: Option<PathBuf>,
    /// Our certificate and its key.
    pub(super) identity: Option<(PathBuf, PathBuf)>,
}

/// What an acknowledged commit must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// A loss of power: the log is synced before each answer.
    Always,
    /// The end of the process. A loss of power takes up to a second with it.
    EverySecond,
    /// What the operator of the service promises; its settings are not looked at.
    Managed,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Address, Fault> {
        let mut parameters = Parameters::of(url);
        let prefix = hash_tag(parameters.take("prefix").as_deref().unwrap_or("holdfast"))?;
        let durability = durability(parameters.take("durability").as_deref())?;
        let replicas = parameters.take_number("wait")?.unwrap_or(0);
        let connections = parameters.take_number("max_connections")?;
        let authorities = parameters.take("ca").map(PathBuf::from);
        let identity = identity(parameters.take("cert"), parameters.take("key"))?;
        let url = parameters.finish()?;
        let (scheme, rest) = url.split_once("://").ok_or(Malformed)?;
        let files = Tls { authorities, identity };
        let tls = match scheme {
            "rediss" => Some(files),
            _ if files == Tls::default() => None,
            _ => return Err(NotEncrypted.into()),
        };
        let (login, rest) = rest.rsplit_once('@').map_or((None, rest), |(login, rest)| (Some(login), rest));
        let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = host_and_port(place)?;
        let database = if database.is_empty() { 0 } else { database.parse().map_err(|_| Malformed)? };
        let login = login.map(login_of).transpose()?;
        Ok(Address { host, port, tls, login, database, prefix, durability, replicas, connections })
    }
}

/// `name:password` or `:password`. A word alone could be either, and is refused.
fn login_of(login: &str) -> Result<(Option<String>, String), NoColon> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (name, password) = login.split_once(':').ok_or(NoColon)?;
    Ok((Some(decode(name)).filter(|name| !name.is_empty()), decode(password)))
}

fn host_and_port(place: &str) -> Result<(String, u16), Fault> {
    const PORT: u16 = 6379;
    let (host, port) = match place.strip_prefix('[') {
        Some(place) => {
            let (host, rest) = place.split_once(']').ok_or(Malformed)?;
            (host, rest.strip_prefix(':'))
        }
        None => place.rsplit_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(Malformed.into());
    }
    let port = port.map_or(Ok(PORT), str::parse).map_err(|_| Malformed)?;
    Ok((host.to_owned(), port))
}

/// A prefix that is one hash tag as a whole, or has its own braces.
fn hash_tag(prefix: &str) -> Result<String, Fault> {
    let is_plain = |text: &str| !text.is_empty() && !text.contains(['{', '}', '\0']);
    let tagged = prefix.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    if is_plain(prefix) {
        Ok(format!("{{{prefix}}}"))
    } else if tagged.is_some_and(|(tag, _)| is_plain(tag)) {
        Ok(prefix.to_owned())
    } else {
        let wanted = "a name such as `holdfast`";
        Err(Invalid { name: "prefix", value: prefix.to_owned(), wanted }.into())
    }
}

fn durability(value: Option<&str>) -> Result<Durability, Fault> {
    match value {
        None | Some("always") => Ok(Durability::Always),
        Some("everysec") => Ok(Durability::EverySecond),
        Some("managed") => Ok(Durability::Managed),
        Some(other) => {
            let wanted = "`always`, `everysec` or `managed`";
            Err(Invalid { name: "durability", value: other.to_owned(), wanted }.into())
        }
    }
}

fn identity(certificate: Option<String>, key: Option<String>) -> Result<Option<(PathBuf, PathBuf)>, Fault> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((certificate.into(), key.into()))),
        (None, None) => Ok(None),
        _ => Err(HalfIdentity.into()),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("write it as `redis://NAME:PASSWORD@HOST:PORT/DATABASE`, where the host alone must be there")]
struct Malformed;

#[derive(Debug, thiserror::Error)]
#[error("write what is before the `@` as `NAME:PASSWORD`, or `:PASSWORD` for the default account")]
struct NoColon;

#[derive(Debug, thiserror::Error)]
#[error("`ca`, `cert` and `key` are for encrypted connections; write `rediss://`")]
struct NotEncrypted;

#[derive(Debug, thiserror::Error)]
#[error("`cert` and `key` belong together; give both or neither")]
struct HalfIdentity;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (url, host, port, login, database) in [
            ("redis://h", "h", 6379, None, 0),
            ("redis://h:1/", "h", 1, None, 0),
            ("redis://:p%40ss@h/3", "h", 6379, Some((None, "p@ss")), 3),
            ("redis://me:p@s:s@h:7", "h", 7, Some((Some("me"), "p@s:s")), 0),
            ("redis://:secret@[::1]:7/2", "::1", 7, Some((None, "secret")), 2),
            ("rediss://[::1]", "::1", 6379, None, 0),
        ] {
            let address = Address::parse(url).unwrap();
            let login = login.map(|(name, password)| (name.map(str::to_owned), password.to_owned()));
            assert_eq!((&*address.host, address.port, address.database), (host, port, database), "{url}");
            assert_eq!((address.login, address.tls.is_some()), (login, url.starts_with("rediss")), "{url}");
            assert_eq!((&*address.prefix, address.durability), ("{holdfast}", Durability::Always));
        }
    }

    #[test]
    fn parameters_are_read() {
        let url =
            "rediss://h?prefix=acme&durability=everysec&wait=2&max_connections=4&ca=%2Fca.pem&cert=c&key=k";
        let address = Address::parse(url).unwrap();
        let identity = Some(("c".into(), "k".into()));
        assert_eq!(address.tls, Some(Tls { authorities: Some("/ca.pem".into()), identity }));
        assert_eq!((&*address.prefix, address.durability), ("{acme}", Durability::EverySecond));
        assert_eq!((address.replicas, address.connections), (2, Some(4)));
        assert_eq!(Address::parse("redis://h?prefix=a{b}c").unwrap().prefix, "a{b}c");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (url, words) in [
            ("redis://", "the host alone must be there"),
            ("redis://secret@h", "or `:PASSWORD`"),
            ("redis://h:x", "the host alone must be there"),
            ("redis://h/name", "the host alone must be there"),
            ("redis://[::1", "the host alone must be there"),
            ("redis://h?prefix={}", "`prefix` is `{}`; use a name"),
            ("redis://h?prefix=", "`prefix` is ``; use a name"),
            ("redis://h?durability=never", "`durability` is `never`; use `always`"),
            ("redis://h?wait=0", "`wait` is `0`; use a number from 1"),
            ("redis://h?ca=x", "write `rediss://`"),
            ("rediss://h?cert=x", "give both or neither"),
            ("redis://h?what=x", "`what` is not known here"),
        ] {
            let error = Address::parse(url).err().unwrap().to_string();
            assert!(error.contains(words), "{url}: {error}");
        }
    }
}
