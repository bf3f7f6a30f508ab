//! Made-up crates that look like real ones: names, texts, dependencies and ages, the same in every run.

use holdfast_registry::entity::{About, CrateHead, Readme, Version};
use holdfast_types::{
    CrateName, DependencyKind, IndexDependency, IndexLine, Login, Principal, RegistryName, Sha256, Timestamp,
};
use std::collections::BTreeMap;

const WORDS: [&str; 40] = [
    "async", "runtime", "json", "fast", "client", "server", "parser", "http", "cache", "config", "crypto",
    "derive", "error", "event", "future", "graph", "hash", "index", "log", "macro", "math", "metrics", "net",
    "parallel", "proto", "query", "queue", "random", "regex", "rpc", "schema", "stream", "string", "sync",
    "template", "time", "token", "tree", "vector", "web",
];

/// Everybody depends on the first crates.
const POPULAR: usize = 500;

/// Dependencies of a crate.
const DEPENDENCIES: usize = 3;

const TWO_YEARS_MILLIS: u64 = 2 * 365 * 86_400_000;

/// A stored file that versions refer to.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    pub(super) sha256: Sha256,
    pub(super) size_bytes: u64,
}

/// All crates, in the order of their keys, so that the database grows at its end.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) versions: usize,
    names: Vec<CrateName>,
    registry: RegistryName,
    owner: Login,
    files: Vec<File>,
    now_millis: u64,
}

impl Plan {
    pub(super) fn new(
        crates: usize,
        versions: usize,
        owner: Login,
        files: Vec<File>,
        now_millis: u64,
    ) -> Plan {
        let mut names: Vec<String> = (0..crates).map(name).collect();
        names.sort_unstable();
        let names = names.iter().map(|name| name.parse().expect("words and hyphens make a name")).collect();
        let registry = "main".parse().expect("it follows the rule of registry names");
        Plan { versions, names, registry, owner, files, now_millis }
    }

    pub(super) fn crates(&self) -> usize {
        self.names.len()
    }

    /// The crate at a place, with its versions from the oldest to the newest.
    pub(super) fn krate(&self, number: usize) -> (CrateHead, Readme, Vec<Version>) {
        let name = &self.names[number];
        let about = about(name.as_str());
        // Evenly spread, as a tail by last change would find them.
        let age = TWO_YEARS_MILLIS / (self.crates() as u64 + 1) * (self.crates() - number) as u64;
        let updated_millis = self.now_millis - age;
        let at = Timestamp::from_unix_seconds(i64::try_from(updated_millis / 1000).unwrap_or(i64::MAX));
        let dependencies = self.dependencies(number);
        let version = |step| self.version(number, step, at, &about, &dependencies);
        let versions: Vec<Version> = (0..self.versions).map(version).collect();
        let head = CrateHead {
            registry: self.registry.clone(),
            name: name.clone(),
            owners: vec![Principal::User(self.owner.clone())],
            restricted_to: None,
            trusts: Vec::new(),
            trusted_only: false,
            created_at: versions.first().map_or(at, |version| version.published_at),
            updated_millis,
            max_version: versions.last().map(|version| version.line.vers.clone()),
            max_yanked: false,
            version_count: u32::try_from(versions.len()).expect("nobody asks for so many versions"),
            dependencies: dependencies
                .iter()
                .filter_map(|needed| needed.package_name().parse().ok())
                .collect(),
            about: about.clone(),
        };
        let readme =
            Readme { registry: self.registry.clone(), krate: name.canonical(), text: readme(name.as_str()) };
        (head, readme, versions)
    }

    fn version(
        &self,
        number: usize,
        step: usize,
        newest: Timestamp,
        about: &About,
        dependencies: &[IndexDependency],
    ) -> Version {
        let days_before = u32::try_from(self.versions - 1 - step).unwrap_or(u32::MAX);
        let published_at = newest.minus(std::time::Duration::from_hours(24) * days_before);
        let file = self.files[number % self.files.len()];
        let number_of = format!("{}.{}.{}", step / 100, step / 10 % 10, step % 10);
        let features =
            ["default", "std"].map(|name| (name.parse().expect("a word is a feature"), Vec::new()));
        let line = IndexLine {
            name: self.names[number].clone(),
            vers: number_of.parse().expect("three numbers are a version"),
            deps: dependencies.to_vec(),
            cksum: file.sha256,
            features: BTreeMap::from(features),
            features2: None,
            yanked: false,
            links: None,
            rust_version: Some("1.70".parse().expect("it is a version of Rust")),
            pubtime: Some(published_at),
            v: None,
        };
        Version {
            registry: self.registry.clone(),
            line,
            size_bytes: file.size_bytes,
            published_at,
            published_by: Some(self.owner.clone()),
            about: about.clone(),
            removed: None,
        }
    }

    fn dependencies(&self, number: usize) -> Vec<IndexDependency> {
        let popular = POPULAR.min(self.crates());
        let places = (0..DEPENDENCIES).map(|step| scattered(number * DEPENDENCIES + step) % popular);
        // Spread over the whole alphabet, sorted and without doubles, as cargo writes them.
        let mut names: Vec<&CrateName> = places
            .map(|place| &self.names[place * (self.crates() / popular)])
            .filter(|needed| **needed != self.names[number])
            .collect();
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        names.into_iter().map(dependency).collect()
    }
}

fn dependency(name: &CrateName) -> IndexDependency {
    IndexDependency {
        name: name.as_str().parse().expect("a name can stand for itself"),
        req: "^0.0".parse().expect("it is a requirement"),
        features: Vec::new(),
        optional: false,
        default_features: true,
        target: None,
        kind: DependencyKind::Normal,
        registry: None,
        package: None,
        public: None,
        artifact: None,
        bindep_target: None,
        lib: false,
    }
}

/// Three words, and a number when they do not suffice.
fn name(number: usize) -> String {
    let word = |power: u32| WORDS[number / WORDS.len().pow(power) % WORDS.len()];
    let name = format!("{}-{}-{}", word(0), word(1), word(2));
    match number / WORDS.len().pow(3) {
        0 => name,
        round => format!("{name}-{round}"),
    }
}

/// A number that looks like no other near it (Knuth's multiplicative hash).
fn scattered(number: usize) -> usize {
    number.wrapping_mul(2_654_435_761) >> 7
}

fn words_of(name: &str) -> Vec<&str> {
    name.split('-').filter(|word| word.parse::<usize>().is_err()).collect()
}

fn about(name: &str) -> About {
    let words = words_of(name);
    let mut keywords: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    keywords.dedup();
    About {
        description: Some(format!("A {} {} for every {}", words[0], words[1], words[2])),
        repository: Some(format!("https://git.example.com/made-up/{name}")),
        license: Some("MIT OR Apache-2.0".to_owned()),
        keywords,
        edition: Some("2024".to_owned()),
        ..About::default()
    }
}

fn readme(name: &str) -> String {
    let words = words_of(name);
    let other = |step: usize| WORDS[scattered(name.len() * 31 + step) % WORDS.len()];
    let sentences: Vec<String> = (0..6)
        .map(|step| {
            let word = words[step % words.len()];
            format!(
                "It makes the {word} of a {} {} simple, and needs no {}.",
                other(step),
                other(step + 7),
                other(step + 13)
            )
        })
        .collect();
    format!("# {name}\n\n{}\n", sentences.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::{WORDS, name};
    use std::collections::BTreeSet;

    #[test]
    fn names_are_many() {
        let count = WORDS.len().pow(3) + 1000;
        let names: BTreeSet<String> = (0..count).map(name).collect();
        assert_eq!(names.len(), count);
        assert!(names.contains("json-fast-client"));
    }
}
