//! Redis, with a log that is synced before each answer, and an encrypted port beside the plain one.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::process::{Program, find};
use crate::{Missing, Port, Process, Server};

struct Redis {
    // Dropped in this order: the process before its folder.
    process: Process,
    port: Port,
    _encrypted: Port,
    places: AtomicU32,
    _folder: TempDir,
}

impl Server for Redis {
    fn place(&self) -> String {
        let number = self.places.fetch_add(1, Ordering::Relaxed);
        format!("redis://{}/0?prefix=place-{number}", self.port.address())
    }

    fn process(&self) -> &Process {
        &self.process
    }
}

/// The file `tls-port` in the folder of the process names the encrypted port.
pub(crate) fn start() -> Result<Box<dyn Server>, Missing> {
    let path = find("redis-server", &[], "`apt-get install redis-server`")?;
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let certificates = Certificates::make(folder.path())?;
    let (port, encrypted) = (Port::free(), Port::free());
    let (address, tls_port) = (port.address(), encrypted.address().port().to_string());
    fs::write(folder.path().join("tls-port"), &tls_port).expect("the temporary folder takes files");
    let of_files = ["ca.pem", "server.pem", "server.key"].map(|file| certificates.path(file));
    let [authority, certificate, key] = &of_files;
    let arguments = [
        ["--bind", "127.0.0.1"],
        ["--port", &address.port().to_string()],
        ["--dir", &folder.path().display().to_string()],
        ["--appendonly", "yes"],
        ["--appendfsync", "always"],
        ["--save", ""],
        ["--tls-port", &tls_port],
        ["--tls-ca-cert-file", authority],
        ["--tls-cert-file", certificate],
        ["--tls-key-file", key],
        ["--tls-auth-clients", "optional"],
    ];
    let arguments = arguments.as_flattened().iter().map(ToString::to_string).collect();
    let program = Program { path, arguments, variables: Vec::new(), user: None };
    let process = Process::start(program, folder.path(), move || is_ready(address).unwrap_or(false));
    let places = AtomicU32::new(0);
    Ok(Box::new(Redis { process, port, _encrypted: encrypted, places, _folder: folder }))
}

/// Whether it answers, and has read its log.
fn is_ready(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    Ok(answer == *b"+PONG")
}
