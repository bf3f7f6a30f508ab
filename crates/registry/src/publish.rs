//! Publishing: from a staged file and what cargo says about it to a version that everybody can resolve.
//!
//! What cannot be in the commit comes before it and does no harm alone: the package is verified, then its
//! file is kept under its digest. One commit then makes the version, updates the crate's head and writes
//! the audit log. A crash leaves at most a file that nothing refers to, which the sweeper takes away.

use crate::actor::{Account, Actor};
use crate::audit::Deed;
use crate::entity::{About, CrateHead, Readme, RegistryRecord, User, Version as Stored};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::registries::no_such_registry;
use crate::rights::{Action, may_see, require, require_bound};
use holdfast_blobs::{Staged, Staging};
use holdfast_package::{Package, PackageError};
use holdfast_store::{Committed, Key, Tx, scan_all};
use holdfast_types::{
    CrateName, Endpoint, IndexLine, Login, Principal, PublishMetadata, RegistryName, Sha256, Timestamp,
    Version,
};

/// What comes in with a publish.
pub struct Upload<'a> {
    /// The JSON that cargo sends.
    pub metadata: &'a [u8],
    /// The `.crate` file.
    pub package: Staged,
    /// The address of the index that it is published to, as clients write it.
    pub own_index: &'a str,
}

/// What a publish did.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The crate.
    pub name: CrateName,
    /// The version.
    pub version: Version,
    /// What its author should know.
    pub warnings: Vec<String>,
    /// Whether it was new.
    pub outcome: Published,
}

/// Whether a publish changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// The version is there now.
    New,
    /// It was there already, with the same bytes: an answer was lost and the client tried again.
    Again,
}

/// A package that agrees with what was sent, and where it was published to.
struct Verified {
    staged: Staged,
    package: Package,
    own_index: String,
}

/// A verified package that is kept and waits for its commit.
struct Prepared {
    package: Package,
    sha256: Sha256,
    size_bytes: u64,
    own_index: String,
}

/// A first attempt to commit. What it read before the package was verified guards the commit after that, so nothing
/// is read twice unless somebody else came first.
struct Attempt {
    tx: Tx,
    found: Found,
}

/// What a transaction found about the version to be published.
enum Found {
    Nothing,
    Crate(Box<CrateHead>),
    Again,
}

impl Holdfast {
    /// Whether the actor may publish to a registry at all; to be asked before a body is read.
    pub async fn may_upload(&self, actor: &Actor, registry: &RegistryName) -> Result<()> {
        let record = self.enter(actor, registry).await?;
        require(actor, Action::Upload(&record))
    }

    /// A place for the bytes of a package while they arrive, which refuses more than the limit.
    pub fn stage(&self) -> Staging {
        self.blobs.stage(self.settings.package.packed_bytes)
    }

    /// Publishes a version. The same bytes again are success.
    pub async fn publish(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        upload: Upload<'_>,
    ) -> Result<Receipt> {
        let metadata = PublishMetadata::parse(upload.metadata).map_err(Error::invalid);
        let what = |metadata: &PublishMetadata| format!("{}@{}", metadata.name, metadata.vers);
        let subject = metadata.as_ref().map_or_else(|_| registry.to_string(), what);
        let deed = Deed { action: "publish", registry: Some(registry), subject: &subject };
        let result = match (self.may_upload(actor, registry).await, metadata) {
            (Ok(()), Ok(metadata)) => self.try_publish(actor, deed, metadata, upload).await,
            // Whoever may not publish learns that, and nothing about what they sent.
            (Err(error), _) | (Ok(()), Err(error)) => Err(error),
        };
        self.logged(actor, deed, result).await
    }

    /// Publishes a `.crate` file alone, taking everything from its `Cargo.toml`.
    pub async fn add_package(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        staged: Staged,
        own_index: &str,
    ) -> Result<Receipt> {
        let record = self.enter(actor, registry).await?;
        require(actor, Action::Upload(&record))?;
        let (limits, index) = (self.settings.package, own_index.to_owned());
        let (staged, package) =
            self.open_package(staged, move |file| holdfast_package::read(file, &limits, &index)).await?;
        let (name, version) = (package.metadata.name.clone(), package.metadata.vers.clone());
        let subject = format!("{name}@{version}");
        let deed = Deed { action: "publish", registry: Some(registry), subject: &subject };
        let own_index = own_index.to_owned();
        let result = async {
            let attempt = self.attempt(actor, &record, &name, &version, staged.sha256()).await?;
            if let Found::Again = attempt.found {
                return Ok(Receipt { name, version, warnings: package.warnings, outcome: Published::Again });
            }
            let verified = Verified { staged, package, own_index };
            self.keep_and_commit(actor, deed, &record, verified, attempt).await
        };
        let result = result.await;
        self.logged(actor, deed, result).await
    }

    async fn try_publish(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        metadata: PublishMetadata,
        upload: Upload<'_>,
    ) -> Result<Receipt> {
        let Upload { package: staged, own_index, .. } = upload;
        let registry = deed.registry.expect("a publish names its registry");
        let record = self.registry(registry).await?;
        let (name, version) = (metadata.name.clone(), metadata.vers.clone());
        let attempt = self.attempt(actor, &record, &name, &version, staged.sha256()).await?;
        if let Found::Again = attempt.found {
            return Ok(Receipt { name, version, warnings: Vec::new(), outcome: Published::Again });
        }
        let required =
            record.required_fields.clone().unwrap_or_else(|| self.settings.required_fields.clone());
        let (limits, index) = (self.settings.package, own_index.to_owned());
        let (staged, package) = self
            .open_package(staged, move |file| {
                holdfast_package::verify(file, &limits, &metadata, &required, &index)
            })
            .await?;
        let verified = Verified { staged, package, own_index: own_index.to_owned() };
        self.keep_and_commit(actor, deed, &record, verified, attempt).await
    }

    /// Begins to commit: finds out what is there.
    async fn attempt(
        &self,
        actor: &Actor,
        record: &RegistryRecord,
        name: &CrateName,
        version: &Version,
        sha256: Sha256,
    ) -> Result<Attempt> {
        let mut tx = Tx::new(&self.store);
        let found = self.look(&mut tx, actor, record, name, version, sha256).await?;
        Ok(Attempt { tx, found })
    }

    /// Opens a package off the async threads.
    async fn open_package(
        &self,
        staged: Staged,
        open: impl FnOnce(holdfast_blobs::StagedReader) -> Result<Package, PackageError> + Send + 'static,
    ) -> Result<(Staged, Package)> {
        let task = tokio::task::spawn_blocking(move || {
            let reader = staged.reader().map_err(unreadable)?;
            let package = open(reader)
                .map_err(|error| if error.is_read() { unreadable(error) } else { error.into() })?;
            Ok((staged, package))
        });
        task.await
            .map_err(|e| Error::with_source(Kind::Internal, "the server could not verify the package", e))?
    }

    async fn keep_and_commit(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        record: &RegistryRecord,
        verified: Verified,
        attempt: Attempt,
    ) -> Result<Receipt> {
        let Verified { staged, package, own_index } = verified;
        let size_bytes = staged.size_bytes();
        let sha256 = self.blobs.keep(staged).await?;
        let prepared = Prepared { package, sha256, size_bytes, own_index };
        let (name, version) =
            (prepared.package.metadata.name.clone(), prepared.package.metadata.vers.clone());
        let Attempt { mut tx, mut found } = attempt;
        let mut retry = self.retry();
        loop {
            let head = match found {
                Found::Crate(head) => *head,
                Found::Nothing => self.new_head(&mut tx, actor, record, &prepared).await?,
                Found::Again => {
                    return Ok(Receipt {
                        name,
                        version,
                        warnings: prepared.package.warnings,
                        outcome: Published::Again,
                    });
                }
            };
            if head.version_count == 0 {
                // Until the commit the registry stays. Later versions need not see to that: a registry is not
                // removed with a crate in it.
                let registry = crate::registries::live(&mut tx, &record.name).await?;
                registry.ok_or_else(|| no_such_registry(&record.name))?;
            }
            self.write(&mut tx, actor, head, &prepared).await?;
            self.record(&mut tx, actor, deed, Some(sha256.to_string())).await?;
            if let Committed::Yes = self.commit_crate(tx, &record.name, &name.canonical()).await? {
                self.metrics.published.inc();
                return Ok(Receipt {
                    name,
                    version,
                    warnings: prepared.package.warnings,
                    outcome: Published::New,
                });
            }
            tx = retry.begin().await?;
            found = self.look(&mut tx, actor, record, &name, &version, sha256).await?;
        }
    }

    /// Finds out what is there, and whether the actor may publish on top of it. Fetches in one trip all that the
    /// commit may look at.
    async fn look(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        record: &RegistryRecord,
        name: &CrateName,
        version: &Version,
        sha256: Sha256,
    ) -> Result<Found> {
        let krate = name.canonical();
        let head_key = CrateHead::key_of(&record.name, &krate);
        let version_key = Stored::key_of(&record.name, &krate, &version.key());
        require_bound(actor, version, Some(&sha256))?;
        let others = [RegistryRecord::key_of(&record.name), Readme::key_of(&record.name, &krate)];
        let user = actor.login().map(User::key_of);
        let keys = [head_key.clone(), version_key.clone()].into_iter().chain(others).chain(user);
        tx.prefetch(&keys.collect::<Vec<Key>>()).await?;
        let Some(head) = tx.get::<CrateHead>(&head_key).await? else {
            require(actor, Action::PublishNew(record, &krate))?;
            return Ok(Found::Nothing);
        };
        if !may_see(actor, head.audience().as_ref()) {
            return Err(Error::new(
                Kind::Forbidden,
                format!(
                    "the name `{name}` is not free in the registry `{}`; choose another one",
                    record.name
                ),
            ));
        }
        require(actor, Action::Change(record, &head.name, &head.owners, Endpoint::PublishUpdate))?;
        let account = actor.as_account();
        if let Some(job) = account.and_then(Account::job) {
            self.require_trust(tx, &head, job).await?;
        } else if head.trusted_only && account.is_some() {
            return Err(Error::new(
                Kind::Forbidden,
                format!("the crate `{name}` is published by trusted CI jobs alone; an owner can change that"),
            ));
        }
        if head.name != *name {
            return Err(Error::conflict(format!(
                "the crate is called `{}` here; publish it under that spelling of `{name}`",
                head.name
            )));
        }
        match tx.get::<Stored>(&version_key).await? {
            Some(stored) if stored.line.cksum != sha256 || stored.line.vers != *version => {
                Err(taken(name, &stored, version))
            }
            Some(stored) if stored.removed.is_none() => Ok(Found::Again),
            Some(_) | None => Ok(Found::Crate(Box::new(head))),
        }
    }

    /// The head of a crate that is published for the first time.
    async fn new_head(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        record: &RegistryRecord,
        prepared: &Prepared,
    ) -> Result<CrateHead> {
        let owner = self.first_owner(tx, actor).await?;
        Ok(CrateHead {
            registry: record.name.clone(),
            name: prepared.package.metadata.name.clone(),
            owners: vec![Principal::User(owner)],
            restricted_to: None,
            trusts: Vec::new(),
            trusted_only: false,
            created_at: self.outside.now(),
            updated_millis: 0,
            max_version: None,
            max_yanked: false,
            version_count: 0,
            about: About::default(),
            dependencies: std::collections::BTreeSet::new(),
        })
    }

    /// Who owns a new crate: whoever publishes it, or an admin when the operator does. Until the commit it
    /// must stay a user who may own things.
    async fn first_owner(&self, tx: &mut Tx, actor: &Actor) -> Result<Login> {
        let login = if let Some(login) = actor.login() {
            login.clone()
        } else {
            let users = scan_all::<User>(&*self.store, User::PART).await?;
            let admin = users.into_iter().map(|(_, user)| user).find(User::is_active_admin);
            admin.map(|admin| admin.login).ok_or_else(|| {
                Error::invalid("nobody can own the crate; make an admin first with `holdfast user add NAME --role admin`")
            })?
        };
        let user = tx.get::<User>(&User::key_of(&login)).await?;
        if !user.is_some_and(|user| user.is_active()) {
            return Err(crate::rights::unauthenticated());
        }
        Ok(login)
    }

    /// Writes the version, and the head as it is with it.
    async fn write(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        mut head: CrateHead,
        prepared: &Prepared,
    ) -> Result<()> {
        let millis = self.outside.unix_millis();
        let now = Timestamp::from_unix_seconds(i64::try_from(millis / 1000).unwrap_or(i64::MAX));
        let metadata = &prepared.package.metadata;
        let stored = Stored {
            registry: head.registry.clone(),
            line: IndexLine::new(metadata, prepared.sha256, now, &prepared.own_index),
            size_bytes: prepared.size_bytes,
            published_at: now,
            published_by: actor.login().cloned(),
            about: about(&prepared.package),
            removed: None,
        };
        let is_best = head
            .max_version
            .as_ref()
            .is_none_or(|max| head.max_yanked || max.rank() <= stored.line.vers.rank());
        if is_best {
            head.show(Some(&stored));
            // For search only; without control characters its JSON stays within a document's limit.
            let text = metadata.readme.as_deref().unwrap_or_default().replace(char::is_control, " ");
            tx.put(&Readme { registry: head.registry.clone(), krate: head.canonical(), text }).await?;
        }
        head.version_count += 1;
        head.touch(millis);
        tx.put(&stored).await?;
        Ok(tx.put(&head).await?)
    }
}

fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::with_source(Kind::Unavailable, "the server could not read back the upload; try again", error)
}

/// The answer when a version's number is taken by other bytes.
fn taken(name: &CrateName, stored: &Stored, version: &Version) -> Error {
    let there = &stored.line.vers;
    Error::conflict(if stored.removed.is_some() {
        format!(
            "`{name}@{there}` was removed by an admin, and its number cannot be used for other bytes; choose a new version"
        )
    } else if there == version {
        format!("`{name}@{there}` is already published with other bytes; choose a new version")
    } else {
        format!(
            "`{name}@{there}` is already published, and build metadata does not make `{version}` another version; choose a new version"
        )
    })
}

fn about(package: &Package) -> About {
    let metadata = &package.metadata;
    About {
        description: metadata.description.clone(),
        documentation: metadata.documentation.clone(),
        homepage: metadata.homepage.clone(),
        repository: metadata.repository.clone(),
        license: metadata.license.clone().or_else(|| metadata.license_file.clone()),
        keywords: metadata.keywords.clone(),
        categories: metadata.categories.clone(),
        authors: metadata.authors.clone(),
        edition: package.edition.clone(),
    }
}
