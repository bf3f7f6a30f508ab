//! Large data sets, written through the registry's own layers: the same entities, indexes and files that
//! publishes would leave, without their requests, checks and audit log.

mod made_up;

use holdfast_blobs::Blobs;
use holdfast_package::testing::CrateBuilder;
use holdfast_registry::entity::{CrateHead, Readme, User, Version};
use holdfast_registry::{Holdfast, Outside, Parts, Settings};
use holdfast_store::{Batch, Committed, Entity, Store, Tx, scan_all};
use holdfast_types::{Login, Sha256, TokenSecret};
use made_up::{File, Plan};
use std::error::Error;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::task::JoinSet;

/// How many `.crate` files there are: many versions share one, so that the data set is made of metadata.
const FILES: usize = 64;

/// Commits under way at a time; the engine makes few transactions of them.
const COMMITS: usize = 128;

/// What a data set has.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The folder, new or empty.
    pub data: PathBuf,
    /// How many crates.
    pub crates: usize,
    /// How many versions each.
    pub versions: usize,
    /// The admin's token.
    pub token: String,
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Makes a data set.
pub fn seed(wanted: &Seed) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(fill(wanted))
}

async fn fill(wanted: &Seed) -> Outcome<()> {
    let began = Instant::now();
    std::fs::create_dir_all(&wanted.data)?;
    let data = wanted.data.display();
    let store = holdfast_engines::open(&format!("sqlite:{data}/holdfast.db")).await?;
    let blobs = Blobs::open(&format!("file:{data}/blobs")).await?;
    let owner = make_server(store.clone(), blobs.clone(), &wanted.token).await?;
    let files = make_files(&blobs).await?;
    let plan = Arc::new(Plan::new(wanted.crates, wanted.versions, owner, files, RealOutside.unix_millis()));
    write_crates(&store, &plan, began).await?;
    let seconds = began.elapsed().as_secs();
    eprintln!("seeded {} crates of {} versions in {seconds} s", wanted.crates, wanted.versions);
    Ok(())
}

/// Makes registry, admin and token as a first start does, and gives the admin.
async fn make_server(store: Arc<dyn Store>, blobs: Blobs, token: &str) -> Outcome<Login> {
    let secret: TokenSecret = token.parse()?;
    let outside = Arc::new(RealOutside);
    let parts = Parts {
        store: store.clone(),
        blobs,
        search: None,
        outside,
        settings: Settings::default(),
        providers: Vec::new(),
    };
    Holdfast::new(parts).start(Some(&secret)).await?;
    let users = scan_all::<User>(&*store, User::PART).await?;
    let admin = users.into_iter().map(|(_, user)| user).find(User::is_active_admin);
    Ok(admin.ok_or("the first start made no admin")?.login)
}

async fn make_files(blobs: &Blobs) -> Outcome<Vec<File>> {
    let mut files = Vec::with_capacity(FILES);
    for number in 0..FILES {
        let package = CrateBuilder::new(&format!("seeded-{number}"), "1.0.0").package();
        let (sha256, size_bytes) = (Sha256::of(&package), package.len() as u64);
        blobs.put(package.into()).await?;
        files.push(File { sha256, size_bytes });
    }
    Ok(files)
}

async fn write_crates(store: &Arc<dyn Store>, plan: &Arc<Plan>, began: Instant) -> Outcome<()> {
    let at_a_time = (Batch::MAX_OPS / (HEAD_OPS + README_OPS + plan.versions * VERSION_OPS)).max(1);
    let mut commits = JoinSet::new();
    let mut told = 0;
    for first in (0..plan.crates()).step_by(at_a_time) {
        if commits.len() == COMMITS {
            commits.join_next().await.expect("there are some")??;
        }
        let last = (first + at_a_time).min(plan.crates());
        commits.spawn(write_some(store.clone(), plan.clone(), first..last));
        if first >= told + plan.crates() / 20 {
            told = first;
            eprintln!("{} of {} crates after {} s", first, plan.crates(), began.elapsed().as_secs());
        }
    }
    while let Some(commit) = commits.join_next().await {
        commit??;
    }
    Ok(())
}

/// How many operations of a commit an entity takes, its indexes included.
const HEAD_OPS: usize = 3;
const README_OPS: usize = 1;
const VERSION_OPS: usize = 2;

async fn write_some(store: Arc<dyn Store>, plan: Arc<Plan>, crates: std::ops::Range<usize>) -> Outcome<()> {
    let mut filling = Filling { tx: Tx::new(&store), store: &store, operations: 0 };
    for number in crates {
        let (head, readme, versions): (CrateHead, Readme, Vec<Version>) = plan.krate(number);
        filling.add(&head, HEAD_OPS).await?;
        filling.add(&readme, README_OPS).await?;
        for version in &versions {
            filling.add(version, VERSION_OPS).await?;
        }
    }
    filling.commit().await
}

/// A transaction that commits itself before it is too large.
struct Filling<'a> {
    tx: Tx,
    store: &'a Arc<dyn Store>,
    operations: usize,
}

impl Filling<'_> {
    async fn add<E: Entity>(&mut self, entity: &E, operations: usize) -> Outcome<()> {
        if self.operations + operations > Batch::MAX_OPS {
            let full = std::mem::replace(&mut self.tx, Tx::new(self.store));
            self.operations = 0;
            committed(full).await?;
        }
        self.operations += operations;
        Ok(self.tx.create(entity).await?)
    }

    async fn commit(self) -> Outcome<()> {
        committed(self.tx).await
    }
}

async fn committed(tx: Tx) -> Outcome<()> {
    match tx.commit().await? {
        Committed::Yes => Ok(()),
        Committed::Conflict => Err("the data folder holds crates already; choose a new one".into()),
    }
}

/// Time and randomness as they are. What is made here is for measurements, so that its randomness guards
/// nothing.
struct RealOutside;

impl Outside for RealOutside {
    #[expect(clippy::disallowed_methods, reason = "a data set is as old as its making")]
    fn unix_millis(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn random(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let random = RandomState::new().build_hasher().finish().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }
}
