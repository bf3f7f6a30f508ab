//! Crates made up for the bench: the tarball and the publish frame, as cargo would send them.

use std::fmt::Write as _;

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

/// The time stamp cargo gives to every file it packs.
const PACKED_AT: u64 = 1_153_704_088;

/// Features of each version, so that an index line has an everyday length.
const FEATURES: [&str; 4] = ["std", "serde", "tracing", "unstable-extras"];

/// A version to be published.
pub(super) struct Krate<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Bytes that don't compress, to give the file its size.
    pub ballast: usize,
}

impl Krate<'_> {
    /// The body of the publish request.
    pub(super) fn frame(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_vec(&self.metadata())?;
        let packed = self.pack()?;
        let mut frame = Vec::with_capacity(json.len() + packed.len() + 8);
        for part in [json, packed] {
            frame.extend(u32::try_from(part.len())?.to_le_bytes());
            frame.extend(part);
        }
        Ok(frame)
    }

    fn metadata(&self) -> serde_json::Value {
        let features: serde_json::Map<String, serde_json::Value> =
            FEATURES.iter().map(|feature| ((*feature).to_owned(), json!([]))).collect();
        json!({
            "name": self.name, "vers": self.version, "deps": [], "features": features, "authors": [],
            "description": self.description(), "documentation": null, "homepage": null, "readme": null,
            "readme_file": null, "keywords": ["bench"], "categories": [], "license": "MIT",
            "license_file": null, "repository": null, "badges": {}, "links": null, "rust_version": null,
        })
    }

    fn description(&self) -> String {
        format!("{}, made up to be measured", self.name)
    }

    fn manifest(&self) -> String {
        let Krate { name, version, .. } = self;
        let mut text = format!(
            "[package]\nedition = \"2021\"\nname = \"{name}\"\nversion = \"{version}\"\n\
             description = \"{}\"\nkeywords = [\"bench\"]\nlicense = \"MIT\"\n\n[features]\n",
            self.description()
        );
        for feature in FEATURES {
            writeln!(text, "{feature} = []").expect("writing to a string cannot fail");
        }
        text
    }

    fn pack(&self) -> Result<Vec<u8>> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let manifest = self.manifest();
        let mut files = vec![
            ("Cargo.toml", manifest.as_bytes().to_vec()),
            ("Cargo.toml.orig", manifest.into_bytes()),
            ("src/lib.rs", b"//! Made up to be measured.\n".to_vec()),
        ];
        if self.ballast > 0 {
            files.push(("ballast.bin", noise(self.ballast)));
        }
        for (path, body) in files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_mtime(PACKED_AT);
            header.set_size(u64::try_from(body.len())?);
            let path = format!("{}-{}/{path}", self.name, self.version);
            archive.append_data(&mut header, path, body.as_slice())?;
        }
        Ok(archive.into_inner()?.finish()?)
    }
}

/// The path of a crate's file in a sparse index. Names here are lower case and longer than three letters.
pub(super) fn index_path(name: &str) -> String {
    format!("{}/{}/{name}", &name[..2], &name[2..4])
}

/// Bytes that no compressor makes smaller, the same in every run (xorshift).
pub(super) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::{Krate, index_path};

    #[test]
    fn a_frame_holds_json_and_a_tarball_of_the_size_asked_for() {
        let krate = Krate { name: "bench-one", version: "1.2.3", ballast: 50_000 };
        let frame = krate.frame().expect("a frame");
        let length =
            |at: usize| u32::from_le_bytes(frame[at..at + 4].try_into().expect("four bytes")) as usize;
        let json = length(0);
        let metadata: serde_json::Value = serde_json::from_slice(&frame[4..4 + json]).expect("JSON");
        assert_eq!(metadata["vers"], "1.2.3");
        let packed = &frame[8 + json..];
        assert_eq!(length(4 + json), packed.len());
        assert!((50_000..55_000).contains(&packed.len()), "{} bytes", packed.len());
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed));
        let mut manifest = String::new();
        let mut first = archive.entries().expect("entries").next().expect("one").expect("valid");
        assert_eq!(first.path().expect("a path").to_str(), Some("bench-one-1.2.3/Cargo.toml"));
        first.read_to_string(&mut manifest).expect("text");
        assert!(manifest.contains("version = \"1.2.3\""));
    }

    #[test]
    fn paths_as_cargo_asks_for_them() {
        assert_eq!(index_path("bench-index"), "be/nc/bench-index");
    }
}
