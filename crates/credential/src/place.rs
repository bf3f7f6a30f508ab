//! Which server an index address belongs to, and which of its registries it names.

use std::net::Ipv4Addr;

/// A registry of a Holdfast server, from an address of the form `sparse+https://HOST/PREFIX/r/NAME/index/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The address of the index as cargo writes it. Credentials are kept under it.
    pub(crate) index: String,
    /// The name of the registry at the server.
    pub(crate) registry: String,
    /// What cargo's configuration calls the registry, for messages.
    pub(crate) name: String,
    base: String,
}

/// Why an address is not for this provider.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotOurs {
    /// It has another form.
    #[error("the index address is not of the form `sparse+https://HOST/r/NAME/index/`")]
    Form,
    /// Secrets would travel in the clear.
    #[error("`{0}` is not encrypted; write `https`, or take another credential provider for it")]
    Clear(String),
}

impl Place {
    /// Takes an address apart. `name` is the registry's name in cargo's configuration, where it has one.
    pub(crate) fn of(index: &str, name: Option<&str>) -> Result<Place, NotOurs> {
        let url = index.strip_prefix("sparse+").ok_or(NotOurs::Form)?;
        let (scheme, rest) = url.split_once("://").ok_or(NotOurs::Form)?;
        let rest = rest.strip_suffix("/index/").ok_or(NotOurs::Form)?;
        let (rest, registry) = rest.rsplit_once('/').ok_or(NotOurs::Form)?;
        let rest = rest.strip_suffix("/r").ok_or(NotOurs::Form)?;
        let is_plain = |text: &str| {
            let mut bytes = text.bytes();
            !text.is_empty() && bytes.all(|byte| byte.is_ascii_graphic() && !b"?#@%\\".contains(&byte))
        };
        if !is_plain(registry) || !is_plain(rest) || rest.starts_with('/') {
            return Err(NotOurs::Form);
        }
        match scheme {
            "https" => {}
            "http" if is_loopback(rest) => {}
            "http" => return Err(NotOurs::Clear(index.to_owned())),
            _ => return Err(NotOurs::Form),
        }
        Ok(Place {
            index: index.to_owned(),
            registry: registry.to_owned(),
            name: name.unwrap_or(registry).to_owned(),
            base: format!("{scheme}://{rest}"),
        })
    }

    /// The server's own address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The address of one of its routes, which begins with a slash.
    pub(crate) fn api(&self, route: &str) -> String {
        format!("{}/api/v1{route}", self.base)
    }

    /// Whom the token of a CI job must be meant for: the address without its scheme.
    pub(crate) fn audience(&self) -> &str {
        self.base.split_once("://").map_or(&*self.base, |(_, rest)| rest)
    }
}

/// Whether the host of `host:port/path` is this machine.
fn is_loopback(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host == "::1"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (index, base, registry, audience) in [
            ("sparse+https://h/r/main/index/", "https://h", "main", "h"),
            ("sparse+https://h:8443/a/b/r/x-y/index/", "https://h:8443/a/b", "x-y", "h:8443/a/b"),
            ("sparse+http://127.0.0.1:80/r/r/index/", "http://127.0.0.1:80", "r", "127.0.0.1:80"),
            ("sparse+http://[::1]:80/r/m/index/", "http://[::1]:80", "m", "[::1]:80"),
            ("sparse+http://localhost/r/m/index/", "http://localhost", "m", "localhost"),
        ] {
            let place = Place::of(index, None).unwrap();
            assert_eq!((place.base(), &*place.registry, place.audience()), (base, registry, audience));
            assert_eq!((&*place.index, &*place.name), (index, registry));
            assert_eq!(place.api("/x"), format!("{base}/api/v1/x"));
        }
        assert_eq!(Place::of("sparse+https://h/r/main/index/", Some("corp")).unwrap().name, "corp");
    }

    #[test]
    fn other_addresses_are_left_to_other_providers() {
        for index in [
            "",
            "https://h/r/main/index/",
            "sparse+https://h/index/",
            "sparse+https://h/r/main/index",
            "sparse+https://h/r/main/indexes/",
            "sparse+https://h/r//index/",
            "sparse+https://h/x/main/index/",
            "sparse+https:///r/main/index/",
            "sparse+https://u:p@h/r/main/index/",
            "sparse+https://h?/r/main/index/",
            "sparse+ftp://h/r/main/index/",
            "sparse+https://h/r/ma in/index/",
        ] {
            assert_eq!(Place::of(index, None), Err(NotOurs::Form), "{index}");
        }
        for index in [
            "sparse+http://h/r/m/index/",
            "sparse+http://localhost.example/r/m/index/",
            "sparse+http://128.0.0.1/r/m/index/",
        ] {
            assert_eq!(Place::of(index, None), Err(NotOurs::Clear(index.to_owned())));
        }
    }
}
