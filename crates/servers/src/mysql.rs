//! MariaDB, from Debian: an account that may do in its databases what the handbook says, over TCP with a
//! password.

use crate::certificates::Certificates;
use crate::process::{Program, command, find, give};
use crate::{Missing, Port, Process, Server};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// The account of Debian's package: the server refuses to be root's.
const ACCOUNT: &str = "mysql";
const INSTALL: &str = "`apt-get install mariadb-server`";

struct Mariadb {
    // Dropped in this order: the process before its folder.
    process: Process,
    client: PathBuf,
    socket: String,
    port: Port,
    places: AtomicU32,
    _folder: TempDir,
}

impl Server for Mariadb {
    fn place(&self) -> String {
        let number = self.places.fetch_add(1, Ordering::Relaxed);
        self.run(&format!(
            "CREATE DATABASE place{number}; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP, \
             CREATE VIEW, SHOW VIEW ON place{number}.* TO holdfast"
        ));
        // Not encrypted unless a test asks for it, so that figures are those of the engine.
        let address = self.port.address();
        format!("mysql://holdfast:a%20secret@{address}/place{number}?ssl-mode=disabled")
    }

    fn process(&self) -> &Process {
        &self.process
    }

    fn administer(&self, statements: &str) -> String {
        self.run(statements)
    }
}

impl Mariadb {
    fn run(&self, statements: &str) -> String {
        let mut client = command(&self.client, None);
        client.args([
            "--no-defaults",
            "--default-character-set=utf8mb4",
            "-uroot",
            "-S",
            &self.socket,
            "-NB",
            "-e",
            statements,
        ]);
        let output = client.output().expect("the client was found");
        assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

pub(crate) fn start() -> Result<Box<dyn Server>, Missing> {
    let [installer, server, client] =
        ["mariadb-install-db", "mariadbd", "mariadb"].map(|name| find(name, &[], INSTALL));
    let (installer, server, client) = (installer?, server?, client?);
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let certificates = Certificates::make(folder.path())?;
    give(folder.path(), ACCOUNT);
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (data, socket) = (at("data"), at("socket"));
    let mut command = command(&installer, Some(ACCOUNT));
    command.args(["--no-defaults", &format!("--datadir={data}"), "--auth-root-authentication-method=normal"]);
    command.args(["--skip-test-db", "--innodb-log-file-size=32M"]).current_dir(folder.path());
    let output = command.output().expect("the installer was found");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let port = Port::free();
    let arguments = vec![
        "--no-defaults".to_owned(),
        format!("--datadir={data}"),
        format!("--socket={socket}"),
        format!("--port={}", port.address().port()),
        "--bind-address=127.0.0.1".to_owned(),
        "--skip-name-resolve".to_owned(),
        format!("--pid-file={}", at("pid")),
        format!("--ssl-cert={}", certificates.path("server.pem")),
        format!("--ssl-key={}", certificates.path("server.key")),
        "--innodb-log-file-size=32M".to_owned(),
        "--innodb-buffer-pool-size=64M".to_owned(),
    ];
    let program = Program { path: server, arguments, variables: Vec::new(), user: Some(ACCOUNT) };
    let (ask, path) = (client.clone(), socket.clone());
    let is_ready = move || {
        let mut ask = std::process::Command::new(&ask);
        ask.args(["--no-defaults", "-uroot", "-S", &path, "-e", "SELECT 1"]);
        ask.output().is_ok_and(|output| output.status.success())
    };
    let process = Process::start(program, folder.path(), is_ready);
    let server = Mariadb { process, client, socket, port, places: AtomicU32::new(0), _folder: folder };
    server.run("CREATE USER holdfast IDENTIFIED BY 'a secret'");
    Ok(Box::new(server))
}
