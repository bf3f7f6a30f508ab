//! A `.crate` file: what is read agrees with itself.
#![no_main]

use holdfast_package::testing::OWN_INDEX;
use holdfast_package::{Limits, RequiredFields, file, read, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|packed: &[u8]| {
    let limits = Limits { unpacked_bytes: 4 << 20, ..Limits::default() };
    let _ = file(packed, &limits, "src/lib.rs", 4096);
    if let Ok(package) = read(packed, &limits, OWN_INDEX) {
        let _ = verify(packed, &limits, &package.metadata, &RequiredFields::default(), OWN_INDEX);
    }
});
