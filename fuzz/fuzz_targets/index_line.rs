//! Index lines: what is read is written so that it reads the same.
#![no_main]

use holdfast_types::IndexLine;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(line) = serde_json::from_slice::<IndexLine>(bytes) {
        let written = line.to_json();
        assert!(!written.contains('\n'));
        assert_eq!(serde_json::from_str::<IndexLine>(&written).expect("it was written by us"), line);
    }
});
