//! The body of a publish: however it is cut into pieces, the outcome is the same.
#![no_main]

use holdfast_types::{FrameError, FrameHead, FrameLimits};
use libfuzzer_sys::fuzz_target;

const LIMITS: FrameLimits = FrameLimits { metadata_bytes: 4096, package_bytes: 4096 };

fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<(Vec<u8>, Vec<u8>), FrameError> {
    let mut head = FrameHead::new(LIMITS);
    let mut package = Vec::new();
    for piece in pieces {
        package.extend_from_slice(&piece[head.push(piece)?]);
    }
    Ok((head.finish()?, package))
}

fuzz_target!(|input: (u8, &[u8])| {
    let (step, body) = input;
    let whole = read(std::iter::once(body));
    let pieces = read(body.chunks(usize::from(step).max(1)));
    assert_eq!(whole.ok(), pieces.ok());
});
