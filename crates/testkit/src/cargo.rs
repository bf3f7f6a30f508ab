//! The real cargo in a clean home: nothing inherited, one registry, quick failures.

use crate::process::{Ran, Running, clean, run, start, utf8};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A cargo of its own: configuration, caches, credentials and build folder in a temporary place. It is the one that
/// runs the tests; `CARGO=/path/to/another/cargo` before a test's own file tries another.
#[derive(Debug)]
pub struct Cargo {
    place: TempDir,
    variables: Vec<(String, String)>,
    registry: String,
}

impl Cargo {
    /// A cargo that knows one registry, as its default, and no token.
    pub fn with_registry(name: &str, index: &str) -> Cargo {
        let config = format!(
            "[registry]\ndefault = \"{name}\"\nglobal-credential-providers = [\"cargo:token\"]\n\n\
             [registries.{name}]\nindex = \"{index}\"\n"
        );
        Cargo { registry: name.to_owned(), ..Cargo::with_config(&config) }
    }

    /// A cargo with this `config.toml`.
    pub fn with_config(config: &str) -> Cargo {
        let place = tempfile::tempdir().expect("the temporary folder takes folders");
        for folder in ["home", "work"] {
            fs::create_dir(place.path().join(folder)).expect("a temporary folder takes folders");
        }
        let path = place.path().join("home").join("config.toml");
        fs::write(path, config).expect("a temporary folder takes files");
        Cargo { place, variables: Vec::new(), registry: "main".to_owned() }
    }

    /// Uses this token, from the environment.
    #[must_use]
    pub fn token(self, token: &str) -> Cargo {
        let name = format!("CARGO_REGISTRIES_{}_TOKEN", self.registry.to_uppercase().replace('-', "_"));
        self.env(&name, token)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Cargo {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where packages can be written.
    pub fn work(&self) -> PathBuf {
        self.place.path().join("work")
    }

    /// Where cargo keeps its configuration and caches.
    pub fn home(&self) -> PathBuf {
        self.place.path().join("home")
    }

    /// Runs a command in `folder`, however it ends. The line is split at spaces.
    #[track_caller]
    pub fn run(&self, folder: &Path, line: &str) -> Ran {
        self.run_with_input(folder, line, "")
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub fn ok(&self, folder: &Path, line: &str) -> Ran {
        self.run(folder, line).ok()
    }

    /// Runs a command that must fail.
    #[track_caller]
    pub fn fails(&self, folder: &Path, line: &str) -> Ran {
        self.run(folder, line).fails()
    }

    /// Runs a command that concerns no package.
    #[track_caller]
    pub fn anywhere(&self, line: &str) -> Ran {
        self.run(&self.work(), line)
    }

    /// Runs a command that reads `input`.
    #[track_caller]
    pub fn run_with_input(&self, folder: &Path, line: &str, input: &str) -> Ran {
        run(&mut self.command(folder, line), input)
    }

    /// Starts a command that waits for something.
    #[track_caller]
    pub fn start(&self, folder: &Path, line: &str) -> Running {
        start(&mut self.command(folder, line), "")
    }

    /// Runs a line as a person would paste it into a shell.
    #[track_caller]
    pub fn paste(&self, line: &str) -> Ran {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        run(self.prepare(&mut command).current_dir(self.work()), "")
    }

    #[expect(clippy::disallowed_methods, reason = "cargo tells its tests which cargo it is")]
    fn command(&self, folder: &Path, line: &str) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(line.split_whitespace());
        self.prepare(&mut command).current_dir(folder);
        command
    }

    fn prepare<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let target = self.place.path().join("target");
        clean(command);
        command.env("CARGO_HOME", self.home()).env("CARGO_TARGET_DIR", utf8(&target));
        command.env("CARGO_NET_RETRY", "0").env("CARGO_HTTP_TIMEOUT", "30").env("CARGO_TERM_COLOR", "never");
        // Nothing of what is built is kept, and small things are built fast without these.
        command.env("CARGO_INCREMENTAL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)))
    }
}
