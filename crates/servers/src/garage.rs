//! S3's protocol, spoken by Garage: an object store that checks signatures and checksums and keeps what it has
//! acknowledged.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::find;
use crate::{Missing, PATIENCE, Port, Process, Program, Server, seen_within};

/// The identity of a key is fixed in its form: `GK` and 24 digits.
const KEY: &str = "GK5e0b1f6a7c2d3e4f5a6b7c8d";
const SECRET: &str = "1f9a8b7c6d5e4f30213243546576879809a1b2c3d4e5f60718293a4b5c6d7e8f";

struct Garage {
    process: Process,
    command: PathBuf,
    // Given back after the process has ended.
    folder: tempfile::TempDir,
    port: Port,
    _other_port: Port,
    places: AtomicU32,
}

pub(crate) fn start() -> Result<Box<dyn Server>, Missing> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-servers/garage/bin");
    let command = find("garage", &[installed], "`cargo xtask test --only servers`")?;
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (port, other_port) = (Port::free(), Port::free());
    std::fs::write(folder.path().join("garage.toml"), configuration(&port, &other_port))
        .expect("the temporary folder takes files");
    let program = Program {
        path: command.clone(),
        arguments: ["-c", "garage.toml", "server", "--single-node"].map(str::to_owned).into(),
        variables: vec![("RUST_LOG".to_owned(), "garage=warn".to_owned())],
        user: None,
    };
    let address = port.address();
    let is_ready = move || std::net::TcpStream::connect(address).is_ok();
    let process = Process::start(program, folder.path(), is_ready);
    let places = AtomicU32::new(0);
    let garage = Garage { process, command, folder, port, _other_port: other_port, places };
    garage.make_key();
    Ok(Box::new(garage))
}

fn configuration(port: &Port, other_port: &Port) -> String {
    format!(
        "metadata_dir = \"meta\"\n\
         data_dir = \"data\"\n\
         db_engine = \"lmdb\"\n\
         replication_factor = 1\n\
         rpc_bind_addr = \"{other}\"\n\
         rpc_public_addr = \"{other}\"\n\
         rpc_secret = \"{SECRET}\"\n\
         [s3_api]\n\
         s3_region = \"garage\"\n\
         api_bind_addr = \"{}\"\n",
        port.address(),
        other = other_port.address()
    )
}

impl Garage {
    /// Makes the key, once the server listens to its own command.
    fn make_key(&self) {
        let import = ["key", "import", "--yes", "-n", "holdfast", KEY, SECRET];
        seen_within(PATIENCE, || self.say(&["status"]).ok()).expect("a server that listens tells its state");
        self.run(&import);
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) {
        if let Err(words) = self.say(arguments) {
            panic!("`garage {}` fails: {words}", arguments.join(" "));
        }
    }

    /// Runs Garage's own command beside the server, and gives what it says.
    fn say(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.command);
        command.args(["-c", "garage.toml"]).args(arguments).current_dir(self.folder.path());
        let output = command.output().map_err(|error| error.to_string())?;
        let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(words(&output.stdout)) } else { Err(words(&output.stderr)) }
    }
}

impl Server for Garage {
    /// A new bucket, and a prefix in it.
    fn place(&self) -> String {
        let bucket = format!("holdfast-{}", self.places.fetch_add(1, Ordering::Relaxed));
        self.run(&["bucket", "create", &bucket]);
        self.run(&["bucket", "allow", "--read", "--write", "--owner", &bucket, "--key", KEY]);
        let address = self.port.address();
        format!(
            "s3://{bucket}/some/prefix?region=garage&endpoint=http://{address}&path_style=true\
             &access_key_id={KEY}&secret_access_key={SECRET}"
        )
    }

    fn process(&self) -> &Process {
        &self.process
    }
}
