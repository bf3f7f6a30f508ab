//! Addresses to serve on, and ranges of addresses to believe.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::OptionValue;

/// An address to serve on. Its host is an IP address or a name that the system resolves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListenAddress {
    host: String,
    port: u16,
}

impl ListenAddress {
    /// The host without the brackets of IPv6, fit for `(host, port).to_socket_addrs()`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 0 lets the system choose.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

impl OptionValue for ListenAddress {
    const EXPECTED: &'static str = "an address and port such as `127.0.0.1:8000` or `[::]:8000`";

    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let port = port.parse().ok()?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.to_string(),
            None if is_dotted_number(host) => host.parse::<Ipv4Addr>().ok()?.to_string(),
            None if is_host_name(host) => host.to_owned(),
            None => return None,
        };
        Some(Self { host, port })
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

fn is_dotted_number(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn is_host_name(host: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && !label.starts_with('-') && label.bytes().all(is_letter)
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

/// A range of IP addresses, written as one address or as `ADDRESS/BITS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpRange {
    network: IpAddr,
    bits: u8,
}

impl IpRange {
    /// The first address of the range.
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// How many leading bits all addresses of the range share.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether an address is in the range. An IPv4 address that came over IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        mask(address.to_canonical(), self.bits) == Some(self.network)
    }
}

/// The address with all but its first bits cleared, unless it has fewer bits.
fn mask(address: IpAddr, bits: u8) -> Option<IpAddr> {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(address) => {
            let spare = Ipv4Addr::BITS.checked_sub(bits)?;
            let kept = u32::MAX.checked_shl(spare).unwrap_or(0);
            Some(Ipv4Addr::from_bits(address.to_bits() & kept).into())
        }
        IpAddr::V6(address) => {
            let spare = Ipv6Addr::BITS.checked_sub(bits)?;
            let kept = u128::MAX.checked_shl(spare).unwrap_or(0);
            Some(Ipv6Addr::from_bits(address.to_bits() & kept).into())
        }
    }
}

impl OptionValue for IpRange {
    const EXPECTED: &'static str = "an IP address such as `10.0.0.7`, or a range such as `10.0.0.0/8`";

    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = bits.unwrap_or(if address.is_ipv4() { 32 } else { 128 });
        Some(Self { network: mask(address, bits)?, bits })
    }

    fn show(&self) -> String {
        match (self.network, self.bits) {
            (IpAddr::V4(address), 32) => address.to_string(),
            (IpAddr::V6(address), 128) => address.to_string(),
            (network, bits) => format!("{network}/{bits}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{IpRange, ListenAddress, OptionValue};

    #[track_caller]
    fn check_listen(text: &str, expected: Option<(&str, u16)>) {
        let parsed = ListenAddress::parse(text);
        let found = parsed.as_ref().map(|address| (address.host(), address.port()));
        assert_eq!(found, expected, "for {text:?}");
        if let Some(address) = &parsed {
            assert_eq!(ListenAddress::parse(&address.show()), parsed, "what is shown can be written");
        }
    }

    #[test]
    fn reads_addresses_to_serve_on() {
        check_listen("127.0.0.1:8000", Some(("127.0.0.1", 8000)));
        check_listen("0.0.0.0:0", Some(("0.0.0.0", 0)));
        check_listen("[::1]:8000", Some(("::1", 8000)));
        check_listen("localhost:80", Some(("localhost", 80)));
        check_listen("registry.example.org:443", Some(("registry.example.org", 443)));
    }

    #[test]
    fn refuses_what_is_no_address() {
        let faulty = [
            "",
            "8000",
            ":8000",
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:65536",
            "127.0.0.1:+80",
            "256.0.0.1:80",
            "127.1:80",
            "::1:8000",
            "[::1:8000",
            "[localhost]:80",
            "http://localhost:80",
            "a b:80",
            "-a:80",
            "a..b:80",
        ];
        for text in faulty {
            check_listen(text, None);
        }
    }

    #[track_caller]
    fn check_range(range: &str, address: &str, expected: bool) {
        let parsed = IpRange::parse(range).unwrap();
        assert_eq!(parsed.contains(address.parse().unwrap()), expected, "{range} and {address}");
    }

    #[test]
    fn knows_which_addresses_a_range_has() {
        check_range("10.0.0.0/8", "10.200.3.4", true);
        check_range("10.1.2.3/8", "10.200.3.4", true);
        check_range("10.0.0.0/8", "11.0.0.0", false);
        check_range("10.0.0.7", "10.0.0.7", true);
        check_range("10.0.0.7", "10.0.0.8", false);
        check_range("0.0.0.0/0", "192.0.2.1", true);
        check_range("0.0.0.0/0", "2001:db8::1", false);
        check_range("10.0.0.0/8", "::ffff:10.1.1.1", true);
        check_range("2001:db8::/32", "2001:db8:1::1", true);
        check_range("::/0", "2001:db8::1", true);
        check_range("::1", "::1", true);
    }

    #[test]
    fn refuses_what_is_no_range() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "localhost", "10.0.0.0/", "10.0.0.0/-1"] {
            assert_eq!(IpRange::parse(text), None, "for {text:?}");
        }
        assert_eq!(IpRange::parse("10.1.2.3/8").unwrap().show(), "10.0.0.0/8");
        assert_eq!(IpRange::parse("10.1.2.3").unwrap().show(), "10.1.2.3");
    }
}
