//! The packaged `Cargo.toml`, as far as a registry uses it.

use crate::error::printable;
use crate::table::{self, Section};
use crate::{PackageError, dependency};
use holdfast_types::{FeatureName, PublishMetadata};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// What a manifest says.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// In the form in which cargo sends it; README apart.
    pub(crate) metadata: PublishMetadata,
    pub(crate) edition: Option<String>,
    /// Where the README may be, the likeliest first.
    pub(crate) readme_paths: Vec<String>,
    pub(crate) has_library: bool,
    /// Binaries that are listed, each with its path when that is given.
    pub(crate) binaries: Vec<(String, Option<String>)>,
    /// Whether binaries are found by their paths too.
    pub(crate) finds_binaries: bool,
}

/// Where cargo looks for a README when the manifest does not say.
const README_PATHS: [&str; 3] = ["README.md", "README.txt", "README"];

impl Manifest {
    /// Reads a manifest. A dependency on `own_index` becomes one on this registry.
    pub(crate) fn parse(bytes: &[u8], own_index: &str) -> Result<Manifest, PackageError> {
        let text = std::str::from_utf8(bytes).map_err(|e| PackageError::ManifestSyntax {
            line: bytes[..e.valid_up_to()].split(|byte| *byte == b'\n').count(),
            message: "it is not valid UTF-8".to_owned(),
        })?;
        let table = table::parse(text)?;
        let root = Section::new(&table, "");
        refuse_leftovers(root)?;
        let package_key = if table.contains_key("package") { "package" } else { "project" };
        let Some(package_table) = root.table(package_key)? else {
            return Err(PackageError::ManifestKey { key: "[package]".to_owned() });
        };
        let package = Section::new(package_table, "package");
        package.refuse_inheritance()?;
        Ok(Manifest {
            metadata: PublishMetadata {
                deps: dependency::read_all(&table, own_index)?,
                features: features(root)?,
                ..metadata(package)?
            },
            edition: package.text("edition")?.map(str::to_owned),
            readme_paths: readme_paths(package)?,
            has_library: root.table("lib")?.is_some(),
            binaries: binaries(root)?,
            finds_binaries: package.flag("autobins")?.unwrap_or(true),
        })
    }
}

/// Refuses what `cargo package` never leaves inside.
fn refuse_leftovers(root: Section<'_>) -> Result<(), PackageError> {
    for table in ["patch", "replace"] {
        if root.table(table)?.is_some_and(|table| !table.is_empty()) {
            return Err(PackageError::Overrides { table });
        }
    }
    match root.get("lints") {
        Some(lints) if table::is_inherited(lints) => Err(PackageError::Inherited { key: "lints".to_owned() }),
        _ => Ok(()),
    }
}

fn metadata(package: Section<'_>) -> Result<PublishMetadata, PackageError> {
    let text = |key| package.text(key).map(|text| text.map(str::to_owned));
    let rust_version = package.text("rust-version")?;
    Ok(PublishMetadata {
        name: package.parsed("name", package.required("name")?)?,
        vers: package.parsed("version", package.required("version")?)?,
        deps: Vec::new(),
        features: BTreeMap::new(),
        authors: package.texts("authors")?,
        description: text("description")?,
        documentation: text("documentation")?,
        homepage: text("homepage")?,
        readme: None,
        readme_file: None,
        keywords: package.texts("keywords")?,
        categories: package.texts("categories")?,
        license: text("license")?,
        license_file: text("license-file")?,
        repository: text("repository")?,
        links: text("links")?,
        rust_version: rust_version.map(|text| package.parsed("rust-version", text)).transpose()?,
    })
}

fn features(root: Section<'_>) -> Result<BTreeMap<FeatureName, Vec<String>>, PackageError> {
    let Some(table) = root.table("features")? else { return Ok(BTreeMap::new()) };
    let section = Section::new(table, "features");
    table.keys().map(|name| Ok((section.parsed(name, name)?, section.texts(name)?))).collect()
}

fn readme_paths(package: Section<'_>) -> Result<Vec<String>, PackageError> {
    let defaults = || README_PATHS.map(str::to_owned).to_vec();
    match package.get("readme") {
        None => Ok(defaults()),
        Some(Value::String(path)) => Ok(vec![plain(path)]),
        Some(Value::Boolean(false)) => Ok(Vec::new()),
        Some(Value::Boolean(true)) => Ok(vec![README_PATHS[0].to_owned()]),
        Some(value) => Err(package.type_error("readme", value, "a path, true or false")),
    }
}

/// A relative path as it stands in the archive.
pub(crate) fn plain(path: &str) -> String {
    let parts: Vec<&str> = path.split(['/', '\\']).filter(|part| !matches!(*part, "" | ".")).collect();
    parts.join("/")
}

fn binaries(root: Section<'_>) -> Result<Vec<(String, Option<String>)>, PackageError> {
    let Some(value) = root.get("bin") else { return Ok(Vec::new()) };
    let wrong = || root.type_error("bin", value, "a list of tables");
    let one = |item: &Value| {
        let table: &Table = item.as_table().ok_or_else(wrong)?;
        let bin = Section::new(table, "bin");
        let name = bin.required("name")?;
        Ok((printable(name), bin.text("path")?.map(plain)))
    };
    value.as_array().ok_or_else(wrong)?.iter().map(one).collect()
}
