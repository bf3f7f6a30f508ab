//! Certificates for servers that encrypt: an authority, a certificate of it for `localhost`, and an authority
//! that has nothing to do with either.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Missing;
use crate::process::find;

/// Where the certificates of a server are.
pub(crate) struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes `ca.pem`, `other-ca.pem`, `server.pem` and `server.key` in a folder.
    pub(crate) fn make(folder: &Path) -> Result<Certificates, Missing> {
        let openssl = find("openssl", &[], "`apt-get install openssl`")?;
        let run = |name: &str, more: &[&str]| {
            let mut command = Command::new(&openssl);
            command.current_dir(folder).args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
            command.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
            command.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]).args(more);
            let output = command.stdin(Stdio::null()).output().expect("openssl was found");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        run("ca", &["-subj", "/CN=Authority"]);
        run("other-ca", &["-subj", "/CN=Other"]);
        let name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
        let issuer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"];
        run("server", &[&name[..], &issuer[..]].concat());
        Ok(Certificates { folder: folder.to_owned() })
    }

    /// The path of one of the files.
    pub(crate) fn path(&self, file: &str) -> String {
        self.folder.join(file).display().to_string()
    }
}
