//! The audit log: every write, and every refusal of one.

use crate::actor::{Actor, Who};
use crate::entity::{AuditEntry, Outcome, ServerRecord};
use crate::error::{Kind, Result};
use crate::holdfast::Holdfast;
use crate::rights::{Action, require};
use holdfast_store::{Committed, Scan, Tx, read, scan};
use holdfast_types::{CanonicalName, RegistryName, Timestamp};
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// What a write is about, for the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deed<'a> {
    pub(crate) action: &'static str,
    pub(crate) registry: Option<&'a RegistryName>,
    pub(crate) subject: &'a str,
}

/// How many refusals of unknown callers a process writes to the log in a minute. Anybody can cause them, so
/// without a bound anybody could fill the disk; the others are counted and logged.
const ANONYMOUS_REFUSALS_PER_MINUTE: u32 = 100;

/// What is left of the refusals of this minute.
#[derive(Default)]
pub(crate) struct RefusalBudget(Mutex<(i64, u32)>);

impl RefusalBudget {
    fn take(&self, now: Timestamp) -> bool {
        let minute = now.unix_seconds() / 60;
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.0 != minute {
            *spent = (minute, 0);
        }
        spent.1 = spent.1.saturating_add(1);
        spent.1 <= ANONYMOUS_REFUSALS_PER_MINUTE
    }
}

/// Which entries to read, newest first.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only of this actor.
    pub actor: Option<String>,
    /// Only this verb.
    pub action: Option<String>,
    /// Only in this registry.
    pub registry: Option<RegistryName>,
    /// Only about this: `alice`, `foo` with all its versions, or `foo@1.0.0`.
    pub subject: Option<String>,
    /// Only refusals.
    pub refused: bool,
    /// Only entries since then.
    pub since: Option<Timestamp>,
    /// Only entries older than the one with this id: the next page.
    pub before: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl AuditFilter {
    fn matches(&self, entry: &AuditEntry) -> bool {
        self.actor.as_ref().is_none_or(|actor| *actor == entry.actor)
            && self.action.as_ref().is_none_or(|action| *action == entry.action)
            && self.registry.as_ref().is_none_or(|registry| entry.registry.as_ref() == Some(registry))
            && self
                .subject
                .as_ref()
                .is_none_or(|asked| is_about(entry.registry.as_ref(), &entry.subject, asked))
            && (!self.refused || matches!(entry.outcome, Outcome::Refused(_)))
    }
}

/// Whether a subject is what was asked for. One in a registry is a crate, which is one under all its spellings.
fn is_about(registry: Option<&RegistryName>, subject: &str, asked: &str) -> bool {
    let canonical = |name: &str| name.parse::<CanonicalName>().ok().filter(|_| registry.is_some());
    let (name, version) = parted(subject);
    let (asked_name, asked_version) = parted(asked);
    let is_same = name == asked_name || canonical(name).is_some_and(|it| Some(it) == canonical(asked_name));
    is_same && (asked_version.is_none() || version == asked_version)
}

/// A crate and a version of it, if there is one.
fn parted(subject: &str) -> (&str, Option<&str>) {
    subject.split_once('@').map_or((subject, None), |(name, version)| (name, Some(version)))
}

impl Holdfast {
    /// The log entry of a deed, to be created in the deed's own commit.
    pub(crate) fn audit(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        outcome: Outcome,
        detail: Option<String>,
    ) -> AuditEntry {
        let millis = self.outside.unix_millis();
        let mut id = format!("{millis:015}-");
        for byte in self.outside.entropy::<6>() {
            let _ = write!(id, "{byte:02x}");
        }
        AuditEntry {
            id,
            at: Timestamp::from_unix_seconds(i64::try_from(millis / 1000).unwrap_or(i64::MAX)),
            actor: actor.to_string(),
            login: actor.login().cloned(),
            token: actor.as_account().map(|account| account.token.clone()),
            token_name: actor.as_account().map(|account| account.label.clone()),
            address: actor.address(),
            action: deed.action.to_owned(),
            registry: deed.registry.cloned(),
            subject: deed.subject.to_owned(),
            outcome,
            detail,
        }
    }

    /// Adds the log entry of a deed to its commit.
    pub(crate) async fn record(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        deed: Deed<'_>,
        detail: Option<String>,
    ) -> Result<()> {
        Ok(tx.create(&self.audit(actor, deed, Outcome::Done, detail)).await?)
    }

    /// Hands on the result of a write; a refusal goes to the log first.
    pub(crate) async fn logged<T>(&self, actor: &Actor, deed: Deed<'_>, result: Result<T>) -> Result<T> {
        let Err(error) = &result else { return result };
        match error.kind() {
            Kind::Unavailable | Kind::Internal => return result,
            Kind::Invalid
            | Kind::Unauthenticated
            | Kind::Forbidden
            | Kind::NotFound
            | Kind::Conflict
            | Kind::TooLarge
            | Kind::TooMany => {}
        }
        self.metrics.refused.get_or_create(&vec![("action".to_owned(), deed.action.to_owned())]).inc();
        if matches!(actor.who(), Who::Anonymous) && !self.anonymous_refusals.take(self.outside.now()) {
            self.metrics.unaudited.inc();
            tracing::info!(
                action = deed.action,
                subject = deed.subject,
                "refused somebody unknown; not audited, there are too many"
            );
            return result;
        }
        let entry = self.audit(actor, deed, Outcome::Refused(error.detail().to_owned()), None);
        if let Err(error) = self.write_refusal(&entry).await {
            tracing::error!(action = deed.action, error = ?error, "a refusal could not be written to the audit log");
        }
        result
    }

    async fn write_refusal(&self, entry: &AuditEntry) -> Result<()> {
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            tx.create(entry).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(());
            }
        }
    }

    /// Refuses a write before it begins, when the front already knows that it must.
    pub async fn refuse_write(
        &self,
        actor: &Actor,
        action: &'static str,
        registry: Option<&RegistryName>,
        subject: &str,
        error: crate::Error,
    ) -> crate::Error {
        let deed = Deed { action, registry, subject };
        match self.logged(actor, deed, Err::<(), _>(error)).await {
            Ok(()) => unreachable!("an error stays an error"),
            Err(error) => error,
        }
    }

    /// Reads the log, newest first. For admins.
    pub async fn audit_log(&self, actor: &Actor, filter: &AuditFilter) -> Result<Vec<AuditEntry>> {
        require(actor, Action::Administer)?;
        let began = read::<ServerRecord>(&*self.store, &ServerRecord::key_of()).await?;
        let oldest = began.map_or(self.outside.now(), |(_, server)| server.created_at);
        let oldest = oldest.minus(std::time::Duration::from_hours(24));
        let oldest = AuditEntry::part(filter.since.map_or(oldest, |since| since.max(oldest)));
        let mut month = self.outside.now();
        let mut found = Vec::new();
        loop {
            let part = AuditEntry::part(month);
            self.audit_month(&part, filter, &mut found).await?;
            if found.len() >= filter.limit || part <= oldest {
                return Ok(found);
            }
            month = previous_month(month);
        }
    }

    async fn audit_month(&self, part: &str, filter: &AuditFilter, found: &mut Vec<AuditEntry>) -> Result<()> {
        let mut page = Scan {
            part: part.to_owned(),
            after: filter.since.map(|since| format!("{:012}000", since.unix_seconds())),
            before: filter.before.clone(),
            limit: 256,
            reverse: true,
        };
        while found.len() < filter.limit {
            let entries = scan::<AuditEntry>(&*self.store, &page).await?;
            let Some((_, last)) = entries.last() else { return Ok(()) };
            page.before = Some(last.id.clone());
            let matching = entries.into_iter().map(|(_, entry)| entry).filter(|entry| filter.matches(entry));
            found.extend(matching.take(filter.limit - found.len()));
        }
        Ok(())
    }
}

/// A moment in the month before.
fn previous_month(moment: Timestamp) -> Timestamp {
    let text = moment.to_string();
    let day: u64 = text[8..10].parse().unwrap_or(31);
    moment.minus(std::time::Duration::from_hours(day * 24))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_means_all_its_versions() {
        for (subject, asked, expected) in [
            ("foo", "foo", true),
            ("foo@1.0.0", "foo", true),
            ("foo@1.0.0", "foo@1.0.0", true),
            ("foo@1.0.0", "foo@1.0", false),
            ("foo-bar", "foo", false),
            ("foo", "foo@1.0.0", false),
            ("Foo-Bar@1.0.0", "foo_bar", true),
            ("foo_bar@1.0.0", "FOO-BAR@1.0.0", true),
        ] {
            let main = "main".parse().expect("a name");
            assert_eq!(is_about(Some(&main), subject, asked), expected, "{subject} {asked}");
        }
        assert!(!is_about(None, "Alice", "alice"), "not a crate");
    }

    #[test]
    fn unknown_callers_cannot_fill_the_log() {
        let budget = RefusalBudget::default();
        let minute = Timestamp::from_unix_seconds(600);
        let written = (0..1000).filter(|_| budget.take(minute)).count();
        assert_eq!(written, ANONYMOUS_REFUSALS_PER_MINUTE as usize);
        assert!(budget.take(Timestamp::from_unix_seconds(660)));
    }
}
