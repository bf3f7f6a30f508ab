//! `holdfast fsck`, `holdfast gc` and `holdfast audit`.

use holdfast_registry::entity::{AuditEntry, Outcome};
use holdfast_registry::{Actor, AuditFilter, Depth, Holdfast};
use serde_json::{Value, json};

use super::parse;
use crate::cli::{Audit, Fsck, Gc, Since};
use crate::failure::{Failure, Problem};
use crate::options::Config;
use crate::terminal::{Table, Terminal, counted};

/// Executes `holdfast fsck`; fails when something is wrong.
pub(super) async fn fsck(
    command: &Fsck,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let depth = if command.hash { Depth::Digests } else { Depth::Sizes };
    let findings = holdfast.fsck(&Actor::operator(), depth).await?;
    if command.json {
        let (crates, versions) = (findings.crates, findings.versions);
        terminal.json(&json!({"crates": crates, "versions": versions, "problems": findings.problems}))?;
    } else {
        terminal.line(format!(
            "{}, {}, {}",
            counted(findings.crates, "crate"),
            counted(findings.versions, "version"),
            counted(findings.problems.len(), "problem")
        ))?;
    }
    if findings.problems.is_empty() {
        return Ok(());
    }
    let problems = findings.problems.into_iter().map(|message| Problem { message, hint: None });
    Err(Failure::of(problems.collect()))
}

/// Executes `holdfast gc`.
pub(super) async fn gc(
    command: &Gc,
    config: &Config,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let swept = holdfast.sweep(&Actor::operator(), config.sweep_grace).await?;
    if command.json {
        return terminal.json(&json!({
            "seen": swept.seen,
            "condemned": swept.condemned,
            "restored": swept.restored,
            "purged": swept.purged,
            "purged_bytes": swept.purged_bytes,
        }));
    }
    terminal.line(format!(
        "{}: {} set aside, {} put back, {} deleted ({})",
        counted(swept.seen, "file"),
        swept.condemned,
        swept.restored,
        swept.purged,
        counted(swept.purged_bytes, "byte")
    ))
}

/// Executes `holdfast audit`.
pub(super) async fn audit(
    command: Audit,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let limit = usize::try_from(command.limit).unwrap_or(usize::MAX);
    let registry = command.registry.as_deref().map(parse).transpose()?;
    let since = command.since.map(|since| match since {
        Since::At(moment) => moment,
        Since::Ago(duration) => holdfast.outside().now().minus(duration),
    });
    let Audit { actor, action, subject, refused, .. } = command;
    let filter = AuditFilter { actor, action, registry, subject, refused, since, before: None, limit };
    let entries = holdfast.audit_log(&Actor::operator(), &filter).await?;
    if command.json {
        return terminal.json(&entries.iter().map(entry_json).collect::<Vec<_>>());
    }
    let mut table = Table::new(["time", "actor", "action", "registry", "subject", "outcome"]);
    for entry in &entries {
        let outcome = match &entry.outcome {
            Outcome::Done => "done".to_owned(),
            Outcome::Refused(reason) => format!("refused: {reason}"),
        };
        let registry = entry.registry.as_ref().map_or_else(String::new, ToString::to_string);
        let at = entry.at.to_string();
        table.row([at, entry.actor.clone(), entry.action.clone(), registry, entry.subject.clone(), outcome]);
    }
    terminal.line(table)
}

fn entry_json(entry: &AuditEntry) -> Value {
    let (outcome, reason) = match &entry.outcome {
        Outcome::Done => ("done", None),
        Outcome::Refused(reason) => ("refused", Some(reason)),
    };
    json!({
        "id": entry.id,
        "at": entry.at,
        "actor": entry.actor,
        "token": entry.token,
        "token_name": entry.token_name,
        "address": entry.address,
        "action": entry.action,
        "registry": entry.registry,
        "subject": entry.subject,
        "outcome": outcome,
        "reason": reason,
        "detail": entry.detail,
    })
}
