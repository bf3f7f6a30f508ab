//! mysql.

use crate::{Missing, Server};

pub(crate) fn start() -> Result<Box<dyn Server>, Missing> {
    Err(Missing::new("mysql", "not yet"))
}
