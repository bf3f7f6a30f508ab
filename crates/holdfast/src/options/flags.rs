//! Options on the command line: global flags, accepted before and after the subcommand.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::spec::OptionSpec;
use super::table::TABLE;

/// The options that the command line sets, by key.
#[derive(Debug, Clone, Default)]
pub struct Flags(BTreeMap<&'static str, Vec<String>>);

impl Flags {
    /// Picks the options out of what clap parsed with [`attach_flags`].
    pub fn from_matches(matches: &ArgMatches) -> Self {
        let set = TABLE.iter().filter(|spec| spec.flag().is_some()).filter_map(|spec| {
            let texts: Vec<String> = matches.get_many::<String>(&identifier(spec))?.cloned().collect();
            Some((spec.key, texts))
        });
        Self(set.collect())
    }

    /// The texts that the command line gives to an option.
    pub fn texts(&self, key: &str) -> Option<&[String]> {
        self.0.get(key).map(Vec::as_slice)
    }
}

/// Adds a global flag for each option that has one.
pub fn attach_flags(command: Command) -> Command {
    command.args(TABLE.iter().filter_map(argument))
}

fn argument(spec: &OptionSpec) -> Option<Arg> {
    let flag = spec.flag()?;
    let variable = spec.environment();
    let default = spec.default.map(|text| format!(", default: {text}")).unwrap_or_default();
    Some(
        Arg::new(identifier(spec))
            .long(flag)
            .value_name(spec.value_name)
            .help(format!("{} [env: {variable}{default}]", spec.summary()))
            .long_help(format!("{} [env: {variable}{default}]", spec.help()))
            .help_heading(format!("{} options", spec.section.title()))
            .hide_short_help(!spec.common)
            .action(if spec.many { ArgAction::Append } else { ArgAction::Set })
            .global(true),
    )
}

/// Apart from the identifiers of the subcommands' own arguments.
fn identifier(spec: &OptionSpec) -> String {
    format!("option.{}", spec.key)
}
