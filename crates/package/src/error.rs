//! Why a package is refused. Each message is printed by cargo after "the remote server responded with an
//! error", so each is one sentence that names the value and says what to do.

use crate::path::PathFault;
use std::io;

/// Why a package is refused.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The reader that was given failed; no fault of the package.
    #[error("the .crate file could not be read")]
    Read(#[source] io::Error),

    /// More bytes than allowed.
    #[error(
        "the .crate file has more than {limit} bytes; use `exclude` in Cargo.toml to leave files out, or ask the operator to raise the limit"
    )]
    PackedTooLarge {
        /// The most bytes.
        limit: u64,
    },
    /// More bytes than allowed when unpacked.
    #[error(
        "the .crate file unpacks to more than {limit} bytes; use `exclude` in Cargo.toml to leave files out"
    )]
    UnpackedTooLarge {
        /// The most bytes.
        limit: u64,
    },
    /// Made of so little that it must be a bomb.
    #[error(
        "the .crate file unpacks to more than {limit} times its size; leave out files of repeated bytes with `exclude` in Cargo.toml"
    )]
    Ratio {
        /// The most bytes per packed byte.
        limit: u32,
    },
    /// More files than allowed.
    #[error("the .crate file has more than {limit} entries; use `exclude` in Cargo.toml to leave files out")]
    TooManyEntries {
        /// The most entries.
        limit: u32,
    },
    /// All paths together need too much memory.
    #[error(
        "the paths in the .crate file have more than {limit} bytes together; shorten them, or use `exclude` in Cargo.toml to leave files out"
    )]
    PathsTooLarge {
        /// The most bytes.
        limit: usize,
    },
    /// A file of interest is too large.
    #[error("`{path}` has more than {limit} bytes; make it smaller")]
    FileTooLarge {
        /// Which file.
        path: String,
        /// The most bytes.
        limit: u64,
    },

    /// Not gzip, damaged or cut off.
    #[error("the .crate file is not a complete gzip file ({reason}); make it again with `cargo package`")]
    Gzip {
        /// What the decoder says.
        reason: String,
    },
    /// More after the one gzip member.
    #[error("the .crate file goes on after the end of its gzip data; make it again with `cargo package`")]
    TrailingBytes,
    /// Not tar, damaged or cut off.
    #[error("the .crate file is not a valid tar archive: {reason}; make it again with `cargo package`")]
    Tar {
        /// What is wrong with it.
        reason: &'static str,
    },

    /// Neither a file nor a folder.
    #[error("`{path}` is {kind}; a package may hold only regular files and folders")]
    EntryKind {
        /// Which entry.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// A path that is not safe everywhere.
    #[error("the path `{path}` {fault}; rename the file or leave it out with `exclude` in Cargo.toml")]
    Path {
        /// Which path, made printable.
        path: String,
        /// What is wrong with it.
        fault: PathFault,
    },
    /// Not in the package's folder.
    #[error(
        "the path `{path}` is not in the folder `{root}/`; make the .crate file again with `cargo package`"
    )]
    OutsideRoot {
        /// Which path, made printable.
        path: String,
        /// Where everything must be.
        root: String,
    },
    /// The same path twice.
    #[error("`{path}` is in the .crate file twice; make it again with `cargo package`")]
    Duplicate {
        /// Which path.
        path: String,
    },
    /// Two paths that are one where case does not matter.
    #[error(
        "`{path}` and `{other}` are one file on systems that ignore case; rename one or leave it out with `exclude` in Cargo.toml"
    )]
    Collision {
        /// One path.
        path: String,
        /// The other path.
        other: String,
    },
    /// A path below a path that is a file.
    #[error("`{path}` is a file and the folder of `{other}`; rename one of them")]
    FileIsFolder {
        /// The file.
        path: String,
        /// What lies below it.
        other: String,
    },

    /// Nothing to describe the package.
    #[error("the .crate file has no `Cargo.toml` in its folder; make it again with `cargo package`")]
    ManifestMissing,
    /// Something like `cargo.toml`.
    #[error("`{path}` must be spelled `Cargo.toml`; rename it")]
    ManifestSpelling {
        /// How it is spelled.
        path: String,
    },
    /// Not TOML.
    #[error("the packaged Cargo.toml is not valid TOML at line {line}: {message}")]
    ManifestSyntax {
        /// Where, counted from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A value of the wrong type.
    #[error("`{key}` in the packaged Cargo.toml must be {expected}")]
    ManifestType {
        /// Which value.
        key: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A value that is not valid.
    #[error("`{key}` in the packaged Cargo.toml is not valid: {reason}")]
    ManifestValue {
        /// Which value.
        key: String,
        /// Why.
        reason: String,
    },
    /// Something that must be there is not.
    #[error("the packaged Cargo.toml has no `{key}`; add it")]
    ManifestKey {
        /// What is missing.
        key: String,
    },
    /// An inheritance that `cargo package` would have resolved.
    #[error(
        "`{key}` in the packaged Cargo.toml is still inherited from a workspace; make the .crate file with `cargo package`, which fills it in"
    )]
    Inherited {
        /// Which value.
        key: String,
    },
    /// A section that `cargo package` would have taken out.
    #[error(
        "the packaged Cargo.toml has a `[{table}]` section, which has no effect in a registry; remove it"
    )]
    Overrides {
        /// `patch` or `replace`.
        table: &'static str,
    },

    /// The folder is not named after the package.
    #[error("the folder of the package is `{found}/`, but its Cargo.toml asks for `{expected}/`")]
    Root {
        /// As packed.
        found: String,
        /// As the manifest says.
        expected: String,
    },
    /// Cargo.toml and publish metadata differ.
    #[error("`{what}` is {one}, but it is {other}; publish again with `cargo publish`")]
    Disagree {
        /// What differs.
        what: String,
        /// What one of them says, and which it is.
        one: String,
        /// What the other one says.
        other: String,
    },
    /// A dependency that cannot be resolved.
    #[error("the dependency `{name}` {fault}")]
    Dependency {
        /// Its alias.
        name: String,
        /// What is wrong, and what to do.
        fault: &'static str,
    },
    /// A feature that cargo would not understand.
    #[error("the feature `{feature}` includes `{value}`, {fault}")]
    Feature {
        /// Which feature.
        feature: String,
        /// Which of its values.
        value: String,
        /// What is wrong, and what to do.
        fault: &'static str,
    },
    /// An optional dependency that nothing can turn on.
    #[error("the optional dependency `{name}` is in no feature; add `dep:{name}` to one")]
    UnusedOptional {
        /// Its alias.
        name: String,
    },

    /// Fields that the operator requires.
    #[error("this registry requires {missing}; add {pronoun} to `[package]` in Cargo.toml")]
    Required {
        /// Their names in backticks.
        missing: String,
        /// "it" or "them".
        pronoun: &'static str,
    },
    /// Not an address that a page may link to.
    #[error("`{field}` must be an address that starts with `https://` or `http://`, not `{value}`")]
    Url {
        /// Which field.
        field: &'static str,
        /// What it is.
        value: String,
    },
    /// More than allowed.
    #[error("{what} has {found} {items}, the most is {limit}; remove some")]
    TooMany {
        /// "the package", or a feature.
        what: String,
        /// How many.
        found: usize,
        /// Of what.
        items: &'static str,
        /// The most.
        limit: usize,
    },
    /// Not a keyword.
    #[error(
        "the keyword `{0}` is not valid; use 1 to 20 ASCII letters, digits, `-`, `_` and `+`, a letter or digit first"
    )]
    Keyword(String),
    /// Not a category.
    #[error("the category `{0}` is not valid; use 1 to 60 characters")]
    Category(String),
}

impl PackageError {
    /// Whether something is larger than a limit that the operator sets.
    pub fn is_too_large(&self) -> bool {
        matches!(
            self,
            PackageError::PackedTooLarge { .. }
                | PackageError::UnpackedTooLarge { .. }
                | PackageError::Ratio { .. }
                | PackageError::TooManyEntries { .. }
                | PackageError::PathsTooLarge { .. }
                | PackageError::FileTooLarge { .. }
        )
    }

    /// Whether the reader failed, which says nothing about the package.
    pub fn is_read(&self) -> bool {
        matches!(self, PackageError::Read(_))
    }
}

/// Text of unknown origin for a sentence: no control characters, not long.
pub(crate) fn printable(text: &str) -> String {
    let mut chars = text.chars();
    let mut shown: String = chars.by_ref().take(100).flat_map(char::escape_debug).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    // escape_debug escapes quotes too, which need no escape between backticks.
    shown.replace("\\\"", "\"").replace("\\'", "'")
}
