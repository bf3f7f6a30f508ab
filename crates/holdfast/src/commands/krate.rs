//! `holdfast crate`: on the storage itself, beside a running server or without one.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use holdfast_registry::entity::{CrateHead, Version};
use holdfast_registry::{Actor, Holdfast, Published, Yank};
use holdfast_types::{CrateName, RegistryName, TeamName};
use serde_json::{Value, json};

use super::{parse, trust};
use crate::cli::{CrateCommand, CrateSpec, OwnerCommand, VersionArguments};
use crate::failure::Failure;
use crate::options::Config;
use crate::terminal::{Table, Terminal, counted, visible};

/// Executes `holdfast crate`.
pub(super) async fn run(
    command: CrateCommand,
    config: &Config,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let actor = Actor::operator();
    match command {
        CrateCommand::Add { registry, files } => {
            let registry = parse(&registry)?;
            for file in files {
                add(&file, &registry, config, holdfast, terminal).await?;
            }
            Ok(())
        }
        CrateCommand::List { registry, json } => list(&parse(&registry)?, json, holdfast, terminal).await,
        CrateCommand::Show { registry, krate, json } => {
            show(&parse(&registry)?, &parse(&krate)?, json, holdfast, terminal).await
        }
        CrateCommand::Yank(version) => yank(&version, Yank::Yes, holdfast, terminal).await,
        CrateCommand::Unyank(version) => yank(&version, Yank::No, holdfast, terminal).await,
        CrateCommand::Remove { registry, krate: CrateSpec::Crate(name) } => {
            let removed = holdfast.remove_crate(&actor, &parse(&registry)?, &parse(&name)?).await?;
            terminal.line(format!("removed `{name}`: {}", counted(removed, "version")))
        }
        CrateCommand::Remove { registry, krate: CrateSpec::Version(spec) } => {
            let (name, version) = (parse(&spec.krate)?, parse(&spec.version)?);
            holdfast.remove_version(&actor, &parse(&registry)?, &name, &version).await?;
            terminal.line(format!("removed `{name}@{version}`"))
        }
        CrateCommand::Restrict { registry, krate, lift: true, .. } => {
            holdfast.restrict_crate(&actor, &parse(&registry)?, &parse(&krate)?, None).await?;
            terminal.line(format!("`{krate}` is visible to everybody who may read `{registry}`"))
        }
        CrateCommand::Restrict { registry, krate, teams, .. } => {
            let to = teams.iter().map(|team| parse(team)).collect::<Result<BTreeSet<_>, _>>()?;
            holdfast.restrict_crate(&actor, &parse(&registry)?, &parse(&krate)?, Some(&to)).await?;
            terminal.line(format!("`{krate}` is visible to admins, {}", audience_text(&to)))
        }
        CrateCommand::Trust { registry, krate, trust: arguments } => {
            let (registry, krate) = (parse(&registry)?, parse(&krate)?);
            trust::trust(arguments, &registry, Some(&krate), holdfast, terminal).await
        }
        CrateCommand::Owner(command) => owner(command, holdfast, &actor, terminal).await,
    }
}

async fn add(
    file: &Path,
    registry: &RegistryName,
    config: &Config,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let unreadable = |error| Failure::new(format!("cannot read `{}`: {error}", file.display()));
    let mut staging = holdfast.stage();
    let mut source = std::fs::File::open(file).map_err(unreadable)?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = source.read(&mut buffer).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        let chunk = Bytes::copy_from_slice(&buffer[..read]);
        staging.write(chunk).await.map_err(|error| Failure::because(&error))?;
    }
    let staged = staging.finish().await.map_err(|error| Failure::because(&error))?;
    let receipt =
        holdfast.add_package(&Actor::operator(), registry, staged, &own_index(config, registry)).await?;
    for warning in &receipt.warnings {
        terminal.warning(warning);
    }
    let outcome = match receipt.outcome {
        Published::New => "added",
        Published::Again => "is already there:",
    };
    terminal.line(format!("{outcome} `{}@{}`", receipt.name, receipt.version))
}

/// The address that clients know the registry by, as far as it is known without a request.
fn own_index(config: &Config, registry: &RegistryName) -> String {
    let base = config.public_url.as_ref().map_or("http://127.0.0.1:8000", |url| url.as_str());
    format!("sparse+{base}/r/{registry}/index/")
}

async fn list(
    registry: &RegistryName,
    json: bool,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let mut crates: Vec<CrateHead> = Vec::new();
    loop {
        let after = crates.last().map(CrateHead::canonical);
        let page = holdfast.list_crates(&Actor::operator(), registry, after.as_ref(), 500).await?;
        if page.is_empty() {
            break;
        }
        crates.extend(page);
    }
    if json {
        return terminal.json(&crates.iter().map(crate_json).collect::<Vec<_>>());
    }
    let mut table = Table::new(["crate", "newest", "versions", "owners", "description"]);
    for head in &crates {
        let newest = head.max_version.as_ref().map_or_else(String::new, ToString::to_string);
        let description = head.about.description.clone().unwrap_or_default();
        table.row([
            head.name.to_string(),
            newest,
            head.version_count.to_string(),
            owners_text(head),
            description,
        ]);
    }
    terminal.line(table)
}

async fn show(
    registry: &RegistryName,
    name: &CrateName,
    json: bool,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let description = holdfast.describe(&Actor::operator(), registry, name).await?;
    if json {
        let mut row = crate_json(&description.head);
        row["versions"] = description.versions.iter().map(version_json).collect();
        row["downloads"] = json!(description.downloads.total);
        return terminal.json(&row);
    }
    let head = &description.head;
    terminal.line(format!(
        "{}: {}",
        head.name,
        head.about.description.as_deref().map_or_else(|| "no description".to_owned(), visible)
    ))?;
    terminal.line(format!("owners: {}; downloads: {}", owners_text(head), description.downloads.total))?;
    if let Some(teams) = &head.restricted_to {
        terminal.line(format!("visible to: {}", audience_text(teams)))?;
    }
    let mut table = Table::new(["version", "published", "by", "yanked", "sha256"]);
    for version in &description.versions {
        let by = version.published_by.as_ref().map_or_else(|| "operator".to_owned(), ToString::to_string);
        let yanked = if version.line.yanked { "yanked" } else { "" };
        table.row([
            version.line.vers.to_string(),
            version.published_at.to_string(),
            by,
            yanked.to_owned(),
            version.line.cksum.to_string(),
        ]);
    }
    terminal.line(table)
}

async fn yank(
    arguments: &VersionArguments,
    yank: Yank,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let (name, version) = (parse(&arguments.target.krate)?, parse(&arguments.target.version)?);
    holdfast.yank(&Actor::operator(), &parse(&arguments.registry)?, &name, &version, yank).await?;
    let done = if yank == Yank::Yes { "yanked" } else { "unyanked" };
    terminal.line(format!("{done} `{name}@{version}`"))
}

async fn owner(
    command: OwnerCommand,
    holdfast: &Holdfast,
    actor: &Actor,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    match command {
        OwnerCommand::List { registry, krate, json } => {
            let owners = holdfast.owners(actor, &parse(&registry)?, &parse(&krate)?).await?;
            if json {
                return terminal.json(&owners);
            }
            let mut table = Table::new(["owner"]);
            for owner in &owners {
                table.row([owner]);
            }
            terminal.line(table)
        }
        OwnerCommand::Add { registry, krate, principal } => {
            let owners = [parse(&principal)?];
            terminal.line(holdfast.add_owners(actor, &parse(&registry)?, &parse(&krate)?, &owners).await?)
        }
        OwnerCommand::Remove { registry, krate, principal } => {
            let owners = [parse(&principal)?];
            terminal.line(holdfast.remove_owners(actor, &parse(&registry)?, &parse(&krate)?, &owners).await?)
        }
    }
}

fn owners_text(head: &CrateHead) -> String {
    head.owners.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn audience_text(teams: &BTreeSet<TeamName>) -> String {
    let teams = teams.iter().map(|team| format!("team:{team}"));
    std::iter::once("its owners".to_owned()).chain(teams).collect::<Vec<_>>().join(", ")
}

fn crate_json(head: &CrateHead) -> Value {
    json!({
        "name": head.name,
        "max_version": head.max_version,
        "version_count": head.version_count,
        "owners": head.owners,
        "restricted_to": head.restricted_to,
        "description": head.about.description,
        "created_at": head.created_at,
    })
}

fn version_json(version: &Version) -> Value {
    json!({
        "version": version.line.vers,
        "yanked": version.line.yanked,
        "cksum": version.line.cksum,
        "size_bytes": version.size_bytes,
        "published_at": version.published_at,
        "published_by": version.published_by,
    })
}
