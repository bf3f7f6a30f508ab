//! A real browser, Chromium, driven by its own `chromedriver`.

use std::net::{SocketAddr, TcpStream};

use tempfile::TempDir;

use crate::kind::is_full_run;
use crate::process::find;
use crate::{Missing, Port, Process, Program};

/// What starts browsers, and speaks `WebDriver`.
pub struct Chromedriver {
    // Dropped in this order: the process before its folder.
    process: Process,
    port: Port,
    _folder: TempDir,
}

impl Chromedriver {
    /// Starts it. `None` when it or the browser is not installed, which is said; a full run panics then.
    #[track_caller]
    pub fn start() -> Option<Chromedriver> {
        match Chromedriver::try_start() {
            Ok(driver) => Some(driver),
            Err(missing) => {
                assert!(!is_full_run(), "the browser is not here: {missing}");
                eprintln!("skipped: the browser is not here: {missing}");
                None
            }
        }
    }

    fn try_start() -> Result<Chromedriver, Missing> {
        find("chromium", &[], "`apt-get install chromium`")?;
        let path = find("chromedriver", &[], "`apt-get install chromium-driver`")?;
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        let port = Port::free();
        let address = port.address();
        let arguments = vec![format!("--port={}", address.port()), "--log-level=WARNING".to_owned()];
        // Profiles and whatever else a browser leaves are gone with the folder.
        let home = folder.path().display().to_string();
        let variables = ["HOME", "TMPDIR"].map(|name| (name.to_owned(), home.clone())).to_vec();
        let program = Program { path, arguments, variables, user: None };
        let process = Process::start(program, folder.path(), move || TcpStream::connect(address).is_ok());
        Ok(Chromedriver { process, port, _folder: folder })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
