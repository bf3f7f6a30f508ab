//! Names, versions, requirements, platforms and registries: what parses is written as it was read.
#![no_main]

use holdfast_types::{
    CanonicalName, CrateName, DependencyAlias, DependencyTarget, FeatureName, PartialVersion, RegistryIndex,
    RegistryName, Version, VersionReq,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(name) = text.parse::<CrateName>() {
        assert_eq!(name.as_str(), text);
        let key = name.canonical();
        assert_eq!(key.as_str().parse::<CanonicalName>().as_ref(), Ok(&key));
        assert!(CanonicalName::index_path(&name).is_ascii());
    }
    if let Ok(version) = text.parse::<Version>() {
        assert_eq!(version.to_string(), text);
        assert!(version.key().as_str().parse::<Version>().is_ok());
    }
    if let Ok(requirement) = text.parse::<VersionReq>() {
        assert_eq!(requirement.to_string().parse::<VersionReq>(), Ok(requirement));
    }
    if let Ok(target) = text.parse::<DependencyTarget>() {
        assert_eq!(target.as_str(), text);
    }
    if let Ok(index) = text.parse::<RegistryIndex>() {
        assert_eq!(index.as_str(), text);
    }
    let _ = text.parse::<DependencyAlias>();
    let _ = text.parse::<FeatureName>();
    let _ = text.parse::<RegistryName>();
    let _ = text.parse::<PartialVersion>();
});
