//! The JSON of a publish, and the index line that is made of it.
#![no_main]

use holdfast_types::{IndexLine, PublishMetadata, Sha256, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(metadata) = PublishMetadata::parse(bytes) {
        let now = Timestamp::from_unix_seconds(1_767_225_600);
        let line = IndexLine::new(&metadata, Sha256::of(bytes), now, "sparse+http://own/");
        assert_eq!(serde_json::from_str::<IndexLine>(&line.to_json()).expect("it was written by us"), line);
    }
});
