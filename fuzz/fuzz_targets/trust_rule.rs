//! Rules about CI jobs: what is read is written so that it reads the same, and any claims can be asked about.
#![no_main]

use holdfast_types::TrustRule;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

fuzz_target!(|bytes: &[u8]| {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    let (Some(Ok(rule)), Some(Ok(claims))) = (values.next(), values.next()) else { return };
    let Ok(rule) = serde_json::from_value::<TrustRule>(rule) else { return };
    let written = serde_json::to_value(&rule).expect("it has string keys only");
    assert_eq!(serde_json::from_value::<TrustRule>(written).expect("it was written by us"), rule);
    let claims: Map<String, Value> = serde_json::from_value(claims).unwrap_or_default();
    if let Err(mismatch) = rule.check(&claims) {
        assert!(!mismatch.to_string().contains(char::is_control));
    }
});
