//! How much a package may hold.

const MIB: u64 = 1024 * 1024;

/// How much a package may hold; checked while reading, so that no more is ever read or kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the `.crate` file.
    pub packed_bytes: u64,
    /// Bytes of the tar archive inside.
    pub unpacked_bytes: u64,
    /// Entries of the tar archive, extension headers included.
    pub entries: u32,
    /// Unpacked bytes per packed byte, once more than [`Limits::RATIO_FLOOR`] are unpacked.
    pub ratio: u32,
    /// Bytes of `Cargo.toml`.
    pub manifest_bytes: usize,
    /// Bytes of the README that are kept; the rest is cut off.
    pub readme_bytes: usize,
}

impl Limits {
    /// Up to here a package may be made of anything.
    pub const RATIO_FLOOR: u64 = 16 * MIB;
    /// The most bytes of all paths together. They are held in memory until the last one is known.
    pub const PATHS_BYTES: usize = 8 * 1024 * 1024;
    /// The most dependencies of a published package.
    pub const DEPENDENCIES: usize = 500;
    /// The most features of a published package, and the most values of each.
    pub const FEATURES: usize = 300;
    /// The most keywords of a published package.
    pub const KEYWORDS: usize = 5;
    /// The most categories of a published package.
    pub const CATEGORIES: usize = 5;
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            packed_bytes: 10 * MIB,
            unpacked_bytes: 512 * MIB,
            entries: 20_000,
            ratio: 200,
            manifest_bytes: 1024 * 1024,
            readme_bytes: 64 * 1024,
        }
    }
}
