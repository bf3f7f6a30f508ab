//! Moto, which speaks the protocols of DynamoDB and S3 and keeps everything in memory: what it held is gone
//! when it ends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::{Missing, PATIENCE, Port, Process, Program, python};

/// A running moto.
pub(crate) struct Moto {
    process: Process,
    // Given back after the process has ended.
    _folder: tempfile::TempDir,
    port: Port,
}

impl Moto {
    pub(crate) fn start() -> Result<Moto, Missing> {
        let path = python::program("python")?;
        python::program("moto_server")?;
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        let port = Port::free();
        let address = port.address();
        std::fs::write(folder.path().join("server.py"), include_str!("moto.py"))
            .expect("the folder takes files");
        let program = Program {
            path,
            arguments: vec!["server.py".to_owned(), address.port().to_string()],
            variables: Vec::new(),
            user: None,
        };
        let process = Process::start(program, folder.path(), move || {
            ask(address, "GET", "/moto-api/data.json").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
        });
        Ok(Moto { process, _folder: folder, port })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }
}

/// Asks one question over a connection of its own, without a body, and gives the whole answer.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
