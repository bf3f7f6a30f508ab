//! A `.crate` file, opened and verified within limits: one streaming pass over gzip and tar that keeps a few
//! files in memory and writes none. No I/O but the reader that is given.

mod agreement;
mod archive;
mod contents;
mod dependency;
mod error;
mod features;
mod fields;
mod inflate;
mod limits;
mod manifest;
mod package;
mod path;
mod table;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::PackageError;
pub use fields::{RequiredField, RequiredFieldError, RequiredFields};
pub use limits::Limits;
pub use package::{Package, VcsInfo, file, read, verify};
pub use path::PathFault;
