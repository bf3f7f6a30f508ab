//! MongoDB's protocol: a `mongod` where one is installed, otherwise SecantusDB, both as a replica set of one
//! member, which is what transactions need.

use crate::process::{Program, find};
use crate::{Missing, Port, Process, Server, python};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

struct Mongodb {
    // Dropped in this order: the process before its folder.
    process: Process,
    port: Port,
    places: AtomicU32,
    _folder: TempDir,
}

impl Server for Mongodb {
    fn place(&self) -> String {
        let number = self.places.fetch_add(1, Ordering::Relaxed);
        format!("mongodb://{}/place{number}", self.port.address())
    }

    fn process(&self) -> &Process {
        &self.process
    }
}

pub(crate) fn start() -> Result<Box<dyn Server>, Missing> {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let port = Port::free();
    let address = port.address();
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("the temporary folder takes folders");
    let program = match find("mongod", &[], "from its maker's packages") {
        Ok(path) => mongod(path, &data.display().to_string(), address),
        Err(_) => secantus(python::program("secantusd-py")?, &data.display().to_string(), address),
    };
    let process = Process::start(program, folder.path(), move || is_ready(address).unwrap_or(false));
    Ok(Box::new(Mongodb { process, port, places: AtomicU32::new(0), _folder: folder }))
}

fn mongod(path: PathBuf, data: &str, address: SocketAddr) -> Program {
    let port = address.port().to_string();
    let arguments =
        ["--quiet", "--bind_ip", "127.0.0.1", "--port", &port, "--dbpath", data, "--replSet", "holdfast"];
    program(path, &arguments)
}

fn secantus(path: PathBuf, data: &str, address: SocketAddr) -> Program {
    let port = address.port().to_string();
    // Without the last one it acknowledges what a loss of power takes away.
    let arguments = ["--host", "127.0.0.1", "--port", &port, "--storage-path", data, "--sync-on-commit"];
    program(path, &arguments)
}

fn program(path: PathBuf, arguments: &[&str]) -> Program {
    let arguments = arguments.iter().map(ToString::to_string).collect();
    Program { path, arguments, variables: Vec::new(), user: None }
}

/// Whether there is a primary; a set that does not know its members yet is told.
fn is_ready(address: SocketAddr) -> io::Result<bool> {
    let answer = ask(address, &[integer("hello", 1)])?;
    if holds(&answer, b"\x08isWritablePrimary\0\x01") {
        return Ok(true);
    }
    if holds(&answer, b"\x08isreplicaset\0\x01") {
        let member = document(&[integer("_id", 0), text("host", &address.to_string())]);
        let members = document(&[element(0x03, "0", &member)]);
        let set = document(&[text("_id", "holdfast"), element(0x04, "members", &members)]);
        ask(address, &[element(0x03, "replSetInitiate", &set)])?;
    }
    Ok(false)
}

/// Sends one command as an `OP_MSG` and gives the bytes of the answer.
fn ask(address: SocketAddr, command: &[Vec<u8>]) -> io::Result<Vec<u8>> {
    const OP_MSG: u32 = 2013;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut elements = command.to_vec();
    elements.push(text("$db", "admin"));
    let body = document(&elements);
    let mut message = Vec::new();
    // Its length, its number, what it answers, its kind, its flags; then a section of kind 0.
    for word in [size(21 + body.len()), 1, 0, OP_MSG, 0] {
        message.extend(word.to_le_bytes());
    }
    message.push(0);
    message.extend(body);
    stream.write_all(&message)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length).clamp(4, 1_000_000) as usize;
    let mut answer = vec![0; length - 4];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

fn holds(answer: &[u8], wanted: &[u8]) -> bool {
    answer.windows(wanted.len()).any(|bytes| bytes == wanted)
}

fn document(elements: &[Vec<u8>]) -> Vec<u8> {
    let elements = elements.concat();
    [&size(elements.len() + 5).to_le_bytes()[..], &elements, &[0]].concat()
}

fn integer(name: &str, value: i32) -> Vec<u8> {
    element(0x10, name, &value.to_le_bytes())
}

fn text(name: &str, value: &str) -> Vec<u8> {
    element(0x02, name, &[&size(value.len() + 1).to_le_bytes()[..], value.as_bytes(), &[0]].concat())
}

fn element(kind: u8, name: &str, value: &[u8]) -> Vec<u8> {
    [&[kind], name.as_bytes(), &[0], value].concat()
}

fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a command is small")
}
