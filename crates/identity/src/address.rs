//! Addresses of other systems: encrypted, unless they are on this machine.

use url::{Host, Url};

/// An address that secrets must not be sent to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is none.
    #[error("`{0}` is no URL; write it as `https://HOST/PATH`")]
    Malformed(String),
    /// Anybody on the way could read and change what is said.
    #[error("`{0}` is not encrypted; only `https://` will do, except for this machine itself")]
    Plain(String),
}

/// Takes an address for requests.
pub(crate) fn parse(text: &str) -> Result<Url, AddressError> {
    let url = Url::parse(text).map_err(|_| AddressError::Malformed(shortened(text)))?;
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(AddressError::Plain(shortened(text))),
        _ => Err(AddressError::Malformed(shortened(text))),
    }
}

/// Takes an address that the system at `base` names: only this machine itself may send us on unencrypted.
pub(crate) fn named_by(base: &Url, text: &str) -> Result<Url, AddressError> {
    let url = parse(text)?;
    if base.scheme() == "https" && url.scheme() != "https" {
        return Err(AddressError::Plain(shortened(text)));
    }
    Ok(url)
}

/// Foreign text as part of a sentence.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    let shown: String = text.chars().take(LONGEST).filter(|letter| !letter.is_control()).collect();
    if text.chars().nth(LONGEST).is_some() { format!("{shown}…") } else { shown }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    #[test]
    fn secrets_leave_this_machine_encrypted_only() {
        for good in ["https://a.example", "http://127.0.0.1:7/x", "http://localhost/", "http://[::1]:1"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for plain in ["http://a.example", "http://localhost.example", "http://10.0.0.1"] {
            assert_eq!(parse(plain), Err(AddressError::Plain(plain.to_owned())));
        }
        for nonsense in ["", "a.example", "file:///etc/passwd", "data:text/plain,x"] {
            assert_eq!(parse(nonsense), Err(AddressError::Malformed(nonsense.to_owned())));
        }
    }

    #[test]
    fn nobody_else_sends_us_to_this_machine_unencrypted() {
        let [far, near] = ["https://a.example", "http://127.0.0.1:7"].map(|text| parse(text).unwrap());
        for text in ["https://b.example/keys", "https://localhost/keys"] {
            assert_eq!(named_by(&far, text), named_by(&near, text));
            assert!(named_by(&far, text).is_ok(), "{text}");
        }
        let here = "http://localhost:9200/keys";
        assert_eq!(named_by(&far, here), Err(AddressError::Plain(here.to_owned())));
        assert!(named_by(&near, here).is_ok());
    }

    #[test]
    fn foreign_text_stays_short() {
        assert_eq!(shortened("a\nb"), "ab");
        assert_eq!(shortened(&"é".repeat(300)), format!("{}…", "é".repeat(200)));
    }
}
