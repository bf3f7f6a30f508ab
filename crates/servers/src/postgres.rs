//! PostgreSQL, from Debian: an account that owns its databases and nothing else, over TCP with a password.

use crate::certificates::Certificates;
use crate::process::{Program, command, find, give};
use crate::{Missing, Port, Process, Server};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// The account of Debian's package: the server refuses to be root's.
const ACCOUNT: &str = "postgres";
const INSTALL: &str = "`apt-get install postgresql`";

struct Postgres {
    // Dropped in this order: the process before its folder.
    process: Process,
    psql: PathBuf,
    port: Port,
    places: AtomicU32,
    folder: TempDir,
}

impl Server for Postgres {
    fn place(&self) -> String {
        let number = self.places.fetch_add(1, Ordering::Relaxed);
        self.run(&format!("CREATE DATABASE place{number} OWNER holdfast;"));
        // Not encrypted unless a test asks for it, so that figures are those of the engine.
        let address = self.port.address();
        format!("postgres://holdfast:a%20secret@{address}/place{number}?sslmode=disable")
    }

    fn process(&self) -> &Process {
        &self.process
    }

    fn administer(&self, statements: &str) -> String {
        self.run(statements)
    }
}

impl Postgres {
    /// Statements and commands of `psql`, each by itself.
    fn run(&self, statements: &str) -> String {
        let mut psql = command(&self.psql, Some(ACCOUNT));
        psql.args(["-qXAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres"]);
        psql.arg("-h").arg(self.folder.path()).args(["-p", &self.port.address().port().to_string()]);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = psql.spawn().expect("psql was found");
        let mut input = running.stdin.take().expect("it is a pipe");
        input.write_all(statements.as_bytes()).expect("psql reads");
        drop(input);
        let output = running.wait_with_output().expect("our own child can be waited for");
        assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

pub(crate) fn start() -> Result<Box<dyn Server>, Missing> {
    let folders = programs();
    let [initdb, postgres] = ["initdb", "postgres"].map(|name| find(name, &folders, INSTALL));
    let [pg_isready, psql] = ["pg_isready", "psql"].map(|name| find(name, &folders, INSTALL));
    let (initdb, postgres, pg_isready, psql) = (initdb?, postgres?, pg_isready?, psql?);
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let certificates = Certificates::make(folder.path())?;
    give(folder.path(), ACCOUNT);
    let data = folder.path().join("data").display().to_string();
    let mut command = command(&initdb, Some(ACCOUNT));
    command.args([
        "-D",
        &data,
        "-U",
        "postgres",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
    ]);
    command.args(["--auth-local=trust", "--auth-host=scram-sha-256"]).current_dir(folder.path());
    let output = command.output().expect("initdb was found");
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));

    let port = Port::free();
    let number = port.address().port().to_string();
    let sockets = folder.path().display().to_string();
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("unix_socket_directories={sockets}"),
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", certificates.path("server.pem")),
        format!("ssl_key_file={}", certificates.path("server.key")),
        // Small, so that many fit on a machine of tests.
        "shared_buffers=32MB".to_owned(),
        "max_connections=120".to_owned(),
    ];
    let mut arguments = vec!["-D".to_owned(), data, "-p".to_owned(), number.clone()];
    arguments.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
    let program = Program { path: postgres, arguments, variables: Vec::new(), user: Some(ACCOUNT) };
    let is_ready = move || {
        let mut ask = std::process::Command::new(&pg_isready);
        ask.args(["-q", "-h", "127.0.0.1", "-p", &number]).status().is_ok_and(|status| status.success())
    };
    let process = Process::start(program, folder.path(), is_ready);
    let server = Postgres { process, psql, port, places: AtomicU32::new(0), folder };
    server.run("CREATE ROLE holdfast LOGIN PASSWORD 'a secret';");
    Ok(Box::new(server))
}

/// Debian keeps the programs of each release apart; the newest first.
fn programs() -> Vec<PathBuf> {
    let releases = fs::read_dir(Path::new("/usr/lib/postgresql")).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = releases.map(|release| release.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders
}
