//! Programs that a task needs from the operating system, installed on Debian when root, named otherwise.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::repository::{check, command};

/// A program and the Debian package that holds it.
#[derive(Clone, Copy)]
pub(crate) struct Need {
    /// What is called.
    pub program: &'static str,
    /// What to install.
    pub package: &'static str,
}

/// Needed to compile SQLite, and to know which files are tracked.
pub(crate) const FOR_TESTS: &[Need] =
    &[Need { program: "cc", package: "build-essential" }, Need { program: "git", package: "git" }];

/// The yardstick and the load.
pub(crate) const FOR_BENCH: &[Need] =
    &[Need { program: "nginx", package: "nginx" }, Need { program: "wrk", package: "wrk" }];

/// Where `program` is, in the path or in the folders of the administrator's programs.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// Whether this process may install packages.
pub(crate) fn is_root() -> bool {
    Path::new("/proc/self").metadata().is_ok_and(|metadata| metadata.uid() == 0)
}

/// Makes every program of `needs` available, or says what to install.
pub(crate) fn provide(needs: &[Need]) -> Result<()> {
    install(&missing(needs))
}

/// Installs packages, or says what to install.
pub(crate) fn install(missing: &[&str]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if !is_root() || find("apt-get").is_none() {
        bail!(
            "programs are missing, install them: `sudo apt-get install --no-install-recommends {packages}`"
        );
    }
    eprintln!("installing {packages}");
    apt_get(&["update", "--quiet"])?;
    let mut install = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    install.extend(missing);
    apt_get(&install)
}

fn missing(needs: &[Need]) -> Vec<&'static str> {
    needs.iter().filter(|need| find(need.program).is_none()).map(|need| need.package).collect()
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    check(command("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
}
