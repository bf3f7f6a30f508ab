//! Cargo's side: starts the provider, asks one thing, and reads the answer.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::Server;

/// A user with a folder for cargo, before a registry.
pub(crate) struct User {
    home: TempDir,
    pub(crate) index: String,
    variables: Vec<(String, String)>,
}

/// What cargo and the user got.
pub(crate) struct Outcome {
    pub(crate) reply: Value,
    /// What the user can read.
    pub(crate) words: String,
}

impl User {
    pub(crate) fn of(server: &Server) -> User {
        User::at(server.index())
    }

    pub(crate) fn at(index: String) -> User {
        User { home: tempfile::tempdir().unwrap(), index, variables: Vec::new() }
    }

    /// Sets a variable of the provider's environment, which has few.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> User {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Puts a program into the path, which is empty otherwise.
    #[cfg(unix)]
    pub(crate) fn with_program(self, name: &str, script: &str) -> User {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.home().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let folder = self.home().display().to_string();
        self.with("PATH", folder)
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The file of the credentials.
    pub(crate) fn book(&self) -> PathBuf {
        self.home().join("holdfast-credentials.json")
    }

    /// What is stored for the registry.
    pub(crate) fn stored(&self) -> Value {
        let text = fs::read(self.book()).unwrap_or_else(|_| b"{}".to_vec());
        serde_json::from_slice::<Value>(&text).unwrap()["registries"][&self.index].clone()
    }

    /// Stores a session whose access token has so many seconds left.
    pub(crate) fn has_session(&self, access: &str, seconds_left: i64, refresh: &str) {
        #[expect(clippy::disallowed_methods, reason = "the provider looks at the clock too")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let expires_at = now.saturating_add_signed(seconds_left);
        self.has(&json!({
            "kind": "session", "access_token": access, "expires_at": expires_at, "refresh_token": refresh,
        }));
    }

    /// Stores something.
    pub(crate) fn has(&self, stored: &Value) {
        let book = json!({"registries": {&self.index: stored}});
        let mut file = tempfile::NamedTempFile::new_in(self.home()).unwrap();
        file.write_all(book.to_string().as_bytes()).unwrap();
        file.persist(self.book()).unwrap();
    }

    /// Asks one thing: `request` is what comes beside the version and the registry.
    #[track_caller]
    pub(crate) fn ask(&self, request: &Value) -> Outcome {
        answer_of(self.start(request))
    }

    /// Starts a provider with a request that it finds when it looks.
    pub(crate) fn start(&self, request: &Value) -> Child {
        let mut line = json!({"v": 1, "registry": {"index-url": self.index, "name": "corp"}});
        line.as_object_mut().unwrap().extend(request.as_object().unwrap().clone());
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-credential-holdfast"));
        command.arg("--cargo-plugin").env_clear().env("CARGO_HOME", self.home());
        command.env("HOLDFAST_CREDENTIAL_STORE", "file").envs(self.variables.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Closed at the end of the statement: the provider ends after its answer.
        writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
        child
    }

    pub(crate) fn read(&self) -> Outcome {
        self.ask(&json!({"kind": "get", "operation": "read"}))
    }

    pub(crate) fn publish(&self) -> Outcome {
        self.ask(&json!({
            "kind": "get", "operation": "publish", "name": "foo", "vers": "0.1.0", "cksum": "f501",
        }))
    }
}

/// Waits for the answer.
#[track_caller]
pub(crate) fn answer_of(child: Child) -> Outcome {
    let output = child.wait_with_output().unwrap();
    let (said, words) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{said}{words}");
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [hello, reply] = &*lines else { panic!("not a greeting and an answer: {said}{words}") };
    assert_eq!(*hello, json!({"v": [1]}));
    assert!(!words.contains("secret") && !reply["Err"].to_string().contains("secret"), "{reply}{words}");
    Outcome { reply: reply.clone(), words }
}

impl Outcome {
    /// The answer, which must be good.
    #[track_caller]
    pub(crate) fn done(self) -> Value {
        assert!(self.reply["Ok"].is_object(), "{}{}", self.reply, self.words);
        self.reply["Ok"].clone()
    }

    /// The kind of a refusal and its words, with those behind it.
    #[track_caller]
    pub(crate) fn refusal(&self) -> (String, String) {
        let refusal = &self.reply["Err"];
        let causes = refusal["caused-by"].as_array().cloned().unwrap_or_default();
        let words = [refusal["message"].clone()].into_iter().chain(causes);
        let words: Vec<String> = words.map(|word| word.as_str().unwrap().to_owned()).collect();
        (refusal["kind"].as_str().unwrap().to_owned(), words.join(": "))
    }
}
