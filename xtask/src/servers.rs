//! The real databases and object stores that tests run against: from Debian where it has them, otherwise from
//! `PyPI` into an environment of their own.

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
    Need { program: "python3", package: "python3" },
];

/// Makes every server available, or says what to install.
pub(crate) fn provide() -> Result<()> {
    packages::provide(PACKAGES)?;
    if !succeeds(command("python3").args(["-c", "import ensurepip, venv"])) {
        packages::install(&["python3-venv"])?;
    }
    python_environment()
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
