//! The tar archive in a `.crate` file. An accepted package agrees with itself.
#![no_main]

use holdfast_package::testing::{OWN_INDEX, gzip};
use holdfast_package::{Limits, PackageError, RequiredFields, read, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|tar: &[u8]| {
    let packed = gzip(tar, b"");
    let limits = Limits { unpacked_bytes: 4 << 20, ..Limits::default() };
    if let Ok(package) = read(&*packed, &limits, OWN_INDEX) {
        let required = RequiredFields::default();
        let refused = verify(&*packed, &limits, &package.metadata, &required, OWN_INDEX).err();
        assert!(!matches!(refused, Some(PackageError::Disagree { .. } | PackageError::OutsideRoot { .. })));
    }
});
