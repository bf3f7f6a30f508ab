//! `holdfast export`, `import`, `backup` and `restore`: everything at once, from and to any database and storage.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::Path;

use holdfast_registry::{Actor, Files, Holdfast, Imported, Kind, Progress, Resume, Totals, Vault};
use serde_json::json;
use tempfile::{NamedTempFile, TempDir};

use crate::application::{self, Purpose};
use crate::cli::{Backup, Export, Import, Restore};
use crate::failure::Failure;
use crate::options::Config;
use crate::progress::{size, watched};
use crate::terminal::{Table, Terminal, counted};

/// Executes `holdfast export`.
pub(super) async fn export(
    command: &Export,
    config: &Config,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let file = &*command.file;
    let files = if command.without_files { Files::LeftOut } else { Files::Included };
    let (actor, progress) = (Actor::operator(), Progress::default());
    if is_standard(file) {
        if command.json {
            return Err(Failure::new(
                "`--json` and the export cannot both go to standard output; name a file",
            ));
        }
        if io::stdout().is_terminal() {
            let hint = "name a file, or send it on as in `holdfast export - | ssh HOST holdfast import -`";
            return Err(Failure::new("an export is not for reading on a terminal").hint(hint));
        }
        let holdfast = application::open(config, Purpose::Look).await?;
        let work = holdfast.export(&actor, io::stdout(), files, &progress);
        let (_, totals) = watched(&progress, None, work).await?;
        terminal.hint(&format!("exported {}", words(&totals)));
        return Ok(());
    }
    let out = begin_file(file)?;
    let holdfast = application::open(config, Purpose::Look).await?;
    let work = holdfast.export(&actor, out, files, &progress);
    let (out, totals) = watched(&progress, None, work).await?;
    end_file(out, file)?;
    if command.json {
        return terminal.json(&totals);
    }
    terminal.line(format!("exported {} to `{}`", words(&totals), file.display()))
}

/// Executes `holdfast import`.
pub(super) async fn import(
    command: &Import,
    config: &Config,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let (input, length): (Box<dyn Read + Send>, _) = if is_standard(&command.file) {
        (Box::new(io::stdin()), None)
    } else {
        let shown = command.file.display();
        let unreadable = |error| Failure::new(format!("cannot read `{shown}`: {error}"));
        let file = File::open(&command.file).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        (Box::new(file), Some(length))
    };
    let holdfast = application::open(config, Purpose::Change).await?;
    let (actor, progress) = (Actor::operator(), Progress::default());
    let work = holdfast.import(&actor, input, resume(command.resume), &progress);
    let outcome = watched(&progress, length, work).await;
    tell_imported("imported", outcome, command.json, &holdfast, config, terminal).await
}

/// Executes `holdfast backup`.
pub(super) async fn backup(
    command: &Backup,
    config: &Config,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let holdfast = application::open(config, Purpose::Look).await?;
    let (vault, _spool) = open_vault(&command.place, config).await?;
    let (actor, progress) = (Actor::operator(), Progress::default());
    let done = watched(&progress, None, holdfast.backup(&actor, &vault, &progress)).await?;
    let forgotten = match command.keep {
        Some(newest) => {
            let newest = usize::try_from(newest.get()).unwrap_or(usize::MAX);
            holdfast.forget_backups(&actor, &vault, newest).await?
        }
        None => Vec::new(),
    };
    let pruned = if command.prune {
        Some(holdfast.prune_backups(&actor, &vault, config.sweep_grace).await?)
    } else {
        None
    };
    if command.json {
        return terminal.json(&json!({
            "made_at": done.made_at,
            "documents": done.totals.documents,
            "counters": done.totals.counters,
            "record_bytes": done.record_bytes,
            "copied_files": done.copied_files,
            "copied_bytes": done.copied_bytes,
            "present_files": done.present_files,
            "forgotten": forgotten,
            "set_aside_files": pruned.map_or(0, |pruned| pruned.condemned),
            "deleted_files": pruned.map_or(0, |pruned| pruned.purged),
        }));
    }
    terminal.line(format!(
        "made the backup of `{}`: {} in {}; {} ({}), {} there already",
        done.made_at,
        counted(done.totals.documents, "document"),
        size(done.record_bytes),
        counted(done.copied_files, "new file"),
        size(done.copied_bytes),
        done.present_files
    ))?;
    for made_at in forgotten {
        terminal.line(format!("deleted the backup of `{made_at}`"))?;
    }
    if let Some(pruned) = pruned {
        let (aside, gone) = (pruned.condemned, pruned.purged);
        terminal.line(format!("of the files that no backup needs, {aside} set aside, {gone} deleted"))?;
    }
    Ok(())
}

/// Executes `holdfast restore`.
pub(super) async fn restore(
    command: &Restore,
    config: &Config,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    refuse_absent(&command.place)?;
    if command.list {
        return list(command, config, terminal).await;
    }
    let holdfast = application::open(config, Purpose::Change).await?;
    let (vault, _spool) = open_vault(&command.place, config).await?;
    let (actor, progress) = (Actor::operator(), Progress::default());
    let at = command.at.as_deref();
    let work = holdfast.restore(&actor, &vault, at, resume(command.resume), &progress);
    let outcome = watched(&progress, None, work).await;
    tell_imported("restored", outcome, command.json, &holdfast, config, terminal).await
}

async fn list(command: &Restore, config: &Config, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let (vault, _spool) = open_vault(&command.place, config).await?;
    let backups = vault.list().await?;
    if command.json {
        let row = |backup: &holdfast_registry::Backup| json!({"made_at": backup.made_at, "record": backup.sha256, "record_bytes": backup.size_bytes});
        return terminal.json(&backups.iter().map(row).collect::<Vec<_>>());
    }
    let mut table = Table::new(["made", "size", "record"]);
    for backup in &backups {
        let made_at = backup.made_at.map_or_else(|| "damaged".to_owned(), |made_at| made_at.to_string());
        table.row([made_at, size(backup.size_bytes), backup.sha256.to_string()]);
    }
    terminal.line(table)
}

/// Refuses a folder that is not there, which opening it would make. What a URL names, its storage knows.
fn refuse_absent(place: &str) -> Result<(), Failure> {
    let folder = match place.strip_prefix("file:") {
        Some(path) => path.strip_prefix("//").unwrap_or(path),
        None if holdfast_blobs::SCHEMES.iter().any(|scheme| place.starts_with(scheme)) => return Ok(()),
        None => place,
    };
    // What cannot be told, opening it tells.
    if Path::new(folder).try_exists().unwrap_or(true) {
        return Ok(());
    }
    Err(Failure::new(format!("there is no folder `{folder}` with backups"))
        .hint("name the place that `holdfast backup` was given"))
}

/// Opens the place of the backups; the folder is for what waits, and goes with its value. Who lists backups before
/// there is a data folder does not get one.
async fn open_vault(place: &str, config: &Config) -> Result<(Vault, TempDir), Failure> {
    let mut folder = tempfile::Builder::new();
    folder.prefix("spool-");
    let spool = if config.data.is_dir() { folder.tempdir_in(&config.data) } else { folder.tempdir() };
    let spool =
        spool.map_err(|error| Failure::new(format!("cannot make a folder for what has to wait: {error}")))?;
    Ok((Vault::open(place, spool.path().to_owned()).await?, spool))
}

/// Tells what an import did, or what to do now.
async fn tell_imported(
    verb: &str,
    outcome: holdfast_registry::Result<Imported>,
    json: bool,
    holdfast: &Holdfast,
    config: &Config,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let done = match outcome {
        Ok(done) => done,
        Err(error) => {
            let is_refused = error.kind() == Kind::Conflict;
            let failure = Failure::from(error);
            let is_begun = !is_refused && holdfast.is_half_imported().await.unwrap_or(false);
            return Err(if is_begun {
                failure.hint("what was stored is in order; repeat the command with `--resume` to go on")
            } else {
                failure
            });
        }
    };
    forget_search(config)?;
    let Imported { made_at, totals, skipped_documents, skipped_files } = done;
    if json {
        return terminal.json(&json!({
            "made_at": made_at,
            "documents": totals.documents,
            "counters": totals.counters,
            "files": totals.files,
            "file_bytes": totals.file_bytes,
            "skipped_documents": skipped_documents,
            "skipped_files": skipped_files,
        }));
    }
    terminal.line(format!("{verb} {} as of `{made_at}`", words(&totals)))?;
    if skipped_documents + skipped_files > 0 {
        let documents = counted(skipped_documents, "document");
        terminal.line(format!("there already: {documents} and {}", counted(skipped_files, "file")))?;
    }
    Ok(())
}

/// A search index of what the folder belonged to before would know other crates; it is made anew.
fn forget_search(config: &Config) -> Result<(), Failure> {
    let folder = config.data.join("search");
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let shown = folder.display();
            Err(Failure::new(format!("cannot delete `{shown}`: {error}"))
                .hint("delete it before the server starts"))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn resume(resume: bool) -> Resume {
    if resume { Resume::Yes } else { Resume::No }
}

fn is_standard(file: &Path) -> bool {
    file.as_os_str() == "-"
}

fn words(totals: &Totals) -> String {
    let Totals { documents, counters, files, file_bytes } = totals;
    format!(
        "{}, {} and {} ({})",
        counted(*documents, "document"),
        counted(*counters, "counter"),
        counted(*files, "file"),
        size(*file_bytes)
    )
}

/// A file that gets its name when it is complete. Only its owner may read it: it tells who may do what.
fn begin_file(path: &Path) -> Result<NamedTempFile, Failure> {
    if path.exists() {
        let hint = "choose another name, or delete it first";
        return Err(Failure::new(format!("`{}` is there already", path.display())).hint(hint));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let partial =
        tempfile::Builder::new().prefix(&format!(".{name}-")).suffix(".partial").tempfile_in(folder_of(path));
    partial.map_err(|error| unwritten(path, &error))
}

fn end_file(file: NamedTempFile, path: &Path) -> Result<(), Failure> {
    let failed = |error| unwritten(path, &error);
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(path).map_err(|refused| failed(refused.error))?;
    File::open(folder_of(path)).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot write `{}`: {error}", path.display()))
}
