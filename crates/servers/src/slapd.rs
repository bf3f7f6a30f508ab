//! A directory: the server of `OpenLDAP` with the people of `slapd.ldif`, in plain text and encrypted.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::kind::is_full_run;
use crate::process::{Program, find};
use crate::{Missing, Port, Process};

/// A running directory.
pub struct Slapd {
    // Dropped in this order: the process before its folder.
    process: Process,
    plain: Port,
    encrypted: Port,
    _folder: TempDir,
}

impl Slapd {
    /// Where people and groups are.
    pub const BASE: &str = "dc=example,dc=org";

    /// The account that may search.
    pub const READER: &str = "cn=reader,dc=example,dc=org";

    /// Its password.
    pub const PASSWORD: &str = "the password of the reader";

    /// Starts a directory. `None` when it is not installed, which is said; a full run panics then.
    #[track_caller]
    pub fn start() -> Option<Slapd> {
        match Slapd::try_start() {
            Ok(slapd) => Some(slapd),
            Err(missing) => {
                assert!(!is_full_run(), "the directory is not here: {missing}");
                eprintln!("skipped: the directory is not here: {missing}");
                None
            }
        }
    }

    fn try_start() -> Result<Slapd, Missing> {
        const INSTALL: &str = "`apt-get install slapd`";
        let path = find("slapd", &[], INSTALL)?;
        let slapadd = find("slapadd", &[], INSTALL)?;
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        let certificates = Certificates::make(folder.path())?;
        configure(folder.path(), &certificates);
        add(&slapadd, folder.path());
        let (plain, encrypted) = (Port::free(), Port::free());
        let address = plain.address();
        let listen = format!("ldap://{address} ldaps://{}", encrypted.address());
        // It stays in the foreground for any level of words, also for none.
        let arguments = ["-f", "slapd.conf", "-h", &listen, "-d", "0"].map(str::to_owned).to_vec();
        let program = Program { path, arguments, variables: Vec::new(), user: None };
        let process = Process::start(program, folder.path(), move || is_ready(address).unwrap_or(false));
        Ok(Slapd { process, plain, encrypted, _folder: folder })
    }

    /// Its address for connections that begin in plain text.
    pub fn url(&self) -> String {
        format!("ldap://localhost:{}", self.plain.address().port())
    }

    /// Its address for connections that are encrypted from the beginning.
    pub fn encrypted_url(&self) -> String {
        format!("ldaps://localhost:{}", self.encrypted.address().port())
    }

    /// Its process. The folder holds `ca.pem`, the authority of its certificate, and `other-ca.pem`.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

fn configure(folder: &Path, certificates: &Certificates) {
    let data = folder.join("data");
    let of_files = ["ca.pem", "server.pem", "server.key"].map(|file| certificates.path(file));
    let [authority, certificate, key] = &of_files;
    let base = Slapd::BASE;
    let text = format!(
        "include /etc/ldap/schema/core.schema\n\
         include /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/nis.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\n\
         modulepath /usr/lib/ldap\n\
         moduleload back_mdb\n\
         TLSCACertificateFile {authority}\n\
         TLSCertificateFile {certificate}\n\
         TLSCertificateKeyFile {key}\n\
         database mdb\n\
         suffix {base}\n\
         directory {}\n\
         maxsize 16777216\n\
         access to attrs=userPassword by anonymous auth by * none\n\
         access to * by dn.exact={} read by anonymous auth by * none\n",
        data.display(),
        Slapd::READER,
    );
    fs::create_dir(data).expect("the temporary folder takes folders");
    fs::write(folder.join("slapd.conf"), text).expect("the temporary folder takes files");
    fs::write(folder.join("people.ldif"), include_str!("slapd.ldif")).expect("the folder takes files");
}

fn add(slapadd: &Path, folder: &Path) {
    let mut command = Command::new(slapadd);
    command.args(["-f", "slapd.conf", "-l", "people.ldif"]).current_dir(folder).stdin(Stdio::null());
    let output = command.output().expect("slapadd was found");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Whether it answers somebody who does not say a name.
fn is_ready(address: SocketAddr) -> io::Result<bool> {
    // A message with the number 1, and in it a bind by version 3 with an empty name and an empty password.
    const BIND: &[u8] = b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00";
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(BIND)?;
    let mut answer = [0; 1];
    stream.read_exact(&mut answer)?;
    Ok(answer == *b"\x30")
}
