//! Options: one table ([`TABLE`]) from which come the global flags, the environment variables, the keys of
//! `holdfast.toml`, the answer to "where does this value come from" and the reference page.
//!
//! A flag beats the environment, the environment beats the file, the file beats the default. Nothing in here
//! reads the process: arguments, environment and files are handed in.

mod environment;
mod error;
mod file;
mod flags;
mod nearest;
mod provenance;
mod reference;
mod resolve;
mod spec;
mod table;
#[cfg(test)]
mod tests;
mod values;

use std::io;
use std::path::Path;

pub use self::environment::Environment;
pub use self::error::{OptionError, OptionErrors};
pub use self::flags::{Flags, attach_flags};
pub use self::nearest::nearest_variable;
pub use self::provenance::{Entry, Provenance, Source};
pub use self::reference::reference_page;
pub use self::spec::{OptionSpec, Section};
pub use self::table::{Config, TABLE};
pub use self::values::{
    ByteSize, DatabaseUrl, IpRange, ListenAddress, LogFilter, LogFormat, MailDomain, OptionShape,
    OptionValue, PositiveSize, PublicUrl, Registration, RequiredField, Secret, Shown, StorageUrl,
    parse_duration,
};

use self::file::FileValues;
use self::resolve::Resolver;

/// Reads a text file; `std::fs::read_to_string` outside tests.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// What was found, faults included.
#[derive(Debug)]
pub struct Loaded {
    /// Every option; one whose value is faulty has its default.
    pub config: Config,
    /// Where each value comes from.
    pub provenance: Provenance,
    /// All faults, in the order of the table.
    pub errors: Vec<OptionError>,
}

/// Resolves every option, or reports everything that is wrong with them at once.
pub fn load(
    flags: &Flags,
    environment: &Environment,
    read_file: ReadFile<'_>,
) -> Result<(Config, Provenance), OptionErrors> {
    let loaded = load_leniently(flags, environment, read_file);
    if loaded.errors.is_empty() {
        Ok((loaded.config, loaded.provenance))
    } else {
        Err(OptionErrors(loaded.errors))
    }
}

/// As [`load`], and hands out what is known beside the faults, for commands that check a configuration.
pub fn load_leniently(flags: &Flags, environment: &Environment, read_file: ReadFile<'_>) -> Loaded {
    let mut errors = Vec::new();
    let file = FileValues::find(flags, environment, read_file, &mut errors);
    let mut resolver = Resolver::new(flags, environment, file, errors);
    let config = Config::resolve(&mut resolver);
    let (provenance, errors) = resolver.finish();
    Loaded { config, provenance, errors }
}
