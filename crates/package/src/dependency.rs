//! The dependencies in a packaged `Cargo.toml`, turned into what cargo sends about them. The two say
//! "registry" with opposite defaults: without a key, `Cargo.toml` means crates.io and the publish request
//! means the registry that is published to.

use crate::table::{Section, is_inherited, texts};
use crate::{Limits, PackageError};
use holdfast_types::{DependencyKind, DependencyTarget, MetadataDependency, RegistryIndex};
use toml::{Table, Value};

const SECTIONS: [(DependencyKind, [&str; 2]); 3] = [
    // `cargo package` writes the first spelling; hand-made packages may have the second.
    (DependencyKind::Normal, ["dependencies", "dependencies"]),
    (DependencyKind::Build, ["build-dependencies", "build_dependencies"]),
    (DependencyKind::Dev, ["dev-dependencies", "dev_dependencies"]),
];

/// Every dependency of a manifest. Those without a version that only tests use are left out, as cargo does.
pub(crate) fn read_all(manifest: &Table, own_index: &str) -> Result<Vec<MetadataDependency>, PackageError> {
    let mut all = Vec::new();
    read_sections(Section::new(manifest, ""), None, own_index, &mut all)?;
    if let Some(targets) = Section::new(manifest, "").table("target")? {
        let section = Section::new(targets, "target");
        for target in targets.keys() {
            let place = section.key(target);
            let table = section.table(target)?.expect("the key is in the table");
            let target = section.parsed(target, target)?;
            read_sections(Section::new(table, &place), Some(&target), own_index, &mut all)?;
        }
    }
    Ok(all)
}

fn read_sections(
    section: Section<'_>,
    target: Option<&DependencyTarget>,
    own_index: &str,
    all: &mut Vec<MetadataDependency>,
) -> Result<(), PackageError> {
    for (kind, [key, old_key]) in SECTIONS {
        let key = if section.get(key).is_some() { key } else { old_key };
        let Some(table) = section.table(key)? else { continue };
        let place = section.key(key);
        for (alias, value) in table {
            let reader = Reader { place: Section::new(table, &place), kind, target, own_index };
            all.extend(reader.read(alias, value)?);
            // Far above any package that can be published; a bound for those that are imported.
            if all.len() > Limits::DEPENDENCIES * 10 {
                return Err(too_many(all.len()));
            }
        }
    }
    Ok(())
}

pub(crate) fn too_many(found: usize) -> PackageError {
    PackageError::TooMany {
        what: "the package".to_owned(),
        found,
        items: "dependencies",
        limit: Limits::DEPENDENCIES,
    }
}

struct Reader<'a> {
    place: Section<'a>,
    kind: DependencyKind,
    target: Option<&'a DependencyTarget>,
    own_index: &'a str,
}

impl Reader<'_> {
    fn read(&self, alias: &str, value: &Value) -> Result<Option<MetadataDependency>, PackageError> {
        let fault = |fault| PackageError::Dependency { name: crate::error::printable(alias), fault };
        let short = Table::new();
        let (table, version) = match value {
            Value::String(version) => (&short, Some(version.as_str())),
            Value::Table(table) if !is_inherited(value) => (table, None),
            _ => return Err(self.place.type_error(alias, value, "a version or a table")),
        };
        let place = self.place.key(alias);
        let section = Section::new(table, &place);
        let Some(version) = version.map_or_else(|| section.text("version"), |v| Ok(Some(v)))? else {
            if self.kind == DependencyKind::Dev {
                return Ok(None);
            }
            return Err(fault("has no version in the packaged Cargo.toml; give it one, others need it"));
        };
        if section.get("git").is_some() {
            return Err(fault("names a git repository; make the .crate file with `cargo package`"));
        }
        let optional = section.flag("optional")?.unwrap_or_default();
        if optional && self.kind == DependencyKind::Dev {
            return Err(fault("is for development and optional, which cargo refuses; make it one of both"));
        }
        let default_features = match section.flag("default-features")? {
            Some(on) => on,
            None => section.flag("default_features")?.unwrap_or(true),
        };
        let package = section.text("package")?;
        Ok(Some(MetadataDependency {
            name: self.place.parsed(alias, package.unwrap_or(alias))?,
            version_req: section.parsed("version", version)?,
            features: section.texts("features")?,
            optional,
            default_features,
            target: self.target.cloned(),
            kind: self.kind,
            registry: self.registry(section, alias)?,
            explicit_name_in_toml: package.map(|_| self.place.parsed(alias, alias)).transpose()?,
            artifact: artifact(section)?,
            bindep_target: section.text("target")?.map(str::to_owned),
            lib: section.flag("lib")?.unwrap_or_default(),
        }))
    }

    fn registry(&self, section: Section<'_>, alias: &str) -> Result<Option<RegistryIndex>, PackageError> {
        match section.text("registry-index")? {
            Some(index) if index == self.own_index => Ok(None),
            Some(index) => section.parsed("registry-index", index).map(Some),
            None if section.get("registry").is_some() => Err(PackageError::Dependency {
                name: crate::error::printable(alias),
                fault: "names its registry, not the address of its index; make the .crate file with `cargo package`, which fills it in",
            }),
            None => Ok(Some(RegistryIndex::crates_io())),
        }
    }
}

fn artifact(section: Section<'_>) -> Result<Option<Vec<String>>, PackageError> {
    match section.get("artifact") {
        None => Ok(None),
        Some(Value::String(one)) => Ok(Some(vec![one.clone()])),
        Some(value) => match texts(value) {
            Some(kinds) => Ok(Some(kinds)),
            None => Err(section.type_error("artifact", value, "a text or a list of texts")),
        },
    }
}
