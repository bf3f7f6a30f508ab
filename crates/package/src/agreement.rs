//! Whether what cargo sent and what it packed agree, so that the index, which is made of the one, tells the
//! truth about the other.

use crate::error::printable;
use crate::features::Value;
use crate::{PackageError, dependency};
use holdfast_types::{
    DependencyKind, DependencyTarget, MetadataDependency, PublishMetadata, RegistryIndex, crates_io_index,
};
use std::collections::BTreeSet;

/// Compares the two. `packaged` takes over from `sent` how dependencies are spelled (their targets, and which
/// registry is this one). Returns warnings.
pub(crate) fn check(
    sent: &PublishMetadata,
    packaged: &mut PublishMetadata,
    own_index: &str,
) -> Result<Vec<String>, PackageError> {
    same("package.name", Some(&sent.name), Some(&packaged.name))?;
    same("package.version", Some(&sent.vers), Some(&packaged.vers))?;
    same("package.links", sent.links.as_ref(), packaged.links.as_ref())?;
    same("package.rust-version", sent.rust_version.as_ref(), packaged.rust_version.as_ref())?;
    let mut warnings = Vec::new();
    packaged.deps = dependencies(sent, packaged, own_index, &mut warnings)?;
    features(sent, packaged)?;
    Ok(warnings)
}

fn same<T: PartialEq + ToString>(
    what: &str,
    sent: Option<&T>,
    packaged: Option<&T>,
) -> Result<(), PackageError> {
    if sent == packaged {
        return Ok(());
    }
    let says = |value: Option<&T>| value.map_or(Says::Nothing, |value| Says::Value(value.to_string()));
    Err(disagree(what, &says(sent), &says(packaged)))
}

/// What one of the two says about a key.
enum Says {
    /// It has no such key.
    Nothing,
    /// It has the key; the value does not matter.
    Something,
    /// It has this value.
    Value(String),
    /// It has a value that has a name.
    Words(String),
}

impl Says {
    /// The end of a sentence that begins with "it is".
    fn about(&self, place: &str) -> String {
        match self {
            Says::Nothing => format!("not in {place}"),
            Says::Something => format!("in {place}"),
            Says::Value(value) if value.is_empty() => format!("empty in {place}"),
            Says::Value(value) => format!("`{}` in {place}", printable(value)),
            Says::Words(words) => format!("{words} in {place}"),
        }
    }
}

fn disagree(what: &str, sent: &Says, packaged: &Says) -> PackageError {
    let (what, sent_says) = (what.to_owned(), sent.about("the publish request"));
    let packaged_says = packaged.about("the packaged Cargo.toml");
    match packaged {
        // What is there comes first.
        Says::Nothing => PackageError::Disagree { what, one: sent_says, other: packaged_says },
        _ => PackageError::Disagree { what, one: packaged_says, other: sent_says },
    }
}

/// What distinguishes dependencies: a manifest has at most one of each.
type Place<'t> = (&'t str, DependencyKind, Option<String>);

fn place(dependency: &MetadataDependency) -> Place<'_> {
    (
        dependency.alias(),
        dependency.kind,
        dependency.target.as_ref().map(|target| normal_target(target.as_str())),
    )
}

/// In order of place; requirements make the order of equal places (`cfg(a)`, `cfg( a )`) the same.
fn sorted(dependencies: &[MetadataDependency]) -> Vec<(Place<'_>, &MetadataDependency)> {
    let mut all: Vec<_> = dependencies.iter().map(|dependency| (place(dependency), dependency)).collect();
    all.sort_by(|(a, x), (b, y)| {
        a.cmp(b).then_with(|| x.version_req.to_string().cmp(&y.version_req.to_string()))
    });
    all
}

fn dependencies(
    sent: &PublishMetadata,
    packaged: &PublishMetadata,
    own_index: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<MetadataDependency>, PackageError> {
    if sent.deps.len() > crate::Limits::DEPENDENCIES {
        return Err(dependency::too_many(sent.deps.len()));
    }
    let (sent, packaged) = (sorted(&sent.deps), sorted(&packaged.deps));
    let mut agreed = Vec::with_capacity(sent.len());
    for at in 0..sent.len().max(packaged.len()) {
        match (sent.get(at), packaged.get(at)) {
            (Some((ours, sent)), Some((theirs, packaged))) if ours == theirs => {
                agreed.push(dependency_agrees(sent, packaged, own_index, warnings)?);
            }
            (Some((ours, _)), Some((theirs, _))) if ours < theirs => return Err(unpacked(&place_key(ours))),
            (_, Some((theirs, _))) => return Err(unsent(&place_key(theirs))),
            (Some((ours, _)), None) => return Err(unpacked(&place_key(ours))),
            (None, None) => {}
        }
    }
    Ok(agreed)
}

fn unpacked(what: &str) -> PackageError {
    disagree(what, &Says::Something, &Says::Nothing)
}

fn unsent(what: &str) -> PackageError {
    disagree(what, &Says::Nothing, &Says::Something)
}

fn place_key((alias, kind, target): &Place<'_>) -> String {
    key(alias, *kind, target.as_deref())
}

fn key(alias: &str, kind: DependencyKind, target: Option<&str>) -> String {
    let section = match kind {
        DependencyKind::Normal => "dependencies",
        DependencyKind::Build => "build-dependencies",
        DependencyKind::Dev => "dev-dependencies",
    };
    match target {
        Some(target) => printable(&format!("target.{target}.{section}.{alias}")),
        None => printable(&format!("{section}.{alias}")),
    }
}

fn dependency_agrees(
    sent: &MetadataDependency,
    packaged: &MetadataDependency,
    own_index: &str,
    warnings: &mut Vec<String>,
) -> Result<MetadataDependency, PackageError> {
    let place = key(sent.alias(), sent.kind, sent.target.as_ref().map(DependencyTarget::as_str));
    let what = |field: &str| format!("{place}.{field}");
    same(&what("package"), Some(&sent.name), Some(&packaged.name))?;
    same(&what("version"), Some(&sent.version_req), Some(&packaged.version_req))?;
    same(&what("optional"), Some(&sent.optional), Some(&packaged.optional))?;
    same(&what("default-features"), Some(&sent.default_features), Some(&packaged.default_features))?;
    same(&what("features"), Some(&listed(&sent.features)), Some(&listed(&packaged.features)))?;
    let artifact = |d: &MetadataDependency| d.artifact.as_deref().map(listed);
    same(&what("artifact"), artifact(sent).as_ref(), artifact(packaged).as_ref())?;
    same(&what("target"), sent.bindep_target.as_ref(), packaged.bindep_target.as_ref())?;
    same(&what("lib"), Some(&sent.lib), Some(&packaged.lib))?;
    let registry = sent.registry.clone().filter(|index| index.as_str() != own_index);
    match (&registry, &packaged.registry) {
        (None, Some(elsewhere)) if is_other_address(elsewhere.as_str(), own_index) => warnings.push(format!(
            "the dependency `{}` names this registry as `{}`, which is `{}` here; use one address everywhere, since Cargo.lock and packages remember it",
            printable(sent.alias()),
            printable(elsewhere.as_str()),
            printable(own_index),
        )),
        (ours, theirs) if ours != theirs => {
            return Err(disagree(&what("registry-index"), &in_words(ours.as_ref()), &in_words(theirs.as_ref())));
        }
        _ => {}
    }
    Ok(MetadataDependency { registry, ..sent.clone() })
}

fn in_words(registry: Option<&RegistryIndex>) -> Says {
    match registry {
        None => Says::Words("that of this registry".to_owned()),
        Some(index) if index.as_str() == crates_io_index() => Says::Words("that of crates.io".to_owned()),
        Some(index) => Says::Value(index.to_string()),
    }
}

fn listed(texts: &[String]) -> String {
    let sorted: BTreeSet<&str> = texts.iter().map(String::as_str).collect();
    Vec::from_iter(sorted).join(", ")
}

/// Whether two addresses are one path on servers of different names: a server behind a proxy that does not
/// say how it was asked, or one with two names, must not refuse honest packages. The path of an index is the
/// registry's own; an address on another server without that path is another registry.
fn is_other_address(index: &str, own_index: &str) -> bool {
    let path = |address: &'_ str| -> Option<String> {
        let address = address.strip_prefix("sparse+")?;
        let (scheme, rest) = address.split_once("://")?;
        let (_, path) = rest.split_once('/')?;
        matches!(scheme, "http" | "https").then(|| path.trim_end_matches('/').to_owned())
    };
    match (path(index), path(own_index)) {
        (Some(one), Some(own)) => !own.is_empty() && one == own,
        _ => false,
    }
}

/// A target as cargo sends it has other blanks and commas than the one in `Cargo.toml`.
fn normal_target(target: &str) -> String {
    let mut normal = String::with_capacity(target.len());
    let mut is_quoted = false;
    for c in target.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            c if c.is_whitespace() && !is_quoted => continue,
            ')' if !is_quoted && normal.ends_with(',') => {
                normal.pop();
            }
            _ => {}
        }
        normal.push(c);
    }
    normal
}

/// Features must be the same, but for one thing: some cargos leave out of `Cargo.toml` what refers to
/// dependencies that they left out, and send it all the same.
fn features(sent: &PublishMetadata, packaged: &PublishMetadata) -> Result<(), PackageError> {
    let aliases: BTreeSet<&str> = packaged.deps.iter().map(MetadataDependency::alias).collect();
    let is_left_out = |value: &&String| match Value::parse(value) {
        Value::Feature(_) => false,
        other => !aliases.contains(other.refers_to()),
    };
    let is_packaged = |name| packaged.features.contains_key(name);
    if let Some(name) = sent.features.keys().find(|name| !is_packaged(*name)) {
        return Err(unpacked(&format!("features.{name}")));
    }
    for (name, values) in &packaged.features {
        let what = format!("features.{name}");
        let Some(sent) = sent.features.get(name) else {
            return Err(unsent(&what));
        };
        let packaged_values: BTreeSet<&String> = values.iter().collect();
        let sent: Vec<String> =
            sent.iter().filter(|v| packaged_values.contains(v) || !is_left_out(v)).cloned().collect();
        same(&what, Some(&listed(&sent)), Some(&listed(values)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_compared_without_blanks() {
        for (written, sent) in [
            ("cfg(unix)", "cfg(unix)"),
            ("cfg( all(unix, not( windows ) ,) )", "cfg(all(unix, not(windows)))"),
            ("cfg(target_os=\"linux\")", "cfg(target_os = \"linux\")"),
            ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"),
        ] {
            assert_eq!(normal_target(written), normal_target(sent));
        }
        assert_ne!(normal_target("cfg(feature = \"a b\")"), normal_target("cfg(feature = \"ab\")"));
    }

    #[test]
    fn a_registry_may_have_two_names() {
        let own = "sparse+http://localhost:8000/r/main/index/";
        assert!(is_other_address("sparse+https://crates.acme.example/r/main/index/", own));
        for other in [
            "sparse+http://localhost:8000/r/other/index/",
            "https://github.example/r/main/index/",
            "sparse+http://x/",
            "x",
        ] {
            assert!(!is_other_address(other, own), "{other}");
        }
        assert!(!is_other_address("sparse+http://a/", "sparse+http://b/"));
    }
}
