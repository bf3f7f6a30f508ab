//! Data sets of a size that nobody publishes over HTTP for a measurement, made once and kept.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::plan::{Plan, TOKEN};
use super::table::thousands;
use crate::repository::{cargo, check, command, target};

/// A data set: so many crates, each with so many versions.
#[derive(Clone, Copy)]
pub(super) struct Size {
    /// Crates.
    pub crates: u32,
    /// Versions of each crate.
    pub versions: u32,
}

impl Size {
    /// For the tables: `20,000 crates`.
    pub(super) fn label(self) -> String {
        format!("{} crates", thousands(f64::from(self.crates)))
    }

    /// The folder of this data set, made now unless an earlier run made it.
    fn seeded(self, plan: &Plan) -> Result<PathBuf> {
        let kept = target().join("bench-data");
        let name = format!("{}-crates-of-{}", self.crates, self.versions);
        let (data, complete) = (kept.join(&name), kept.join(format!("{name}.complete")));
        if plan.reseed || !complete.is_file() {
            std::fs::remove_file(&complete).ok();
            std::fs::remove_dir_all(&data).ok();
            std::fs::create_dir_all(&kept)?;
            eprintln!("seeding {} of {} versions into `{}`", self.label(), self.versions, data.display());
            self.seed(&data)?;
            std::fs::write(&complete, "")?;
        }
        Ok(data)
    }

    /// Through the registry's own layers, by a program of the test kit, so that this package stays small.
    fn seed(self, data: &Path) -> Result<()> {
        let mut seed = cargo(&["run", "--release", "--package", "holdfast-testkit", "--bin", "seed", "--"]);
        seed.arg("--data").arg(data);
        seed.args(["--crates", &self.crates.to_string(), "--versions", &self.versions.to_string()]);
        check(seed.env("HOLDFAST_BOOTSTRAP_TOKEN", TOKEN))
    }

    /// A copy of this data set in the work folder, so that the kept one never grows, all of it on the disk
    /// before anything is timed.
    pub(super) fn copy(self, plan: &Plan) -> Result<PathBuf> {
        let data = self.seeded(plan)?;
        let name = data.file_name().context("a data set has a name")?;
        let copy = plan.work.join(name);
        std::fs::remove_dir_all(&copy).ok();
        check(command("cp").args(["--archive", "--reflink=auto"]).arg(&data).arg(&copy))?;
        check(&mut command("sync"))?;
        Ok(copy)
    }
}

/// Where the design asks for publish latencies.
pub(super) const TEAM: Size = Size { crates: 20_000, versions: 10 };

/// As large as the public registry.
pub(super) const PUBLIC: Size = Size { crates: 200_000, versions: 10 };
