//! Servers that come from PyPI, in an environment of their own.

use crate::Missing;
use std::path::{Path, PathBuf};

/// A program of the environment that `cargo xtask test` makes from `requirements.txt`.
pub(crate) fn program(name: &str) -> Result<PathBuf, Missing> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-servers/bin");
    let path = folder.join(name);
    if path.is_file() { Ok(path) } else { Err(Missing::new(name, "`cargo xtask test --only servers`")) }
}
