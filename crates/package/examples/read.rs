//! Opens packages and says what is wrong with them, or how long it took: `read [--repeat N] FILE…`. A file
//! is a `.crate`, or the recorded body of a publish when it ends in `.publish`.
#![expect(clippy::disallowed_methods, reason = "an example is a program of its own")]

use holdfast_package::{Limits, Package, RequiredFields, read, verify};
use holdfast_types::{FrameHead, FrameLimits, PublishMetadata};
use std::error::Error;
use std::time::{Duration, Instant};

const OWN_INDEX: &str = "sparse+http://127.0.0.1:8000/r/main/index/";

fn main() -> std::io::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut rounds = 1;
    if arguments.first().is_some_and(|first| first == "--repeat") {
        rounds = arguments.get(1).and_then(|n| n.parse().ok()).unwrap_or(1);
        arguments.drain(..arguments.len().min(2));
    }
    let mut refused = 0;
    for path in &arguments {
        let bytes = std::fs::read(path)?;
        match open(path, &bytes, rounds) {
            Ok((package, time)) => {
                for warning in package.warnings {
                    println!("{path}: warning: {warning}");
                }
                println!("{path}: {} bytes, verified in {time:?}", bytes.len());
            }
            Err(e) => {
                refused += 1;
                println!("{path}: REFUSED: {e}");
            }
        }
    }
    println!("{} files, {refused} refused", arguments.len());
    Ok(())
}

/// Verifies a package against what cargo sent, or against what it says itself.
fn open(path: &str, bytes: &[u8], rounds: usize) -> Result<(Package, Duration), Box<dyn Error>> {
    let limits = Limits::default();
    let (metadata, packed) = if path.ends_with(".publish") {
        let mut head = FrameHead::new(FrameLimits {
            metadata_bytes: FrameLimits::METADATA_BYTES,
            package_bytes: limits.packed_bytes,
        });
        let range = head.push(bytes)?;
        (PublishMetadata::parse(&head.finish()?)?, &bytes[range])
    } else {
        (read(bytes, &limits, OWN_INDEX)?.metadata, bytes)
    };
    let mut times = Vec::new();
    loop {
        let start = Instant::now();
        let package = verify(packed, &limits, &metadata, &RequiredFields::default(), OWN_INDEX)?;
        times.push(start.elapsed());
        if times.len() >= rounds {
            times.sort();
            return Ok((package, times[times.len() / 2]));
        }
    }
}
