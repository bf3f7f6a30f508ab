//! Ports for servers that come back on the same one: outside of the range from which the system gives ports
//! to outgoing connections, and reserved against other tests of this machine.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

const FIRST: u64 = 10_240;
const COUNT: u64 = 20_000;

/// A port that no other test takes while this exists.
#[derive(Debug)]
pub struct Port {
    number: u16,
    #[cfg(target_os = "linux")]
    _reserved: std::os::unix::net::UnixListener,
}

impl Port {
    /// Any port that is free now.
    pub fn free() -> Port {
        let candidates = std::iter::repeat_with(|| {
            let random = RandomState::new().build_hasher().finish();
            u16::try_from(FIRST + random % COUNT).expect("the range is below 65,536")
        });
        let mut ports = candidates.take(1000).filter_map(Port::reserve);
        ports.next().expect("one of a thousand ports is free")
    }

    /// The address on the loopback interface.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }

    fn reserve(number: u16) -> Option<Port> {
        #[cfg(target_os = "linux")]
        let reserved = {
            use std::os::linux::net::SocketAddrExt as _;
            // Abstract names vanish with their process.
            let name = format!("holdfast-test-port-{number}");
            let name = std::os::unix::net::SocketAddr::from_abstract_name(name).ok()?;
            std::os::unix::net::UnixListener::bind_addr(&name).ok()?
        };
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Port {
            number,
            #[cfg(target_os = "linux")]
            _reserved: reserved,
        })
    }
}
