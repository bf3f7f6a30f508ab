//! Who trusts which CI jobs: rules stand in crates and registries, and are found by the issuer of a job's
//! token.

use holdfast_store::Key;
use holdfast_types::{CrateName, RegistryName, Sha256, TrustRule};
use serde::{Deserialize, Serialize};

/// A rule with the place where it stands, as its index entry holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedRule {
    /// The registry.
    pub registry: RegistryName,
    /// The crate; none for a rule about reading the registry.
    pub krate: Option<CrateName>,
    /// The rule.
    pub rule: TrustRule,
}

/// The most rules of a crate or registry.
pub const MAX_RULES: usize = 10;

/// The partition of the rules about an issuer's jobs.
pub fn trust_part(issuer: &str) -> String {
    format!("trust/{}", Sha256::of(issuer.as_bytes()))
}

/// The index entries of the rules that stand in a place.
pub(crate) fn trusted(
    rules: &[TrustRule],
    registry: &RegistryName,
    krate: Option<&CrateName>,
) -> Vec<(Key, String)> {
    let place =
        krate.map_or_else(|| registry.to_string(), |krate| format!("{registry}/{}", krate.canonical()));
    let placed = |(number, rule): (usize, &TrustRule)| {
        let key = Key::new(trust_part(rule.issuer().as_str()), format!("{place}/{number}"));
        let rule = PlacedRule { registry: registry.clone(), krate: krate.cloned(), rule: rule.clone() };
        (key, serde_json::to_string(&rule).expect("it has string keys only"))
    };
    rules.iter().enumerate().map(placed).collect()
}
