//! What an operator may set, as the operations need it.

use holdfast_package::{Limits, RequiredFields};
use std::time::Duration;

/// Settings of the operations; the binary fills them from its options.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Limits of a published package.
    pub package: Limits,
    /// Manifest fields that every publish must have, unless its registry says otherwise.
    pub required_fields: RequiredFields,
    /// How old a cached index file, token or permission may be.
    pub staleness: Duration,
    /// Bytes of index files to hold in memory.
    pub index_cache_bytes: u64,
    /// How often unreferenced files are looked for; zero for never.
    pub sweep_interval: Duration,
    /// How long a file may be unreferenced before it is swept.
    pub sweep_grace: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            package: Limits::default(),
            required_fields: RequiredFields::default(),
            staleness: Duration::from_secs(1),
            index_cache_bytes: 64 * 1024 * 1024,
            sweep_interval: Duration::from_hours(24),
            sweep_grace: Duration::from_hours(24),
        }
    }
}
