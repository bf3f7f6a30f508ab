//! The real databases and object stores that tests run against: from Debian where it has them, otherwise from
//! `PyPI` or npm into an environment of their own.

use std::fs;

use anyhow::{Context, Result};

use crate::packages::{self, Need};
use crate::repository::{check, command, root, succeeds};

/// From Debian.
const PACKAGES: &[Need] = &[
    Need { program: "psql", package: "postgresql" },
    Need { program: "mariadbd", package: "mariadb-server" },
    Need { program: "redis-server", package: "redis-server" },
    Need { program: "openssl", package: "openssl" },
    Need { program: "slapd", package: "slapd" },
    Need { program: "python3", package: "python3" },
    Need { program: "npm", package: "npm" },
    Need { program: "chromium", package: "chromium" },
    Need { program: "chromedriver", package: "chromium-driver" },
];

/// Makes every server available, or says what to install.
pub(crate) fn provide() -> Result<()> {
    packages::provide(PACKAGES)?;
    if !succeeds(command("python3").args(["-c", "import ensurepip, venv"])) {
        packages::install(&["python3-venv"])?;
    }
    python_environment()?;
    node_modules()
}

/// An environment with what `requirements.txt` names, made anew when that changes. The crate that starts the
/// servers looks for it here.
fn python_environment() -> Result<()> {
    let folder = root().join("target").join("test-servers");
    let wanted = root().join("crates/servers/requirements.txt");
    let wanted_text = fs::read_to_string(&wanted)?;
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted_text) {
        return Ok(());
    }
    check(command("python3").args(["-m", "venv"]).arg(&folder))?;
    let mut pip = command(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&wanted);
    check(&mut pip).context("the servers of the tests could not be installed")?;
    Ok(fs::write(installed, wanted_text)?)
}

/// What `package.json` names, installed anew when that changes. The crate that starts the servers looks for it
/// here.
fn node_modules() -> Result<()> {
    let folder = root().join("target").join("test-servers").join("node");
    let wanted_text = fs::read_to_string(root().join("crates/servers/package.json"))?;
    let installed = folder.join("installed.json");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted_text) {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("package.json"), &wanted_text)?;
    let mut npm = command("npm");
    npm.args([
        "install",
        "--no-package-lock",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--loglevel=error",
    ]);
    check(npm.current_dir(&folder)).context("the servers of the tests could not be installed")?;
    Ok(fs::write(installed, wanted_text)?)
}
