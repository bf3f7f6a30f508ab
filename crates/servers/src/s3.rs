//! s3.

use crate::{Missing, Server};

pub(crate) fn start() -> Result<Box<dyn Server>, Missing> {
    Err(Missing::new("s3", "not yet"))
}
