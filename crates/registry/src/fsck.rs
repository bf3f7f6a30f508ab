//! Checking that what is stored fits together: indexes with entities, crates with versions, versions with
//! files, and, when asked, files with their digests.

use crate::actor::Actor;
use crate::entity::{CrateHead, Membership, Readme, RegistryRecord, Team, Token, User, Version};
use crate::error::Result;
use crate::holdfast::Holdfast;
use crate::rights::{Action, require};
use holdfast_blobs::{BlobError, Verdict};
use holdfast_store::{IndexCheck, Pages, Problem, StoreError, scan_all};
use holdfast_types::{Principal, RegistryName, Sha256};
use std::collections::BTreeSet;

/// How thoroughly to look at files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// That they are there and have the right size.
    Sizes,
    /// Also that their bytes have the right digest: reads them all.
    Digests,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Crates looked at.
    pub crates: u64,
    /// Versions looked at.
    pub versions: u64,
    /// What is wrong, each a sentence.
    pub problems: Vec<String>,
}

impl Findings {
    /// Notes a document that cannot be read, which ends a check but not all of them.
    fn unless_unreadable(&mut self, checked: Result<()>) -> Result<()> {
        let Err(error) = checked else { return Ok(()) };
        let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<StoreError>());
        let Some(StoreError::Corrupt { key, source }) = source else { return Err(error) };
        let problem = Problem::Unreadable { entity: key.clone(), reason: source.to_string() }.to_string();
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
        Ok(())
    }
}

impl Holdfast {
    /// Checks everything and changes nothing. On a running server, what changes
    /// meanwhile may show up as a problem that a second run does not have.
    pub async fn fsck(&self, actor: &Actor, depth: Depth) -> Result<Findings> {
        require(actor, Action::Administer)?;
        let mut findings = Findings::default();
        let checked = self.check_server(depth, &mut findings).await;
        findings.unless_unreadable(checked)?;
        Ok(findings)
    }

    async fn check_server(&self, depth: Depth, findings: &mut Findings) -> Result<()> {
        let registries: Vec<RegistryName> = scan_all::<RegistryRecord>(&*self.store, RegistryRecord::PART)
            .await?
            .into_iter()
            .map(|(_, record)| record.name)
            .collect();
        let owners = self.check_accounts(findings).await?;
        // What cannot be read at all is found here, so that it stops the checks of its crate only.
        self.check_owned(&registries, &owners, findings).await?;
        for registry in &registries {
            let checked = self.check_registry(registry, depth, &owners, findings).await;
            findings.unless_unreadable(checked)?;
        }
        Ok(())
    }

    /// Users, teams and tokens; gives every principal that there is.
    async fn check_accounts(&self, findings: &mut Findings) -> Result<BTreeSet<Principal>> {
        let users = scan_all::<User>(&*self.store, User::PART).await?;
        let teams = scan_all::<Team>(&*self.store, Team::PART).await?;
        let mut tokens = IndexCheck::new(&*self.store);
        tokens.entities::<Token>(Token::PART).await?;
        let token_parts = users.iter().map(|(_, user)| Token::user_part(&user.login));
        let token_parts: Vec<String> = token_parts.chain([Token::DIGEST_PART.to_owned()]).collect();
        tell(findings, tokens.finish(&token_parts).await?);
        let mut members = IndexCheck::new(&*self.store);
        for (_, team) in &teams {
            members.entities::<Membership>(&Membership::part(&team.name)).await?;
        }
        let member_parts: Vec<String> =
            users.iter().map(|(_, user)| Membership::teams_part(&user.login)).collect();
        tell(findings, members.finish(&member_parts).await?);
        let logins = users.into_iter().map(|(_, user)| Principal::User(user.login));
        Ok(logins.chain(teams.into_iter().map(|(_, team)| Principal::Team(team.name))).collect())
    }

    async fn check_registry(
        &self,
        registry: &RegistryName,
        depth: Depth,
        owners: &BTreeSet<Principal>,
        findings: &mut Findings,
    ) -> Result<()> {
        let mut pages = Pages::new(&*self.store, CrateHead::part(registry));
        while let Some(heads) = pages.next_entities::<CrateHead>().await? {
            for (_, head) in heads {
                findings.crates += 1;
                let checked = self.check_crate(&head, depth, owners, findings).await;
                findings.unless_unreadable(checked)?;
            }
        }
        let mut readmes = Pages::new(&*self.store, format!("readme/{registry}"));
        while readmes.next_entities::<Readme>().await?.is_some() {}
        Ok(())
    }

    async fn check_crate(
        &self,
        head: &CrateHead,
        depth: Depth,
        owners: &BTreeSet<Principal>,
        findings: &mut Findings,
    ) -> Result<()> {
        let name = &head.name;
        let mut tell = |problem: String| findings.problems.push(problem);
        if head.owners.is_empty() {
            tell(format!("`{name}` has no owner"));
        }
        for team in head.restricted_to.iter().flatten() {
            if !owners.contains(&Principal::Team(team.clone())) {
                tell(format!("`{name}` is visible to `team:{team}`, which does not exist"));
            }
        }
        for owner in head.owners.iter().filter(|owner| !owners.contains(owner)) {
            tell(format!("`{name}` is owned by `{owner}`, who does not exist"));
        }
        let part = Version::part(&head.registry, &head.canonical());
        let versions = scan_all::<Version>(&*self.store, &part).await?;
        let live: Vec<&Version> = versions.iter().map(|(_, v)| v).filter(|v| v.removed.is_none()).collect();
        if live.len() != head.version_count as usize {
            tell(format!("`{name}` counts {} versions and has {}", head.version_count, live.len()));
        }
        let best = live.iter().max_by_key(|v| (!v.line.yanked, v.line.vers.rank()));
        if best.map(|v| &v.line.vers) != head.max_version.as_ref()
            || best.is_some_and(|v| v.line.yanked) != head.max_yanked
        {
            tell(format!("`{name}` does not show its newest version"));
        }
        for version in live {
            findings.versions += 1;
            if let Some(problem) = self.check_file(version, depth).await? {
                findings.problems.push(problem);
            }
        }
        let mut indexes = IndexCheck::new(&*self.store);
        indexes.entities::<Version>(&part).await?;
        // Stray entries are not looked for here: another crate may refer to the same file.
        self::tell(findings, indexes.finish(Vec::<String>::new()).await?);
        Ok(())
    }

    async fn check_file(&self, version: &Version, depth: Depth) -> Result<Option<String>> {
        let place = format!("{}@{}", version.line.name, version.line.vers);
        let sha256: Sha256 = version.line.cksum;
        let size = self.blobs.size(&sha256).await?;
        let Some(size) = size else { return Ok(Some(format!("the file of `{place}` is missing"))) };
        if size != version.size_bytes {
            return Ok(Some(format!("the file of `{place}` has {size} bytes, not {}", version.size_bytes)));
        }
        if depth == Depth::Sizes {
            return Ok(None);
        }
        match self.blobs.verify(&sha256).await {
            Ok(Verdict::Intact { .. }) => Ok(None),
            Ok(Verdict::Corrupt { actual, .. }) => {
                Ok(Some(format!("the file of `{place}` is damaged: its digest is {actual}, not {sha256}")))
            }
            Err(BlobError::NotFound(_)) => Ok(Some(format!("the file of `{place}` is missing"))),
            Err(error) => Err(error.into()),
        }
    }

    /// The indexes that crate heads own: by last change and by owner.
    async fn check_owned(
        &self,
        registries: &[RegistryName],
        owners: &BTreeSet<Principal>,
        findings: &mut Findings,
    ) -> Result<()> {
        let mut heads = IndexCheck::new(&*self.store);
        for registry in registries {
            heads.entities::<CrateHead>(&CrateHead::part(registry)).await?;
        }
        let recent = registries.iter().map(CrateHead::recent_part);
        let teams = owners.iter().filter_map(|principal| match principal {
            Principal::Team(team) => Some(CrateHead::visible_part(team)),
            Principal::User(_) => None,
        });
        let parts: Vec<String> =
            recent.chain(owners.iter().map(CrateHead::owned_part)).chain(teams).collect();
        tell(findings, heads.finish(&parts).await?);
        Ok(())
    }
}

fn tell(findings: &mut Findings, problems: Vec<Problem>) {
    findings.problems.extend(problems.into_iter().map(|problem| problem.to_string()));
}
