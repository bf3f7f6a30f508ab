//! The stage of these tests: a server in memory, everybody who acts on it, and a look at all that it stores.

use bytes::Bytes;
use holdfast_blobs::{Blobs, Staged};
use holdfast_package::testing::{CrateBuilder, OWN_INDEX};
use holdfast_registry::entity::{AuditEntry, Outcome, Role};
use holdfast_registry::{
    Actor, AuditFilter, Depth, Holdfast, NewToken, NewUser, Outside, Parts, Receipt, Result, Settings,
    Upload, Yank,
};
use holdfast_search::SearchIndex;
use holdfast_store::faults::{Call, Fault, Faults};
use holdfast_store::{Memory, Scan, Store};
use holdfast_testkit::FakeOutside;
use holdfast_types::{RegistryName, Scopes, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

/// A server with its actors. The fields are the parts that a test may reach past the operations for.
pub(crate) struct House {
    pub(crate) outside: Arc<FakeOutside>,
    /// The store, which fails on demand and counts its calls.
    pub(crate) faults: Arc<Faults>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Blobs,
    pub(crate) holdfast: Holdfast,
    /// Nobody known.
    pub(crate) anon: Actor,
    /// May read.
    pub(crate) rita: Actor,
    /// May publish, and in most tests owns what is there.
    pub(crate) alice: Actor,
    /// May publish too.
    pub(crate) bob: Actor,
    /// May do everything.
    pub(crate) root: Actor,
    /// The command line.
    pub(crate) operator: Actor,
    parts: Arc<Mutex<BTreeSet<String>>>,
    names: Mutex<BTreeMap<String, String>>,
}

/// A value from its text.
pub(crate) fn v<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// The registry of most tests.
pub(crate) fn main() -> RegistryName {
    v("main")
}

/// A package with nothing special.
pub(crate) fn krate(name: &str, version: &str) -> CrateBuilder {
    CrateBuilder::new(name, version)
}

/// The same package with other bytes.
pub(crate) fn other_bytes(krate: &CrateBuilder) -> CrateBuilder {
    krate.clone().file("src/other.rs", b"// other bytes\n")
}

/// What whoever was refused is told.
pub(crate) fn refusal<T: Debug>(result: Result<T>) -> String {
    let error = result.unwrap_err();
    format!("{:?}: {error}", error.kind())
}

impl House {
    /// A server after its first start.
    pub(crate) async fn new() -> House {
        House::with(Settings::default()).await
    }

    /// One with settings.
    pub(crate) async fn with(settings: Settings) -> House {
        House::over(Arc::new(Memory::new()), Blobs::open("memory:").await.unwrap(), settings).await
    }

    /// One over this store and these files.
    pub(crate) async fn over(inner: Arc<dyn Store>, blobs: Blobs, settings: Settings) -> House {
        let parts = Arc::new(Mutex::new(BTreeSet::new()));
        let faults = Arc::new(Faults::new(Arc::new(watched(inner, parts.clone()))));
        let store: Arc<dyn Store> = faults.clone();
        let outside = FakeOutside::new(1);
        let holdfast = process(&outside, &store, &blobs, settings);
        holdfast.start(None).await.unwrap();
        let actors = [
            ("rita", Role::Reader),
            ("alice", Role::Publisher),
            ("bob", Role::Publisher),
            ("root", Role::Admin),
        ];
        for (login, role) in actors {
            add_user(&holdfast, login, role).await;
        }
        House {
            anon: Actor::anonymous(None),
            rita: actor(&holdfast, "rita", Scopes::default()).await,
            alice: actor(&holdfast, "alice", Scopes::default()).await,
            bob: actor(&holdfast, "bob", Scopes::default()).await,
            root: actor(&holdfast, "root", Scopes::default()).await,
            operator: Actor::operator(),
            names: Mutex::default(),
            outside,
            faults,
            store,
            blobs,
            holdfast,
            parts,
        }
    }

    /// Another process over the same store and files, with its own caches and a search index.
    pub(crate) fn process(&self) -> Holdfast {
        process(&self.outside, &self.store, &self.blobs, self.holdfast.settings().clone())
    }

    /// A new user.
    pub(crate) async fn add(&self, login: &str, role: Role) -> Actor {
        add_user(&self.holdfast, login, role).await;
        self.actor(login).await
    }

    /// A user through a token without scopes.
    pub(crate) async fn actor(&self, login: &str) -> Actor {
        actor(&self.holdfast, login, Scopes::default()).await
    }

    /// A user through a token that may only do this, on these crates.
    pub(crate) async fn scoped(&self, login: &str, endpoints: &[&str], crates: &[&str]) -> Actor {
        let scopes = Scopes {
            endpoints: endpoints.iter().map(|word| v(word)).collect(),
            crates: crates.iter().map(|pattern| v(pattern)).collect(),
            ..Scopes::default()
        };
        actor(&self.holdfast, login, scopes).await
    }

    /// A `.crate` file as it arrives. Its digest gets a name that is fit for a snapshot.
    pub(crate) async fn stage(&self, holdfast: &Holdfast, krate: &CrateBuilder) -> Result<Staged> {
        let (metadata, package) = krate.build();
        self.name(&metadata, &package);
        let mut staging = holdfast.stage();
        staging.write(Bytes::from(package)).await?;
        Ok(staging.finish().await?)
    }

    fn name(&self, metadata: &[u8], package: &[u8]) {
        let metadata: serde_json::Value = serde_json::from_slice(metadata).unwrap();
        let name = format!("{}@{}", metadata["name"].as_str().unwrap(), metadata["vers"].as_str().unwrap());
        let mut names = self.names.lock().unwrap();
        let taken = names.values().filter(|taken| taken.trim_end_matches('\'') == name).count();
        names.entry(Sha256::of(package).to_string()).or_insert_with(|| name + &"'".repeat(taken));
    }

    /// Publishes to `main`.
    pub(crate) async fn publish(&self, actor: &Actor, krate: &CrateBuilder) -> Result<Receipt> {
        self.publish_at(&self.holdfast, actor, "main", krate).await
    }

    /// Publishes through some process.
    pub(crate) async fn publish_at(
        &self,
        holdfast: &Holdfast,
        actor: &Actor,
        registry: &str,
        krate: &CrateBuilder,
    ) -> Result<Receipt> {
        let package = self.stage(holdfast, krate).await?;
        let upload = Upload { metadata: &krate.metadata(), package, own_index: OWN_INDEX };
        holdfast.publish(actor, &v(registry), upload).await
    }

    /// Publishes plain versions as `alice`.
    pub(crate) async fn have(&self, versions: &[&str]) {
        for version in versions {
            let (name, version) = version.split_once('@').unwrap();
            self.publish(&self.alice, &krate(name, version)).await.unwrap();
        }
    }

    /// Yanks as `alice`.
    pub(crate) async fn yank(&self, version: &str, yank: Yank) {
        let (name, version) = version.split_once('@').unwrap();
        self.holdfast.yank(&self.alice, &main(), &v(name), &v(version), yank).await.unwrap();
    }

    /// The index file that everybody gets.
    pub(crate) async fn index(&self, name: &str) -> String {
        self.index_at(&self.holdfast, name).await
    }

    /// The index file that some process gives.
    pub(crate) async fn index_at(&self, holdfast: &Holdfast, name: &str) -> String {
        let file = holdfast.index_file(&self.operator, &main(), &v(name)).await.unwrap();
        self.named(str::from_utf8(&file.body).unwrap())
    }

    /// The versions that a process has in its index, yanked ones in brackets.
    pub(crate) async fn versions_at(&self, holdfast: &Holdfast, name: &str) -> String {
        let file = match holdfast.index_file(&self.operator, &main(), &v(name)).await {
            Ok(file) => file,
            Err(error) => return format!("{:?}", error.kind()),
        };
        let text = str::from_utf8(&file.body).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let shown = lines.map(|line| {
            let version = line["vers"].as_str().unwrap();
            if line["yanked"] == true { format!("[{version}]") } else { version.to_owned() }
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    /// The versions in the index.
    pub(crate) async fn versions(&self, name: &str) -> String {
        self.versions_at(&self.holdfast, name).await
    }

    /// What a crate shows of itself.
    pub(crate) async fn shown(&self, name: &str) -> String {
        let description = self.holdfast.describe(&self.operator, &main(), &v(name)).await.unwrap();
        let head = description.head;
        let yanked = if head.max_yanked { ", yanked" } else { "" };
        let about = head.about.description.unwrap_or_default();
        format!("{} of {}{yanked}: {about}", head.max_version.unwrap(), head.version_count)
    }

    /// Every document about crates, by key. What accounts and the audit log hold is left out.
    pub(crate) async fn documents(&self) -> String {
        let parts: Vec<String> = self.parts.lock().unwrap().iter().cloned().collect();
        let about_crates = ["crate/", "version/", "readme/", "recent/", "owned/", "blob/"];
        let mut lines = Vec::new();
        for part in parts.iter().filter(|part| about_crates.iter().any(|start| part.starts_with(start))) {
            for doc in self.store.scan(&Scan::first(&**part, 10_000)).await.unwrap() {
                lines.push(self.named(&doc.key.to_string()));
            }
        }
        lines.sort();
        lines.join("\n")
    }

    /// Every document but the audit log, with its body.
    pub(crate) async fn bodies(&self) -> Vec<String> {
        let parts: Vec<String> = self.parts.lock().unwrap().iter().cloned().collect();
        let mut lines = Vec::new();
        for part in parts.iter().filter(|part| !part.starts_with("audit/")) {
            for doc in self.store.scan(&Scan::first(&**part, 10_000)).await.unwrap() {
                lines.push(format!("{} {}", doc.key, doc.body));
            }
        }
        lines
    }

    /// Every file, condemned ones in brackets.
    pub(crate) async fn files(&self) -> String {
        let live = self.blobs.list(None, 10_000).await.unwrap().blobs;
        let condemned = self.blobs.list_condemned(None, 10_000).await.unwrap().blobs;
        let mut files: Vec<String> = live.iter().map(|blob| self.named(&blob.sha256.to_string())).collect();
        files.extend(condemned.iter().map(|blob| format!("[{}]", self.named(&blob.sha256.to_string()))));
        files.sort();
        files.join(" ")
    }

    /// The audit log of crates, refusals with their reason. Sorted: within a millisecond it has no order.
    pub(crate) async fn log(&self) -> String {
        let entries = self.entries().await;
        let lines =
            entries.iter().filter(|entry| entry.registry.is_some()).map(|entry| match &entry.outcome {
                Outcome::Done => format!("{} {} {}", entry.actor, entry.action, entry.subject),
                Outcome::Refused(reason) => {
                    format!("{} {} {}: {reason}", entry.actor, entry.action, entry.subject)
                }
            });
        let mut lines: Vec<String> = lines.collect();
        lines.sort();
        lines.join("\n")
    }

    /// The whole audit log.
    pub(crate) async fn entries(&self) -> Vec<AuditEntry> {
        let filter = AuditFilter { limit: 100_000, ..AuditFilter::default() };
        self.holdfast.audit_log(&self.operator, &filter).await.unwrap()
    }

    /// What is wrong with what is stored.
    pub(crate) async fn problems(&self) -> String {
        let findings = self.holdfast.fsck(&self.operator, Depth::Digests).await.unwrap();
        self.named(&findings.problems.join("\n"))
    }

    /// Text in which digests have names and keep from one release of a compressor to the next.
    pub(crate) fn named(&self, text: &str) -> String {
        let names = self.names.lock().unwrap();
        names.iter().fold(text.to_owned(), |text, (digest, name)| text.replace(digest, &format!("<{name}>")))
    }
}

/// A store that notes every partition that is written.
fn watched(inner: Arc<dyn Store>, parts: Arc<Mutex<BTreeSet<String>>>) -> Faults {
    let watched = Faults::new(inner);
    watched.fail_when(Fault::Unavailable, move |call| {
        if let Call::Commit(batch) = call {
            parts.lock().unwrap().extend(batch.ops().keys().map(|key| key.part.clone()));
        }
        false
    });
    watched
}

fn process(
    outside: &Arc<FakeOutside>,
    store: &Arc<dyn Store>,
    blobs: &Blobs,
    settings: Settings,
) -> Holdfast {
    let outside: Arc<dyn Outside> = outside.clone();
    let search = Some(Arc::new(SearchIndex::memory().unwrap()));
    Holdfast::new(Parts {
        store: store.clone(),
        blobs: blobs.clone(),
        search,
        outside,
        settings,
        providers: Vec::new(),
    })
}

async fn add_user(holdfast: &Holdfast, login: &str, role: Role) {
    let new = NewUser { login: v(login), role, service: false, keeper: None };
    holdfast.add_user(&Actor::operator(), new).await.unwrap();
}

async fn actor(holdfast: &Holdfast, login: &str, scopes: Scopes) -> Actor {
    let new = NewToken { login: v(login), label: "test".to_owned(), scopes, expires_in: None };
    let (_, secret) = holdfast.create_token(&Actor::operator(), new).await.unwrap();
    holdfast.authenticate(&secret, None).await.unwrap()
}
