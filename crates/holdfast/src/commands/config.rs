//! `holdfast config`: shows, checks and documents the options.

mod check;

use serde::Serialize;

use crate::cli::{ConfigCommand, ConfigShow};
use crate::failure::{Failure, Problem};
use crate::options::{self, Entry, Environment, Flags, Provenance, ReadFile, Shown, Source};
use crate::terminal::{Table, Terminal};

/// Executes a command; none of them touches the database or the storage.
pub(super) fn run(
    command: &ConfigCommand,
    flags: &Flags,
    environment: &Environment,
    read_file: ReadFile<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    if let ConfigCommand::Reference = command {
        return terminal.line(options::reference_page().trim_end());
    }
    let loaded = options::load_leniently(flags, environment, read_file);
    super::warn_of_unknown_variables(&loaded.provenance, terminal);
    match command {
        ConfigCommand::Show(show) if loaded.errors.is_empty() => print(show, &loaded.provenance, terminal),
        ConfigCommand::Show(_) => Err(options::OptionErrors(loaded.errors).into()),
        ConfigCommand::Check | ConfigCommand::Reference => {
            let mut problems: Vec<Problem> = loaded.errors.iter().map(Problem::from).collect();
            problems.extend(check::problems(&loaded.config, &loaded.provenance));
            if let Some(Err(failure)) = loaded.config.providers.as_deref().map(crate::providers::read) {
                problems.extend(failure.problems);
            }
            if problems.is_empty() { terminal.line("ok") } else { Err(Failure::of(problems)) }
        }
    }
}

fn print(show: &ConfigShow, provenance: &Provenance, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    if show.json {
        return terminal.json(&provenance.entries.iter().map(Row::from).collect::<Vec<_>>());
    }
    let mut table =
        if show.sources { Table::new(["key", "value", "source"]) } else { Table::new(["key", "value"]) };
    for entry in &provenance.entries {
        let source = show.sources.then(|| entry.source.to_string());
        table.row([entry.key.to_owned(), entry.shown.to_string()].into_iter().chain(source));
    }
    terminal.line(table)
}

/// One option as JSON.
#[derive(Debug, Serialize)]
struct Row<'a> {
    key: &'static str,
    value: &'a Shown,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

impl<'a> From<&'a Entry> for Row<'a> {
    fn from(entry: &'a Entry) -> Self {
        let (name, line) = match &entry.source {
            Source::Flag(name) | Source::Environment(name) => (Some(name.clone()), None),
            Source::File { path, line } => (Some(path.display().to_string()), Some(*line)),
            Source::Default => (None, None),
        };
        Self { key: entry.key, value: &entry.shown, source: entry.source.kind(), name, line }
    }
}
