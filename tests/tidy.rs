//! The rules of the house, as tests over `cargo metadata` and the files of the repository. ARCHITECTURE.md
//! tells why each rule is there; a failure here tells which file breaks one and what to do.
#![expect(clippy::disallowed_methods, reason = "a test asks the environment which cargo runs it")]
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use toml::Table;

/// Which packages of ours a package may need in its normal build. What is absent here is forbidden.
const DIRECTIONS: &[(&str, &[&str])] = &[
    ("holdfast-types", &[]),
    ("holdfast-package", &["types"]),
    ("holdfast-store", &["types"]),
    ("holdfast-engines", &["store"]),
    ("holdfast-blobs", &["types"]),
    ("holdfast-search", &["types"]),
    ("holdfast-identity", &["types"]),
    ("cargo-credential-holdfast", &[]),
    ("holdfast-registry", &["types", "package", "store", "blobs", "search", "identity"]),
    ("holdfast-web", &["types", "package", "blobs", "identity", "registry"]),
    ("holdfast", &["types", "package", "store", "engines", "blobs", "search", "identity", "registry", "web"]),
    ("holdfast-servers", &[]),
    (
        "holdfast-testkit",
        &[
            "types", "package", "store", "engines", "blobs", "search", "identity", "registry", "web",
            "servers",
        ],
    ),
    (
        "holdfast-tests",
        &[
            "types", "package", "store", "engines", "blobs", "search", "identity", "registry", "web",
            "servers", "testkit",
        ],
    ),
    ("xtask", &["servers"]),
];

/// Libraries that only some packages may need: their names (a star ends a prefix), the packages, the reason.
/// The test kit and the black-box tests may need any, since they stand outside.
const TERRITORIES: &[(&[&str], &[&str], &str)] = &[
    (
        &["axum", "axum-*", "hyper", "hyper-util", "tower-http"],
        &["holdfast-web", "holdfast"],
        "only web serves HTTP",
    ),
    (&["http-body", "http-body-util", "tower"], &["holdfast-web", "holdfast"], "only web knows HTTP"),
    (
        &["http", "reqwest", "reqsign-*"],
        &[
            "holdfast-web",
            "holdfast",
            "holdfast-engines",
            "holdfast-blobs",
            "holdfast-identity",
            "cargo-credential-holdfast",
        ],
        "only web, and clients of other systems, know HTTP",
    ),
    (
        &[
            "rusqlite",
            "libsqlite3-sys",
            "sqlx",
            "sqlx-*",
            "redb",
            "redis",
            "mongodb",
            "aws-*",
            "diesel",
            "sea-orm",
        ],
        &["holdfast-engines"],
        "only engines names a database",
    ),
    (
        &["postgres", "tokio-postgres", "mysql", "mysql_async"],
        &["holdfast-engines"],
        "only engines names a database",
    ),
    (&["object_store"], &["holdfast-blobs"], "only blobs names a file store"),
    (&["tantivy"], &["holdfast-search"], "only search names a search library"),
    (&["clap", "clap_*"], &["holdfast"], "only the binary reads the command line"),
    (&["anyhow"], &["holdfast", "xtask"], "libraries return errors that can be matched"),
];

const FREE: &[&str] = &["holdfast-testkit", "holdfast-tests"];
const LONGEST_FILE: usize = 600;
const LARGEST_FILE: u64 = 500_000;
const LICENCE: &str = "MIT OR Apache-2.0";
const DEFAULT_REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn packages_depend_downwards_only() {
    let mut problems = Vec::new();
    for package in members() {
        let name = text(&package["name"]);
        let Some((_, allowed)) = DIRECTIONS.iter().find(|(known, _)| *known == name) else {
            problems.push(format!(
                "`{name}` is new: add it to DIRECTIONS in tests/tidy.rs and to ARCHITECTURE.md"
            ));
            continue;
        };
        for needed in dependencies(&package, Kinds::Built) {
            let short = needed.strip_prefix("holdfast-");
            if short.is_some_and(|short| !allowed.contains(&short))
                || needed == "holdfast"
                || needed == "xtask"
            {
                problems.push(format!(
                    "`{name}` may not need `{needed}`: move the code, or the boundary with a reason"
                ));
            }
        }
    }
    none(&problems);
}

#[test]
fn libraries_stay_in_their_territory() {
    let mut problems = Vec::new();
    for package in members() {
        let name = text(&package["name"]);
        for needed in dependencies(&package, Kinds::All) {
            for (libraries, owners, reason) in TERRITORIES {
                let named = libraries.iter().any(|library| matches(library, &needed));
                if named && !owners.contains(&name) && !FREE.contains(&name) {
                    problems.push(format!(
                        "`{name}` needs `{needed}`, but {reason}: use it through that package"
                    ));
                }
            }
        }
    }
    none(&problems);
}

#[test]
fn engines_know_keys_and_bytes_only() {
    // A database's address has a user and secrets, and errors must hide them; a protocol has words of its own.
    let about_addresses =
        ["crates/engines/src/error.rs", "crates/engines/src/url.rs", "crates/engines/src/dynamodb/wire.rs"];
    let engine = |path: &str| {
        let file = path.starts_with("crates/engines/") || path == "crates/store/src/memory.rs";
        file && !about_addresses.contains(&path)
    };
    let mut problems = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| engine(path)) {
        for (number, line) in text.lines().enumerate() {
            for word in domain_words(line) {
                let at = number + 1;
                problems.push(format!("{path}:{at} says `{word}`: an engine sees keys and bytes, say that"));
            }
        }
    }
    none(&problems);
}

#[test]
fn only_the_binary_reads_the_environment() {
    let outside = [
        "crates/holdfast/",
        "crates/credential/src/environment.rs",
        "crates/servers/",
        "crates/testkit/",
        "tests/",
        "xtask/",
        "fuzz/",
    ];
    let reads = [["env::", "var"].concat(), ["env::", "args"].concat(), ["env::", "vars"].concat()];
    let mut problems = Vec::new();
    for (path, text) in sources() {
        let is_outside = outside.iter().any(|folder| path.starts_with(folder))
            || path.contains("/tests/")
            || path.contains("/examples/");
        if !is_outside && reads.iter().any(|read| text.contains(read)) {
            problems.push(format!("{path} reads the environment: take the value as an argument"));
        }
    }
    none(&problems);
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let allow = [["#[", "allow("].concat(), ["#![", "allow("].concat(), [", ", "allow("].concat()];
    let mut problems = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            problems.push(format!("{path} has {lines} lines: split it, {LONGEST_FILE} is the most"));
        }
        if !text.starts_with("//! ") {
            problems.push(format!("{path} does not open with a `//!` sentence: say what the file is for"));
        }
        let attribute =
            |line: &&str| line.trim_start().starts_with('#') && allow.iter().any(|word| line.contains(word));
        if let Some(line) = text.lines().find(attribute) {
            problems.push(format!("{path} has `{}`: use `expect` with a reason", line.trim()));
        }
    }
    none(&problems);
}

#[test]
fn manifests_inherit_from_the_workspace() {
    let mut problems = Vec::new();
    for package in members() {
        let path = PathBuf::from(text(&package["manifest_path"]));
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        let manifest: Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        if manifest.get("lints").and_then(|lints| lints.get("workspace")) != Some(&true.into()) {
            problems.push(format!("{shown} has no `[lints] workspace = true`"));
        }
        if package["license"] != LICENCE || !package["publish"].as_array().is_some_and(Vec::is_empty) {
            problems.push(format!("{shown} must inherit `license` and `publish` from the workspace"));
        }
        for (name, dependency) in dependency_tables(&manifest) {
            if dependency.get("workspace") != Some(&true.into()) {
                problems.push(format!(
                    "{shown}: `{name}` must be `workspace = true`, its version in the root manifest"
                ));
            }
        }
    }
    none(&problems);
}

#[test]
fn dependencies_come_from_the_default_registry() {
    let mut problems = Vec::new();
    for package in locked() {
        let (name, source) = (&package["name"], package.get("source").and_then(|source| source.as_str()));
        if source.is_some_and(|source| source != DEFAULT_REGISTRY) {
            problems.push(format!(
                "Cargo.lock: {name} comes from {source:?}: use a released version, no other source"
            ));
        }
    }
    let workspace = read_toml("Cargo.toml");
    for (name, dependency) in workspace["workspace"]["dependencies"].as_table().unwrap() {
        for key in ["git", "registry", "registry-index"] {
            if dependency.get(key).is_some() {
                problems.push(format!(
                    "Cargo.toml: `{name}` has `{key}`: use a released version, no other source"
                ));
            }
        }
    }
    none(&problems);
}

#[test]
fn banned_and_second_versions_stay_out() {
    let bans = read_toml("deny.toml")["bans"].as_table().unwrap().clone();
    let listed = |key: &str| {
        let entries = bans[key].as_array().unwrap().iter();
        entries.map(|entry| entry["crate"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in locked() {
        let of = |key: &str| package[key].as_str().unwrap().to_owned();
        versions.entry(of("name")).or_default().push(of("version"));
    }
    let mut problems = Vec::new();
    for name in listed("deny").into_iter().filter(|name| versions.contains_key(name)) {
        problems.push(format!("Cargo.lock: `{name}` is banned by deny.toml: see `cargo tree -i {name}`"));
    }
    for skip in listed("skip") {
        let (name, wanted) = skip.split_once('@').unwrap();
        let known = versions.get_mut(name).filter(|versions| versions.len() > 1);
        let is_wanted = |version: &String| version == wanted || version.starts_with(&format!("{wanted}."));
        if known.and_then(|known| known.iter().position(is_wanted).map(|place| known.remove(place))).is_none()
        {
            problems.push(format!("deny.toml: `{skip}` is no second version any more: remove the line"));
        }
    }
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        let versions = versions.join(" and ");
        problems.push(format!(
            "Cargo.lock: `{name}` is there as {versions}: align them, or name the older in deny.toml"
        ));
    }
    none(&problems);
}

#[test]
fn licences_are_those_we_accept() {
    let accepted = read_toml("deny.toml")["licenses"]["allow"].clone();
    let accepted: Vec<&str> =
        accepted.as_array().unwrap().iter().map(|licence| licence.as_str().unwrap()).collect();
    let mut problems = Vec::new();
    for package in array(&metadata()["packages"]) {
        let expression = package["license"].as_str().unwrap_or("no licence");
        let parsed = spdx::Expression::parse_mode(expression, spdx::ParseMode::LAX);
        let fits = |requirement: &spdx::LicenseReq| accepted.contains(&requirement.to_string().as_str());
        if !parsed.is_ok_and(|parsed| parsed.evaluate(fits)) {
            let name = text(&package["name"]);
            problems
                .push(format!("`{name}` is under `{expression}`: choose another, or accept it in deny.toml"));
        }
    }
    for file in ["LICENSE-MIT", "LICENSE-APACHE"] {
        if !root().join(file).is_file() {
            problems.push(format!("{file} is missing: the licence is `{LICENCE}`"));
        }
    }
    none(&problems);
}

#[test]
fn files_are_small_and_name_no_machine() {
    let mut problems = Vec::new();
    for path in files() {
        let full = root().join(&path);
        let Ok(size) = full.metadata().map(|metadata| metadata.len()) else { continue };
        if size > LARGEST_FILE {
            problems.push(format!("{path} has {size} bytes: generate it, or keep it outside the repository"));
        }
        let Ok(text) = fs::read_to_string(&full) else { continue };
        if let Some(place) = machine_path(&text, &root().to_string_lossy()) {
            problems.push(format!(
                "{path} names `{place}`, a folder of one machine: use a path relative to the root"
            ));
        }
    }
    none(&problems);
}

#[test]
fn the_map_names_every_package() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap_or_default();
    let mut problems = Vec::new();
    for package in members() {
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        let folder = manifest.parent().unwrap().strip_prefix(root()).unwrap().display().to_string();
        let short = format!("{}/", folder.rsplit('/').next().unwrap());
        let named = |line: &str| line.contains(&folder) || line.trim_start().starts_with(&short);
        if !map.lines().any(named) {
            problems.push(format!("ARCHITECTURE.md does not name `{folder}`: add it to the map"));
        }
    }
    none(&problems);
}

#[test]
fn words_of_the_domain_are_told_from_paths_of_rust() {
    let check = |line: &str, expected: &[&str]| assert_eq!(domain_words(line), expected, "{line}");
    check("use crate::contract::Store; pub(crate) fn open() {}", &[]);
    check("pub(in crate::sqlite) struct Rows;", &[]);
    check("a row of each crate", &["crate"]);
    check("let crate_name = users[0];", &["crate", "users"]);
    check("struct TokenRow;", &["token"]);
    check("tokio::spawn(tokenizer)", &[]);
    check("TOKENS, crateless, superuser", &["tokens"]);
}

#[test]
fn folders_of_a_machine_are_told_from_addresses() {
    let home = ["/ho", "me/ann/x"].concat();
    let check =
        |text: &str, found: bool| assert_eq!(machine_path(text, "/build/tree").is_some(), found, "{text}");
    check(&format!("see {home}"), true);
    check("in `/build/tree/target`", true);
    check("https://example.com/build/tree", false);
    check("crates/build/tree and ../build/tree", false);
}

/// Fails with every sentence of `problems`.
fn none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read_toml(path: &str) -> Table {
    fs::read_to_string(root().join(path)).unwrap().parse().unwrap()
}

fn locked() -> Vec<Table> {
    let packages = read_toml("Cargo.lock")["package"].clone();
    packages.as_array().unwrap().iter().map(|package| package.as_table().unwrap().clone()).collect()
}

/// What cargo knows of the workspace and of everything built on this platform, asked offline first: the
/// packages of this platform are there, or this test would not have been built.
fn metadata() -> Value {
    let platform = output("rustc", &["-vV"]).unwrap();
    let host = platform.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let ask = ["metadata", "--format-version", "1", "--locked", "--filter-platform", &host];
    let offline = output(&cargo, &[&ask[..], &["--offline"]].concat());
    serde_json::from_str(&offline.or_else(|_| output(&cargo, &ask)).unwrap()).unwrap()
}

/// What `program` prints at the root of the repository, or what it complains of.
fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .map_err(|error| error.to_string())?;
    let utf8 = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if output.status.success() { Ok(utf8(output.stdout)) } else { Err(utf8(output.stderr)) }
}

fn members() -> Vec<Value> {
    let metadata = metadata();
    let ids: BTreeSet<&str> = array(&metadata["workspace_members"]).iter().map(text).collect();
    let packages = array(&metadata["packages"]).iter();
    packages.filter(|package| ids.contains(text(&package["id"]))).cloned().collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[derive(Clone, Copy, PartialEq)]
enum Kinds {
    /// What the package needs to be built.
    Built,
    /// That, and what its tests need.
    All,
}

fn dependencies(package: &Value, kinds: Kinds) -> BTreeSet<String> {
    let all = array(&package["dependencies"]).iter();
    let wanted = all.filter(|dependency| kinds == Kinds::All || dependency["kind"] != "dev");
    wanted.map(|dependency| text(&dependency["name"]).to_owned()).collect()
}

/// Every dependency of a manifest, those of single platforms included.
fn dependency_tables(manifest: &Table) -> Vec<(String, Table)> {
    let platforms = manifest.get("target").and_then(|target| target.as_table()).into_iter().flatten();
    let tables = platforms.filter_map(|(_, table)| table.as_table()).chain([manifest]);
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let lists = tables.flat_map(|table| kinds.map(|kind| table.get(kind).and_then(|list| list.as_table())));
    let entries = lists.flatten().flatten();
    entries.map(|(name, entry)| (name.clone(), entry.as_table().cloned().unwrap_or_default())).collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

/// Files that are tracked or about to be; outside a git checkout, all but build products.
fn files() -> Vec<String> {
    let listed = output("git", &["ls-files", "--cached", "--others", "--exclude-standard"]);
    listed.map_or_else(|_| walk(root()), |listed| listed.lines().map(str::to_owned).collect())
}

fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "target" && name != ".git" && name != "holdfast-data" {
            found.extend(walk(&path));
        } else if path.is_file() {
            found.push(path.strip_prefix(root()).unwrap().display().to_string());
        }
    }
    found
}

/// Every Rust file and its text.
fn sources() -> Vec<(String, String)> {
    let paths =
        files().into_iter().filter(|path| Path::new(path).extension().is_some_and(|kind| kind == "rs"));
    paths.filter_map(|path| Some((path.clone(), fs::read_to_string(root().join(path)).ok()?))).collect()
}

/// The words crate, user and token in `line`, also as part of a name, but not where `crate` is Rust's own.
fn domain_words(line: &str) -> Vec<String> {
    let paths = ["crate::", "pub(crate)", "(in crate)", "$crate", "#![crate_"];
    let plain = paths.iter().fold(line.to_owned(), |line, path| line.replace(path, " "));
    let (mut spaced, mut before) = (String::new(), ' ');
    for letter in plain.chars() {
        if letter.is_uppercase() && before.is_lowercase() {
            spaced.push(' ');
        }
        before = letter;
        spaced.push(if letter.is_alphabetic() { letter.to_ascii_lowercase() } else { ' ' });
    }
    let words = spaced.split_whitespace().filter(|word| {
        let word = word.strip_suffix('s').unwrap_or(word);
        word == "crate" || word == "user" || word == "token"
    });
    words.map(str::to_owned).collect()
}

/// A folder of somebody's machine in `text`: a home, or the folder this repository lies in.
fn machine_path(text: &str, repository: &str) -> Option<String> {
    let homes = [["/ho", "me/"].concat(), ["/Us", "ers/"].concat(), ["C:\\Us", "ers\\"].concat()];
    let starts_here = |at: usize| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || "./-_~:}".contains(letter))
    };
    for place in homes.iter().map(String::as_str).chain([repository]) {
        if let Some((at, found)) = text.match_indices(place).find(|(at, _)| starts_here(*at)) {
            return Some(
                text[at..]
                    .chars()
                    .take(found.len() + 12)
                    .take_while(|letter| !letter.is_whitespace())
                    .collect(),
            );
        }
    }
    None
}
