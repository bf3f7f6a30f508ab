//! What an operator may set, as the operations need it.

use crate::fresh::Bounds;
use crate::hasher::PasswordCost;
use crate::invitations::SelfRegistration;
use holdfast_package::{Limits, RequiredFields};
use holdfast_types::IssuerPattern;
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
    /// How long what is in memory is still served while the database does not answer; zero for not at all.
    pub outage_grace: Duration,
    /// How long a read of the database may take.
    pub store_read_limit: Duration,
    /// How long a commit may take.
    pub store_write_limit: Duration,
    /// Bytes of index files to hold in memory.
    pub index_cache_bytes: u64,
    /// What hashing a password costs.
    pub password_cost: PasswordCost,
    /// Who may make an account without an invitation; `None` for nobody.
    pub self_registration: Option<SelfRegistration>,
    /// How long a browser session lasts without being used.
    pub session_idle: Duration,
    /// How long a browser session lasts at most.
    pub session_lifetime: Duration,
    /// How long a new token works when nobody says; `None` for ever.
    pub token_default_lifetime: Option<Duration>,
    /// How long a new token may work at most; `None` for ever.
    pub token_max_lifetime: Option<Duration>,
    /// Issuers whose CI jobs rules may trust.
    pub trusted_issuers: Vec<IssuerPattern>,
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
            outage_grace: Duration::from_mins(10),
            store_read_limit: Duration::from_secs(5),
            store_write_limit: Duration::from_secs(10),
            index_cache_bytes: 64 * 1024 * 1024,
            password_cost: PasswordCost::default(),
            self_registration: None,
            session_idle: Duration::from_hours(12),
            session_lifetime: Duration::from_hours(24 * 7),
            token_default_lifetime: None,
            token_max_lifetime: None,
            trusted_issuers: vec![IssuerPattern::public()],
            sweep_interval: Duration::from_hours(24),
            sweep_grace: Duration::from_hours(24),
        }
    }
}

impl Settings {
    /// How old what caches give may be.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds { staleness: self.staleness, outage_grace: self.outage_grace }
    }
}
