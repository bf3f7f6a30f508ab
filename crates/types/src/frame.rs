//! The body of a publish: `u32le length | JSON | u32le length | .crate` and nothing after it.

/// The most bytes of each part of a publish body.
#[derive(Clone, Copy, Debug)]
pub struct FrameLimits {
    /// Of the JSON.
    pub metadata_bytes: usize,
    /// Of the `.crate` file.
    pub package_bytes: u64,
}

impl FrameLimits {
    /// The default limit of the JSON, crates.io's: 1 MiB.
    pub const METADATA_BYTES: usize = 1024 * 1024;
}

/// Why a publish body is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The JSON is announced as larger than allowed.
    #[error("the publish metadata has {announced} bytes, the most is {limit}")]
    MetadataTooLarge {
        /// What the length prefix says.
        announced: u32,
        /// What is allowed.
        limit: usize,
    },
    /// The file is announced as larger than allowed.
    #[error(
        "the .crate file has {announced} bytes, the most is {limit}; use `exclude` in Cargo.toml to leave files out, or ask the operator to raise the limit"
    )]
    PackageTooLarge {
        /// What the length prefix says.
        announced: u32,
        /// What is allowed.
        limit: u64,
    },
    /// The body ends early.
    #[error("the publish body ended early: {missing} more bytes were announced")]
    Truncated {
        /// How many bytes are missing at least.
        missing: u64,
    },
    /// The body goes on after the file.
    #[error("the publish body has bytes after the .crate file")]
    Trailing,
}

/// Takes a publish body apart while it arrives, checking each announced length before it keeps a byte. The
/// JSON is kept; the bytes of the file are handed back to the caller as they come.
#[derive(Debug)]
pub struct FrameHead {
    limits: FrameLimits,
    state: State,
    prefix: Vec<u8>,
    metadata: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    MetadataLength,
    Metadata { missing: usize },
    PackageLength,
    Package { missing: u64 },
}

impl FrameHead {
    /// A reader at the beginning of a body.
    pub fn new(limits: FrameLimits) -> FrameHead {
        FrameHead {
            limits,
            state: State::MetadataLength,
            prefix: Vec::with_capacity(4),
            metadata: Vec::new(),
        }
    }

    /// Takes the next bytes of the body and returns the range of them that belongs to the file.
    pub fn push(&mut self, input: &[u8]) -> Result<std::ops::Range<usize>, FrameError> {
        let mut at = 0;
        while at < input.len() {
            let rest = &input[at..];
            match self.state {
                State::MetadataLength | State::PackageLength => at += self.take_length(rest)?,
                State::Metadata { missing } => {
                    let taken = missing.min(rest.len());
                    self.metadata.extend_from_slice(&rest[..taken]);
                    at += taken;
                    self.state = match missing - taken {
                        0 => State::PackageLength,
                        missing => State::Metadata { missing },
                    };
                }
                State::Package { missing } => {
                    let missing = missing.checked_sub(rest.len() as u64).ok_or(FrameError::Trailing)?;
                    self.state = State::Package { missing };
                    return Ok(at..input.len());
                }
            }
        }
        Ok(at..at)
    }

    fn take_length(&mut self, rest: &[u8]) -> Result<usize, FrameError> {
        let taken = rest.len().min(4 - self.prefix.len());
        self.prefix.extend_from_slice(&rest[..taken]);
        let Ok(prefix) = <[u8; 4]>::try_from(&*self.prefix) else { return Ok(taken) };
        self.prefix.clear();
        let announced = u32::from_le_bytes(prefix);
        self.state = if let State::MetadataLength = self.state {
            let limit = self.limits.metadata_bytes;
            let missing = usize::try_from(announced).unwrap_or(usize::MAX);
            if missing > limit {
                return Err(FrameError::MetadataTooLarge { announced, limit });
            }
            if missing == 0 { State::PackageLength } else { State::Metadata { missing } }
        } else {
            let limit = self.limits.package_bytes;
            if u64::from(announced) > limit {
                return Err(FrameError::PackageTooLarge { announced, limit });
            }
            State::Package { missing: announced.into() }
        };
        Ok(taken)
    }

    /// The JSON, when the body came to its announced end.
    pub fn finish(self) -> Result<Vec<u8>, FrameError> {
        let missing = match self.state {
            State::MetadataLength | State::PackageLength => 4 - self.prefix.len() as u64,
            State::Metadata { missing } => missing as u64,
            State::Package { missing } => missing,
        };
        if missing > 0 {
            return Err(FrameError::Truncated { missing });
        }
        Ok(self.metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: FrameLimits = FrameLimits { metadata_bytes: 100, package_bytes: 1000 };

    fn frame(json: &[u8], package: &[u8]) -> Vec<u8> {
        let length = |part: &[u8]| u32::try_from(part.len()).unwrap().to_le_bytes();
        [&length(json)[..], json, &length(package)[..], package].concat()
    }

    fn read(body: &[u8], step: usize) -> Result<(Vec<u8>, Vec<u8>), FrameError> {
        let mut head = FrameHead::new(LIMITS);
        let mut package = Vec::new();
        for piece in body.chunks(step) {
            package.extend_from_slice(&piece[head.push(piece)?]);
        }
        Ok((head.finish()?, package))
    }

    #[test]
    fn lying_lengths_are_refused_before_anything_is_kept() {
        let huge = u32::MAX.to_le_bytes();
        assert!(matches!(read(&huge, 4), Err(FrameError::MetadataTooLarge { announced: u32::MAX, .. })));
        let huge_package = [&2_u32.to_le_bytes()[..], b"{}", &huge[..], b"x"].concat();
        assert!(matches!(
            read(&huge_package, 64),
            Err(FrameError::PackageTooLarge { announced: u32::MAX, .. })
        ));
        let trailing = [&frame(b"{}", b"abc")[..], b"!"].concat();
        assert_eq!(read(&trailing, 64), Err(FrameError::Trailing));
        assert_eq!(read(&trailing, 1), Err(FrameError::Trailing));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(json in prop::collection::vec(any::<u8>(), 0..100), package in prop::collection::vec(any::<u8>(), 0..300), step in 1_usize..50) {
            let body = frame(&json, &package);
            prop_assert_eq!(read(&body, step).unwrap(), (json, package));
        }

        #[test]
        fn every_truncation_is_noticed(cut in 0_usize..20, step in 1_usize..9) {
            let body = frame(b"{\"a\":1}", b"12345");
            prop_assume!(cut < body.len());
            let truncated = matches!(read(&body[..cut], step), Err(FrameError::Truncated { .. }));
            prop_assert!(truncated);
        }

        #[test]
        fn noise_never_panics(body in prop::collection::vec(any::<u8>(), 0..200), step in 1_usize..50) {
            let _ = read(&body, step);
        }
    }
}
