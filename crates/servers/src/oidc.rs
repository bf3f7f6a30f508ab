//! An OpenID provider, `oidc-provider` from npm, behind a proxy that misbehaves as a test tells it. Whoever says
//! a name is signed in by it. Its keys are new at each start.

mod visit;

use std::path::Path;

use tempfile::TempDir;

use crate::kind::is_full_run;
use crate::process::find;
use crate::{Front, Missing, Port, Process, Program};

const CLIENTS: &str = r#"[
    {"client_id": "holdfast", "client_secret": "the secret of the client", "redirect_uris": ["http://127.0.0.1/"]},
    {"client_id": "public", "token_endpoint_auth_method": "none", "redirect_uris": ["http://127.0.0.1/"],
     "id_token_signed_response_alg": "EdDSA"}
]"#;

/// A running OpenID provider.
pub struct Oidc {
    // Dropped in this order: the process before its folder.
    process: Process,
    front: Front,
    port: Port,
    _folder: TempDir,
}

impl Oidc {
    /// The name of the client that keeps a secret.
    pub const CLIENT: &str = "holdfast";

    /// Its secret.
    pub const SECRET: &str = "the secret of the client";

    /// The name of a client without a secret, whose ID tokens are signed by Ed25519.
    pub const PUBLIC_CLIENT: &str = "public";

    /// Starts a provider. `None` when it is not installed, which is said; a full run panics then.
    #[track_caller]
    pub fn start() -> Option<Oidc> {
        match Oidc::try_start() {
            Ok(oidc) => Some(oidc),
            Err(missing) => {
                assert!(!is_full_run(), "the OpenID provider is not here: {missing}");
                eprintln!("skipped: the OpenID provider is not here: {missing}");
                None
            }
        }
    }

    fn try_start() -> Result<Oidc, Missing> {
        let path = find("node", &[], "`apt-get install nodejs`")?;
        let modules =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-servers/node/node_modules");
        if !modules.join("oidc-provider").is_dir() {
            return Err(Missing::new("oidc-provider", "`cargo xtask test --only servers`"));
        }
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        std::fs::write(folder.path().join("oidc.mjs"), include_str!("oidc.mjs"))
            .expect("the folder takes files");
        std::os::unix::fs::symlink(modules, folder.path().join("node_modules"))
            .expect("the folder takes links");
        let port = Port::free();
        let address = port.address();
        let front = Front::before(address);
        let issuer = format!("http://{}", front.address());
        let arguments = vec!["oidc.mjs".to_owned(), address.port().to_string(), issuer, CLIENTS.to_owned()];
        let program = Program { path, arguments, variables: Vec::new(), user: None };
        let process = Process::start(program, folder.path(), move || {
            visit::exchange(address, "GET", "/jwks", &[], "").is_ok_and(|answer| answer.status == 200)
        });
        Ok(Oidc { process, front, port, _folder: folder })
    }

    /// Its name, which is where its proxy listens.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.front.address())
    }

    /// The proxy between it and everybody else.
    pub fn front(&self) -> &Front {
        &self.front
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Starts it again with other keys. It forgets who is signed in.
    pub fn rotate(&self) {
        self.process.kill();
        self.process.start_again();
    }

    /// A token of any content, from a JSON object of `header` (with `alg`), `claims`, `key` (which of the
    /// provider's keys signs: `RS256`, `ES256`, `ES384`, `EdDSA`), and `foreign` for a key that is not published.
    pub fn mint(&self, wanted: &str) -> String {
        let answer = visit::exchange(self.port.address(), "POST", "/test/mint", &[], wanted);
        let answer = answer.expect("the provider answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// What a browser does with the URL of a sign-in when a person called `name` fills in every form: the URL to
    /// which the provider sends it back.
    pub fn sign_in(&self, url: &str, name: &str) -> String {
        visit::sign_in(self.front.address(), url, name)
    }
}
