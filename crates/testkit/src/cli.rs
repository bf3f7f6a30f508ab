//! The commands of the binary, on the data of a server that runs or does not.

use crate::process::{Ran, binary, clean, run};
use crate::server::Process;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Calls `holdfast …` on one data folder.
#[derive(Clone)]
pub struct Cli {
    data: PathBuf,
    variables: Vec<(String, String)>,
    pauses: Option<Arc<Process>>,
}

impl Cli {
    /// The commands on `data`.
    pub fn on(data: &Path) -> Cli {
        Cli { data: data.to_owned(), variables: Vec::new(), pauses: None }
    }

    /// The same, for data that only one process can open: its server pauses for each command.
    pub(crate) fn instead_of(self, server: &Arc<Process>) -> Cli {
        Cli { pauses: Some(server.clone()), ..self }
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Cli {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs a command, however it ends. The line is split at spaces.
    #[track_caller]
    pub fn run(&self, line: &str) -> Ran {
        self.run_with(line, &[])
    }

    /// Runs a command with further arguments that may hold spaces.
    #[track_caller]
    pub fn run_with(&self, line: &str, arguments: &[&str]) -> Ran {
        self.run_reading(line, arguments, "")
    }

    /// Runs a command that reads `input`.
    #[track_caller]
    pub fn run_reading(&self, line: &str, arguments: &[&str], input: &str) -> Ran {
        let mut command = Command::new(binary());
        clean(&mut command).args(line.split_whitespace()).args(arguments).arg("--data").arg(&self.data);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.data.parent().unwrap_or(&self.data));
        let paused = self.pauses.as_ref().filter(|server| server.is_running());
        if let Some(server) = paused {
            server.stop();
        }
        let ran = run(&mut command, input);
        if let Some(server) = paused {
            server.start();
        }
        ran
    }

    /// Runs a command that must succeed, and gives its result.
    #[track_caller]
    pub fn ok(&self, line: &str) -> String {
        self.run(line).ok().stdout
    }

    /// Runs a command with `--json` that must succeed, and gives its result.
    #[track_caller]
    pub fn json(&self, line: &str) -> serde_json::Value {
        let ran = self.run(&format!("{line} --json")).ok();
        let parsed = serde_json::from_str(&ran.stdout);
        parsed.unwrap_or_else(|error| panic!("`{line} --json` printed no JSON ({error}): {}", ran.stdout))
    }

    /// Runs a command that must fail, and gives what it said.
    #[track_caller]
    pub fn fails(&self, line: &str) -> String {
        self.run(line).fails().stderr
    }

    /// Makes a user with a token that has these further arguments of `token create`, and gives the secret.
    #[track_caller]
    pub fn user(&self, name: &str, role: &str, token: &str) -> String {
        self.ok(&format!("user add {name} --role {role}"));
        self.token(name, token)
    }

    /// Makes a token for a user with further arguments of `token create`, and gives the secret.
    #[track_caller]
    pub fn token(&self, user: &str, arguments: &str) -> String {
        let made = self.json(&format!("token create --user {user} --name test {arguments}"));
        made["token"].as_str().expect("`token create --json` has a text `token`").to_owned()
    }

    /// Makes sure that `fsck` finds nothing, reading every file.
    #[track_caller]
    pub fn assert_clean(&self) {
        self.run("fsck --hash").ok();
    }
}
