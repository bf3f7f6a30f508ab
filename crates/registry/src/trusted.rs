//! Trusted publishing: a CI job proves where it runs with the token that its CI system signs, and gets a
//! token of ours for a short time. Crates say which jobs they trust; registries say which may read.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::entity::{
    CrateHead, Holder, Job, MAX_RULES, PlacedRule, Purpose, RegistryRecord, Spent, Token, Trusting,
    trust_part,
};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::owners::is_active;
use crate::principals::READ_CHUNK;
use crate::registries::{live, no_such_registry};
use crate::rights::{Action, no_such_crate, require};
use crate::throttle::Attempt;
use holdfast_identity::{Claims, Issuer, VerifyError};
use holdfast_store::{Committed, Pages, StoreError, Tx};
use holdfast_types::{
    CrateName, Endpoint, IssuerUrl, RegistryName, Scopes, Sha256, Timestamp, TokenId, TokenSecret, TrustRule,
};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long a token to publish with works, as that of crates.io does.
const PUBLISH: Duration = Duration::from_mins(30);
/// How long a token to read with works: cargo asks for it at the beginning of a long build.
const READ: Duration = Duration::from_hours(2);
/// The longest time that a job's own token is accepted after it was made.
const LONGEST: Duration = Duration::from_hours(24);
/// How many issuers are remembered with their keys.
const MOST_ISSUERS: usize = 1000;
/// How many refusals a sentence names.
const NAMED: usize = 3;

/// What a job wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobWish {
    /// To publish the crates that trust it.
    Publish,
    /// To read a registry that trusts it.
    Read(RegistryName),
}

/// Which crate's or registry's trust is meant.
#[derive(Clone, Copy, Debug)]
pub struct TrustPlace<'a> {
    /// The registry.
    pub registry: &'a RegistryName,
    /// The crate; none for reading the registry.
    pub krate: Option<&'a CrateName>,
}

/// The jobs that a crate or a registry trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Each is enough.
    pub rules: Vec<TrustRule>,
    /// Whether nobody else may publish.
    pub only: bool,
}

impl Holdfast {
    /// Gives a token to a job that proves itself with `jwt`, made for the audience that we are.
    pub async fn exchange(
        &self,
        jwt: &str,
        audience: &str,
        wish: &JobWish,
        address: Option<IpAddr>,
    ) -> Result<(Token, TokenSecret)> {
        let nobody = Actor::anonymous(address);
        let deed = Deed { action: "trusted-exchange", registry: None, subject: "job" };
        let made = match self.throttle.attempt(Attempt::Job, address, self.outside.now()) {
            Ok(()) => self.try_exchange(&nobody, deed, jwt, audience, wish).await,
            Err(error) => Err(error),
        };
        if made.is_ok() {
            self.throttle.succeeded(Attempt::Job, address);
        }
        self.logged(&nobody, deed, made).await
    }

    /// Which jobs are trusted. For owners and maintainers; of a registry, for admins.
    pub async fn trust_of(&self, actor: &Actor, place: TrustPlace<'_>) -> Result<Trust> {
        let mut tx = Tx::new(&self.store);
        if let Some(krate) = place.krate {
            let head = self.head_to_guard(&mut tx, actor, place.registry, krate).await?;
            return Ok(Trust { rules: head.trusts, only: head.trusted_only });
        }
        require(actor, Action::Administer)?;
        let record = self.registry(place.registry).await?;
        Ok(Trust { rules: record.trusts.clone(), only: false })
    }

    /// Changes which jobs are trusted. For owners and maintainers; of a registry, for admins.
    pub async fn set_trust(&self, actor: &Actor, place: TrustPlace<'_>, trust: &Trust) -> Result<()> {
        let subject = place.krate.map_or_else(|| place.registry.to_string(), ToString::to_string);
        let deed = Deed { action: "trust", registry: Some(place.registry), subject: &subject };
        let result = match place.krate {
            Some(krate) => self.try_trust_for_crate(actor, deed, place.registry, krate, trust).await,
            None => self.try_trust_for_registry(actor, deed, place.registry, trust).await,
        };
        self.logged(actor, deed, result).await
    }

    async fn try_trust_for_crate(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        registry: &RegistryName,
        krate: &CrateName,
        trust: &Trust,
    ) -> Result<()> {
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let mut head = self.head_to_guard(&mut tx, actor, registry, krate).await?;
            self.check_trust(trust, &head.trusts)?;
            head.trusts.clone_from(&trust.rules);
            head.trusted_only = trust.only;
            tx.put(&head).await?;
            self.record(&mut tx, actor, deed, Some(words(trust))).await?;
            if let Committed::Yes = self.commit_crate(tx, registry, &head.canonical()).await? {
                return Ok(());
            }
        }
    }

    async fn try_trust_for_registry(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        registry: &RegistryName,
        trust: &Trust,
    ) -> Result<()> {
        require(actor, Action::Administer)?;
        if trust.only {
            return Err(Error::invalid("only a crate can be left to trusted jobs alone"));
        }
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let record = live(&mut tx, registry).await?;
            let record = record.ok_or_else(|| no_such_registry(registry))?;
            self.check_trust(trust, &record.trusts)?;
            tx.put(&RegistryRecord { trusts: trust.rules.clone(), ..record }).await?;
            self.record(&mut tx, actor, deed, Some(words(trust))).await?;
            if let Committed::Yes = self.commit_registry(tx, registry).await? {
                return Ok(());
            }
        }
    }

    async fn try_exchange(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        jwt: &str,
        audience: &str,
        wish: &JobWish,
    ) -> Result<(Token, TokenSecret)> {
        let name: IssuerUrl =
            holdfast_identity::claimed_issuer(jwt).map_err(refused)?.parse().map_err(refused)?;
        // Only issuers that the operator lets in and somebody here trusts are ever asked for their keys.
        self.require_let_in(&name)?;
        let rules = self.rules_about(&name, wish).await?;
        if rules.is_empty() {
            return Err(nobody_trusts(&name, wish));
        }
        let now = self.outside.now();
        let issuer = self.issuer(&name)?;
        let claims = issuer.verify(now, audience, jwt).await.map_err(|error| match error {
            VerifyError::Refused(error) => refused(error),
            VerifyError::Unavailable(error) => {
                let detail = format!("`{name}` does not give its keys now; try again in a minute");
                Error::with_source(Kind::Unavailable, detail, error)
            }
        })?;
        check_age(&claims, now)?;
        let job = self.standing(job(&rules, &claims)?).await?;
        let spent = spent(jwt, &claims, now);
        let (token, secret) = self.job_token(job, wish, now);
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            // Reading may be asked for again: some CI systems give a job one token for all of its commands.
            if *wish == JobWish::Publish {
                if tx.get::<Spent>(&Spent::key_of(&spent.digest)).await?.is_some() {
                    return Err(Error::new(
                        Kind::Forbidden,
                        "the job's token was used before (its `jti` is known); ask the CI system for a new one",
                    ));
                }
                tx.create(&spent).await?;
            }
            tx.create(&token).await?;
            let mut entry = self.audit(
                actor,
                deed,
                crate::entity::Outcome::Done,
                Some(format!("token `{}`, run {}", token.id, run(&claims))),
            );
            token.holder.name().clone_into(&mut entry.actor);
            entry.token = Some(token.id.clone());
            tx.create(&entry).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok((token, secret));
            }
        }
    }

    /// A job with those of its crates that trust it now; the refusal of one where none does. It is asked again at
    /// each publish.
    async fn standing(&self, job: Job) -> Result<Job> {
        // Never committed: what many crates say guards nothing here.
        let mut tx = Tx::new(&self.store);
        let (mut crates, mut refusal) = (Vec::new(), None);
        for chunk in job.crates.chunks(READ_CHUNK) {
            let key = |it: &Trusting| CrateHead::key_of(&it.registry, &it.name.canonical());
            tx.prefetch(&chunk.iter().map(key).collect::<Vec<_>>()).await?;
            for trusting in chunk {
                let head = tx.get::<CrateHead>(&key(trusting)).await?;
                let stands = match head {
                    Some(head) => self.require_trust(&mut tx, &head, &job).await,
                    None => Err(no_such_crate(trusting.name.as_str())),
                };
                match stands {
                    Ok(()) => crates.push(trusting.clone()),
                    Err(error) if error.kind() == Kind::Unavailable => return Err(error),
                    Err(error) => refusal = refusal.or(Some(error)),
                }
            }
        }
        match refusal {
            Some(refusal) if crates.is_empty() => Err(refusal),
            _ => Ok(Job { crates, ..job }),
        }
    }

    /// Refuses a job whose rule was taken away since, and one of a crate that nobody stands for any more: rules of
    /// somebody who was let go would let them in by their CI. Until a commit, both stay.
    pub(crate) async fn require_trust(&self, tx: &mut Tx, head: &CrateHead, job: &Job) -> Result<()> {
        let name = &head.name;
        let rules: Vec<Sha256> = head.trusts.iter().map(TrustRule::digest).collect();
        if !job.rules_of(&head.registry, name).any(|rule| rules.contains(rule)) {
            let job = &job.name;
            return Err(Error::new(
                Kind::Forbidden,
                format!("the crate `{name}` does not trust the job `{job}` any more"),
            ));
        }
        for owner in &head.owners {
            if is_active(tx, owner).await? {
                return Ok(());
            }
        }
        Err(Error::new(
            Kind::Forbidden,
            format!(
                "every owner of the crate `{name}` is disabled; an admin adds one who answers for its jobs"
            ),
        ))
    }

    /// The rules about the jobs of an issuer that matter for a wish.
    async fn rules_about(&self, issuer: &IssuerUrl, wish: &JobWish) -> Result<Vec<PlacedRule>> {
        let mut pages = Pages::new(&*self.store, trust_part(issuer.as_str()));
        let mut rules = Vec::new();
        while let Some(docs) = pages.next_docs().await? {
            for doc in docs {
                let rule: PlacedRule = serde_json::from_str(&doc.body)
                    .map_err(|source| StoreError::Corrupt { key: doc.key.clone(), source })?;
                let matters = match wish {
                    JobWish::Publish => rule.krate.is_some(),
                    JobWish::Read(registry) => rule.krate.is_none() && rule.registry == *registry,
                };
                if matters {
                    rules.push(rule);
                }
            }
        }
        Ok(rules)
    }

    /// An issuer with the keys that it published of late.
    fn issuer(&self, name: &IssuerUrl) -> Result<Arc<Issuer>> {
        let name = name.as_str();
        let mut issuers = self.issuers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(issuer) = issuers.get(name) {
            return Ok(issuer.clone());
        }
        let client = self.identity_client()?;
        if issuers.len() >= MOST_ISSUERS {
            issuers.clear();
        }
        let issuer = Issuer::new(name, &client).map_err(|error| {
            Error::with_source(Kind::Invalid, format!("`{name}` is no address of an issuer"), error)
        })?;
        let issuer = Arc::new(issuer);
        issuers.insert(name.to_owned(), issuer.clone());
        Ok(issuer)
    }

    /// Refuses rules that cannot be. One that stands already may stay although its issuer is let in no more, so
    /// that the others can be changed.
    fn check_trust(&self, trust: &Trust, before: &[TrustRule]) -> Result<()> {
        if trust.rules.len() > MAX_RULES {
            return Err(Error::new(
                Kind::TooMany,
                format!("there are at most {MAX_RULES} trust rules in a place"),
            ));
        }
        if trust.only && trust.rules.is_empty() {
            return Err(Error::invalid(
                "a crate that is left to trusted jobs alone needs a rule about a job",
            ));
        }
        let new = trust.rules.iter().filter(|rule| !before.contains(rule));
        new.map(TrustRule::issuer).try_for_each(|issuer| self.require_let_in(&issuer))
    }

    /// Refuses an issuer that the operator has not let in: whoever writes a rule decides what the server asks for
    /// keys, and could have it ask anything in the network that it stands in.
    fn require_let_in(&self, issuer: &IssuerUrl) -> Result<()> {
        if self.settings.trusted_issuers.iter().any(|pattern| pattern.takes(issuer)) {
            return Ok(());
        }
        Err(Error::new(
            Kind::Forbidden,
            format!(
                "this server takes no jobs of `{issuer}`; its option `trusted-issuers` would have to name it"
            ),
        ))
    }

    fn job_token(&self, job: Job, wish: &JobWish, now: Timestamp) -> (Token, TokenSecret) {
        let secret = TokenSecret::from_entropy(self.outside.entropy());
        let (endpoints, registries, lifetime) = match wish {
            JobWish::Publish => {
                let registries = job.crates.iter().map(|trusting| trusting.registry.clone()).collect();
                (BTreeSet::from([Endpoint::PublishUpdate]), registries, PUBLISH)
            }
            JobWish::Read(registry) => {
                (BTreeSet::from([Endpoint::Read]), BTreeSet::from([registry.clone()]), READ)
            }
        };
        let token = Token {
            id: TokenId::from_entropy(self.outside.entropy()),
            label: "trusted publishing".to_owned(),
            holder: Holder::Job(job),
            digest: secret.digest(),
            scopes: Scopes { endpoints, crates: BTreeSet::new(), registries },
            purpose: Purpose::Access,
            bound: None,
            parent: None,
            derived: true,
            former: None,
            created_at: now,
            expires_at: Some(now.plus(lifetime)),
        };
        (token, secret)
    }
}

/// What makes a job's token good for one exchange to publish: its `jti`, or all that was signed where there is
/// none (Forgejo).
fn spent(jwt: &str, claims: &Claims, now: Timestamp) -> Spent {
    let issuer = claims.text("iss").unwrap_or_default();
    let signed = jwt.rsplit_once('.').map_or(jwt, |(signed, _)| signed);
    let once = claims.text("jti").map_or_else(|| signed.to_owned(), |jti| format!("jti {jti}"));
    let digest = Sha256::of(format!("{}\n{issuer}\n{once}", issuer.len()).as_bytes());
    // Longer than anybody's clock is wrong.
    Spent { digest, until: now.plus(LONGEST + Duration::from_hours(1)) }
}

/// Refuses a job's token that outlives the memory of its use.
fn check_age(claims: &Claims, now: Timestamp) -> Result<()> {
    #[expect(clippy::cast_possible_truncation, reason = "what is out of range becomes the end of the range")]
    let moment = |name| claims.as_map().get(name).and_then(serde_json::Value::as_f64).map(|at| at as i64);
    let made = moment("iat").map(|made| made.saturating_add_unsigned(LONGEST.as_secs()) > now.unix_seconds());
    let ends = || moment("exp").is_some_and(|end| end <= now.plus(LONGEST).unix_seconds());
    if made.unwrap_or_else(ends) {
        return Ok(());
    }
    Err(Error::new(
        Kind::Forbidden,
        "the job's token was made more than 24 hours ago; let the CI system make a new one",
    ))
}

/// The job with all places that trust it, or which claim differs.
fn job(rules: &[PlacedRule], claims: &Claims) -> Result<Job> {
    let mut crates = Vec::new();
    let mut refusals = Vec::new();
    let mut is_trusted = false;
    for PlacedRule { registry, krate, rule } in rules {
        match rule.check(claims.as_map()) {
            Ok(()) => {
                is_trusted = true;
                let trusting = |name| Trusting { registry: registry.clone(), name, rule: rule.digest() };
                crates.extend(krate.clone().map(trusting));
            }
            // Whom a crate trusts, and that there is such a crate, is no matter of everybody with a job somewhere.
            Err(_) if !rule.is_about(claims.as_map()) => {}
            Err(mismatch) => {
                let place = krate.as_ref().map_or_else(String::new, |krate| format!("/{krate}"));
                refusals.push(format!("`{registry}{place}`: {mismatch}"));
            }
        }
    }
    if is_trusted {
        return Ok(Job { name: job_name(claims), crates });
    }
    if refusals.is_empty() {
        let job = job_name(claims);
        return Err(Error::new(
            Kind::Forbidden,
            format!(
                "no rule is about `{job}`; an owner compares that with what `holdfast crate trust` shows"
            ),
        ));
    }
    let more = if refusals.len() > NAMED { "; and more" } else { "" };
    refusals.truncate(NAMED);
    Err(Error::new(Kind::Forbidden, format!("no rule is about this job: {}{more}", refusals.join("; "))))
}

/// What a job is called in the log.
fn job_name(claims: &Claims) -> String {
    let said = ["repository", "project_path", "pipeline_slug", "sub"];
    let place = said.iter().find_map(|claim| claims.text(claim)).unwrap_or_default();
    let issuer = claims.text("iss").unwrap_or_default();
    let host = issuer.split_once("://").map_or(&*issuer, |(_, rest)| rest);
    let name = format!("job:{}:{place}", host.split('/').next().unwrap_or_default());
    name.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn run(claims: &Claims) -> String {
    let run = ["run_id", "pipeline_id", "build_number", "jti"].iter().find_map(|claim| claims.text(claim));
    run.map_or_else(String::new, |run| run.chars().filter(|c| !c.is_control()).take(100).collect())
}

fn words(trust: &Trust) -> String {
    let rules = serde_json::to_string(&trust.rules).unwrap_or_default();
    if trust.only { format!("only {rules}") } else { rules }
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::Forbidden, format!("the job's token is refused: {error}"))
}

fn nobody_trusts(issuer: &IssuerUrl, wish: &JobWish) -> Error {
    Error::new(
        Kind::Forbidden,
        match wish {
            JobWish::Publish => format!(
                "no crate trusts jobs of `{issuer}`; an owner adds a rule with `holdfast crate trust` or the API"
            ),
            JobWish::Read(registry) => format!(
                "the registry `{registry}` lets no jobs of `{issuer}` read; an admin adds a rule with `holdfast registry trust` or the API"
            ),
        },
    )
}
