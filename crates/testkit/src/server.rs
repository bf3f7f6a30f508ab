//! The built binary as a server, on a port and a folder of its own.

use crate::cargo::Cargo;
use crate::cli::Cli;
use crate::http::{Answer, Http};
use crate::place;
use crate::process::{binary, clean, utf8};
use holdfast_servers::{PATIENCE, Port, Watchdog, seen_within, signal, until};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub struct ServerBuilder {
    variables: Vec<(String, String)>,
    arguments: Vec<String>,
    data: Option<PathBuf>,
    without_token: bool,
    database: Option<String>,
    storage: Option<String>,
    token: Option<String>,
    has_public_url: bool,
}

impl ServerBuilder {
    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> ServerBuilder {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds an argument after `serve`.
    #[must_use]
    pub fn arg(mut self, argument: &str) -> ServerBuilder {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Keeps the data here, instead of in a temporary folder.
    #[must_use]
    pub fn data(mut self, folder: &Path) -> ServerBuilder {
        self.data = Some(folder.to_owned());
        self
    }

    /// Keeps the metadata in this database, instead of in the folder.
    #[must_use]
    pub fn database(mut self, url: &str) -> ServerBuilder {
        self.database = Some(url.to_owned());
        self
    }

    /// Keeps the crate files in this storage, instead of in the folder.
    #[must_use]
    pub fn storage(mut self, url: &str) -> ServerBuilder {
        self.storage = Some(url.to_owned());
        self
    }

    /// The admin's token, for several servers on one database.
    #[must_use]
    pub fn token(mut self, token: &str) -> ServerBuilder {
        self.token = Some(token.to_owned());
        self
    }

    /// Tells the server its own address, instead of leaving that to the requests.
    #[must_use]
    pub fn with_public_url(mut self) -> ServerBuilder {
        self.has_public_url = true;
        self
    }

    /// Lets the first start make up the admin's token.
    #[must_use]
    pub fn without_token(mut self) -> ServerBuilder {
        self.without_token = true;
        self
    }

    /// Starts the server and waits until it is ready.
    #[track_caller]
    pub fn start(self) -> Server {
        let home = tempfile::tempdir().expect("the temporary folder takes folders");
        let data = self.data.clone().unwrap_or_else(|| home.path().join("data"));
        self.configure(&data);
        let token = self.token.clone().unwrap_or_else(|| {
            let secret = RandomState::new().build_hasher().finish();
            format!("bootstrap-secret-{secret:016x}")
        });
        let process =
            Process { builder: self, port: Port::free(), token, data, home, running: Mutex::default() };
        let mut server = Server { process: Arc::new(process) };
        server.restart();
        server
    }
}

impl ServerBuilder {
    /// Whether its engine lets no other process in.
    fn is_alone(&self) -> bool {
        self.data.is_none() && self.database.is_none() && place::is_for_one_process()
    }

    /// Names the places in the folder's own configuration file, where the command line finds them too. Databases on
    /// a machine full of tests answer late, and tests that are not about that wait for them.
    fn configure(&self, data: &Path) {
        let is_given = self.data.is_some();
        let database = self.database.clone().or_else(|| if is_given { None } else { place::database() });
        let storage = self.storage.clone().or_else(|| if is_given { None } else { place::storage() });
        let patience = database.is_some().then(|| format!("{}s", PATIENCE.as_secs()));
        let lines = [
            ("database", database),
            ("database-read-timeout", patience.clone()),
            ("database-write-timeout", patience),
            ("storage", storage),
        ];
        let lines = lines.into_iter().filter_map(|(name, value)| {
            let value = value?.replace("{data}", utf8(data));
            Some(format!("{name} = {value:?}\n"))
        });
        let text: String = lines.collect();
        if !text.is_empty() {
            fs::create_dir_all(data).expect("the temporary folder takes folders");
            fs::write(data.join("holdfast.toml"), text).expect("a folder takes files");
        }
    }
}

/// A server under test. Dropping it ends its process.
pub struct Server {
    process: Arc<Process>,
}

/// How the server's process is started and ended, for the server and for the command line beside it.
pub(crate) struct Process {
    builder: ServerBuilder,
    port: Port,
    token: String,
    data: PathBuf,
    home: TempDir,
    running: Mutex<Option<Running>>,
}

/// Fields are dropped in this order: the watchdog is told last.
struct Running {
    child: Child,
    _watchdog: Watchdog,
}

impl Server {
    /// A server with its defaults.
    #[track_caller]
    pub fn start() -> Server {
        Server::builder().start()
    }

    /// A server with other than its defaults.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// Where it listens; the same after a restart.
    pub fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// The address that clients write, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The index of a registry as clients write it.
    pub fn index(&self, registry: &str) -> String {
        format!("sparse+{}/r/{registry}/index/", self.url())
    }

    /// The admin's token.
    pub fn token(&self) -> &str {
        &self.process.token
    }

    /// The folder with everything that the server stores.
    pub fn data(&self) -> &Path {
        &self.process.data
    }

    /// A connection that sends the admin's token.
    pub fn http(&self) -> Http {
        Http::connect(self.address()).with_token(self.token())
    }

    /// A connection without a token.
    pub fn anonymous(&self) -> Http {
        Http::connect(self.address())
    }

    /// The command line on the same data. Where the engine lets no other process in, the server pauses for each
    /// command.
    pub fn cli(&self) -> Cli {
        let cli = Cli::on(self.data());
        if self.process.builder.is_alone() { cli.instead_of(&self.process) } else { cli }
    }

    /// The real cargo in a new home, with the admin's token for the registry `main`.
    pub fn cargo(&self) -> Cargo {
        Cargo::with_registry("main", &self.index("main")).token(self.token())
    }

    /// Publishes a version that only has a name, and must succeed.
    #[track_caller]
    pub fn publish(&self, name: &str, version: &str) -> Answer {
        let package = crate::packages::CrateBuilder::new(name, version).own_index(&self.index("main"));
        self.http().publish("main", &package.frame()).expect_status(200)
    }

    /// What it printed as results.
    pub fn stdout(&self) -> String {
        read(&self.process.home.path().join("stdout"))
    }

    /// What it logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Asks it to end, without waiting.
    pub fn ask_to_stop(&self) {
        self.process.ask_to_stop();
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn wait_for_end(&mut self) -> ExitStatus {
        self.process.wait_for_end()
    }

    /// Asks it to end and makes sure that it says all went well.
    #[track_caller]
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        assert!(self.process.end(), "the server runs");
    }

    /// Starts it again on the same data and port.
    #[track_caller]
    pub fn restart(&mut self) {
        self.process.start();
    }

    /// Makes sure that the server lives, that nothing panicked, and that its log tells no secret.
    #[track_caller]
    pub fn assert_unharmed(&self) {
        self.anonymous().get("/livez").expect_status(200);
        let log = self.log();
        assert!(!log.contains("panic"), "something panicked:\n{log}");
        assert!(!log.contains(self.token()), "the log tells the token:\n{log}");
    }

    /// Waits until the search index knows `count` crates of `main`, since it follows publishes a little later.
    #[track_caller]
    pub fn wait_until_searchable(&self, count: u64) {
        let mut http = self.http();
        until(&format!("{count} crates in the search index"), || {
            let found = http.get("/r/main/api/v1/crates?per_page=1").expect_status(200).json();
            (found["meta"]["total"] == count).then_some(())
        });
    }
}

impl Process {
    fn address(&self) -> SocketAddr {
        self.port.address()
    }

    fn log(&self) -> String {
        read(&self.home.path().join("stderr"))
    }

    /// Whether it was started and has not ended.
    pub(crate) fn is_running(&self) -> bool {
        self.running().is_some()
    }

    fn ask_to_stop(&self) {
        signal("TERM", self.running().as_ref().expect("the server runs").child.id());
    }

    #[track_caller]
    fn wait_for_end(&self) -> ExitStatus {
        let mut running = self.running().take().expect("the server runs");
        let ended =
            seen_within(PATIENCE, || running.child.try_wait().expect("our own child can be waited for"));
        ended.unwrap_or_else(|| {
            end(&mut running.child);
            panic!("the server did not end within {} s; it logged\n{}", PATIENCE.as_secs(), self.log())
        })
    }

    /// Ends it in order.
    #[track_caller]
    pub(crate) fn stop(&self) {
        self.ask_to_stop();
        let status = self.wait_for_end();
        assert!(status.success(), "the server ended with {status}; it logged\n{}", self.log());
    }

    /// Ends it at once, if it runs.
    fn end(&self) -> bool {
        let Some(mut running) = self.running().take() else { return false };
        end(&mut running.child);
        true
    }

    /// Starts it and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(&self) {
        assert!(!self.is_running(), "the server runs already");
        let mut child = self.command().spawn().expect("the binary can be started");
        let watchdog = Watchdog::over(child.id());
        let address = self.address();
        let ready = seen_within(PATIENCE, || {
            let status = child.try_wait().expect("our own child can be waited for");
            if let Some(status) = status {
                panic!("the server ended early with {status}; it logged\n{}", self.log());
            }
            let answer =
                Http::try_connect(address).and_then(|mut http| http.try_send("GET", "/readyz", &[], &[]));
            answer.ok().filter(|answer| answer.status == 200)
        });
        if ready.is_none() {
            end(&mut child);
            panic!("the server was not ready within {} s; it logged\n{}", PATIENCE.as_secs(), self.log());
        }
        *self.running() = Some(Running { child, _watchdog: watchdog });
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn command(&self) -> Command {
        let append = |name: &str| -> File {
            let path = self.home.path().join(name);
            OpenOptions::new().create(true).append(true).open(path).expect("a temporary folder takes files")
        };
        let mut command = Command::new(binary());
        clean(&mut command).current_dir(self.home.path());
        command.arg("serve").arg("--data").arg(&self.data).arg("--listen").arg(self.address().to_string());
        command.args(&self.builder.arguments);
        if self.builder.has_public_url {
            command.arg("--public-url").arg(format!("http://{}", self.address()));
        }
        if !self.builder.without_token {
            command.env("HOLDFAST_BOOTSTRAP_TOKEN", &self.token);
        }
        command.envs(self.builder.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(append("stdout")).stderr(append("stderr"));
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.end();
        if std::thread::panicking() {
            let log = self.log();
            let mut last: Vec<String> =
                log.lines().rev().take(20).map(|line| line.chars().take(300).collect()).collect();
            last.reverse();
            eprintln!("--- the last lines of the server's log\n{}\n---", last.join("\n"));
        }
    }
}

fn end(child: &mut Child) {
    child.kill().ok();
    child.wait().ok();
}

fn read(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
