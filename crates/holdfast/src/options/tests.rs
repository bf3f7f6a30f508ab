//! The options as a whole: precedence, provenance, faults, secrets, the reference page.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use super::{Config, Environment, Flags, Loaded, RequiredField, TABLE, load, load_leniently, reference_page};
use crate::cli;
use crate::options::values::OptionValue as _;

/// A command line, an environment and files, none of which is real.
#[derive(Default)]
struct Setting {
    arguments: Vec<&'static str>,
    environment: Vec<(&'static str, &'static str)>,
    files: BTreeMap<PathBuf, &'static str>,
}

impl Setting {
    fn arguments(mut self, arguments: &[&'static str]) -> Self {
        self.arguments.extend(arguments);
        self
    }

    fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    fn file(mut self, path: &str, text: &'static str) -> Self {
        self.files.insert(PathBuf::from(path), text);
        self
    }

    fn flags(&self) -> Flags {
        let command = ["holdfast"].iter().chain(&self.arguments).chain(&["serve"]);
        cli::parse(command.map(OsString::from)).unwrap().1
    }

    fn load(&self) -> Loaded {
        let environment: Environment = self.environment.iter().copied().collect();
        load_leniently(&self.flags(), &environment, &|path| self.read(path))
    }

    fn config(&self) -> Config {
        let loaded = self.load();
        assert_eq!(loaded.errors, [], "no faults");
        loaded.config
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        self.files.get(path).map(|text| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// What differs from the defaults, and why.
    fn provenance(&self) -> String {
        let defaults = Self::default().load().provenance;
        let mut lines = String::new();
        for (entry, default) in self.load().provenance.entries.iter().zip(&defaults.entries) {
            if entry != default {
                writeln!(lines, "{} = {} ({})", entry.key, entry.shown, entry.source).unwrap();
            }
        }
        lines
    }

    fn errors(&self) -> String {
        let mut lines = String::new();
        for error in self.load().errors {
            writeln!(lines, "{error}").unwrap();
            if let Some(hint) = error.hint() {
                writeln!(lines, "  hint: {hint}").unwrap();
            }
        }
        lines
    }
}

#[test]
fn the_table_is_consistent() {
    let mut names = Vec::new();
    for spec in TABLE {
        assert_eq!(spec.field, spec.key.replace(['-', '.'], "_"), "the field is named after the key");
        assert!(spec.help().ends_with('.') && !spec.help().contains("  "), "help of `{}`", spec.key);
        assert!(!spec.secret || spec.flag().is_none(), "`{}` is secret and has a flag", spec.key);
        names.extend(spec.flag());
        names.push(spec.environment());
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "no name is used twice");
    assert!(TABLE.iter().any(|spec| spec.key == "config") && TABLE[0].key == "data");
}

#[test]
fn defaults() {
    let setting = Setting::default();
    let mut lines = String::new();
    for entry in setting.load().provenance.entries {
        assert_eq!(entry.source, super::Source::Default);
        writeln!(lines, "{} = {}", entry.key, entry.shown).unwrap();
    }
    insta::assert_snapshot!(lines);
    let config = setting.config();
    assert_eq!(config.max_crate_size.bytes(), 10 * 1024 * 1024);
    assert_eq!(config.trusted_proxies, []);
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let setting = Setting::default();
    assert_eq!(setting.config().max_crate_size.show(), "10MiB");
    let setting = setting.file("./holdfast.toml", "max-crate-size = '11MiB'");
    assert_eq!(setting.config().max_crate_size.show(), "11MiB");
    let setting = setting.variable("HOLDFAST_MAX_CRATE_SIZE", "12MiB");
    assert_eq!(setting.config().max_crate_size.show(), "12MiB");
    let setting = setting.arguments(&["--max-crate-size", "13MiB"]);
    assert_eq!(setting.config().max_crate_size.show(), "13MiB");
}

#[test]
fn every_value_knows_where_it_comes_from() {
    let setting = Setting::default()
        .arguments(&["--listen", "0.0.0.0:80", "--listen=[::]:80,localhost:81"])
        .variable("HOLDFAST_DATA", "/srv/holdfast")
        .variable("HOLDFAST_TRUSTED_PROXIES", "127.0.0.1, 10.1.2.3/8,")
        .variable("HOLDFAST_BOOTSTRAP_TOKEN", "hunter2")
        .variable("HOLDFAST_LOG", "")
        .file(
            "/srv/holdfast/holdfast.toml",
            "\
            public-url = 'https://example.org/crates/'\n\
            required-fields = ['license', 'rust-version']\n\
            max-crate-size = 20_000_000\n\
            trusted-proxies = '192.0.2.1'\n\
            \n\
            log-format = 'json'\n",
        );
    insta::assert_snapshot!(setting.provenance());
    let config = setting.config();
    assert_eq!(config.required_fields, [RequiredField::License, RequiredField::RustVersion]);
    assert_eq!(config.bootstrap_token.unwrap().reveal(), "hunter2");
}

#[test]
fn the_file_is_found_in_the_data_folder_first() {
    let both = Setting::default()
        .file("./holdfast-data/holdfast.toml", "log = 'warn'")
        .file("./holdfast.toml", "log = 'debug'");
    assert_eq!(both.config().log.show(), "warn");
    assert_eq!(both.config().config, Some("./holdfast-data/holdfast.toml".into()));
    let elsewhere = both.arguments(&["--data", "/empty"]);
    assert_eq!(elsewhere.config().log.show(), "debug");
    let named = elsewhere.variable("HOLDFAST_CONFIG", "./holdfast-data/holdfast.toml");
    assert_eq!(named.config().log.show(), "warn");
}

#[test]
fn a_file_that_is_named_must_exist() {
    let setting = Setting::default().arguments(&["--config", "/etc/holdfast.toml"]);
    insta::assert_snapshot!(setting.errors(), @r"
    cannot read the configuration file `/etc/holdfast.toml`: entity not found
      hint: name another file with `--config FILE`, or make this one readable
    ");
}

#[test]
fn all_faults_are_reported_at_once() {
    let setting = Setting::default()
        .arguments(&["--listen", "127.0.0.1:8000", "--listen", "8000"])
        .variable("HOLDFAST_MAX_CRATE_SIZE", "10 potatoes")
        .variable("HOLDFAST_DATABASE", "oracle://scott:tiger@db/x")
        .variable("HOLDFAST_BOOTSTRAP_TOKEN", "hunter 2")
        .file(
            "./holdfast.toml",
            "\
            listn = '127.0.0.1:8000'\n\
            max_crate_size = 5\n\
            config = 'other.toml'\n\
            staleness = 1\n\
            storage = ['file:a']\n\
            log-format = { kind = 'text' }\n\
            required-fields = ['licence']\n\
            [quota]\n\
            crates = 7\n",
        );
    insta::assert_snapshot!(setting.errors());
}

#[test]
fn a_faulty_option_does_not_hide_the_others() {
    let setting = Setting::default()
        .arguments(&["--staleness", "soon", "--log", "debug"])
        .variable("HOLDFAST_LSITEN", "127.0.0.1:1");
    let loaded = setting.load();
    assert!(!loaded.provenance.is_sound("staleness") && loaded.provenance.is_sound("log"));
    assert_eq!(loaded.config.log.show(), "debug");
    assert_eq!(loaded.provenance.unknown_environment, ["HOLDFAST_LSITEN"]);
    assert_eq!(super::nearest_variable("HOLDFAST_LSITEN").as_deref(), Some("HOLDFAST_LISTEN"));
    let environment = Environment::default();
    let errors = load(&setting.flags(), &environment, &|path| setting.read(path)).unwrap_err();
    assert_eq!(errors.0, loaded.errors);
    assert!(errors.0.iter().all(super::OptionError::is_usage));
}

#[test]
fn a_file_that_is_not_toml_says_where() {
    let setting = Setting::default().file("./holdfast.toml", "log = 'info'\nlisten = 127.0.0.1\n");
    let errors = setting.errors();
    assert!(errors.starts_with("`./holdfast.toml` is not valid TOML, line 2: "), "{errors}");
    assert_eq!(setting.load().errors.len(), 1, "{errors}");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf8_is_a_fault() {
    use std::os::unix::ffi::OsStringExt as _;

    let pair = (OsString::from("HOLDFAST_DATA"), OsString::from_vec(vec![0xff]));
    let environment: Environment = [pair].into_iter().collect();
    let errors = load(&Flags::default(), &environment, &|_| Err(io::ErrorKind::NotFound.into())).unwrap_err();
    assert_eq!(errors.to_string(), "the environment variable `HOLDFAST_DATA` is not UTF-8");
}

#[test]
fn secrets_are_in_no_output() {
    let setting = Setting::default()
        .variable("HOLDFAST_BOOTSTRAP_TOKEN", "hunter2")
        .file("./holdfast.toml", "bootstrap-token = 'hunter3'");
    let loaded = setting.load();
    let shown = loaded.provenance.entry("bootstrap-token").unwrap().shown.to_string();
    assert_eq!(shown, "(set)");
    assert!(!format!("{loaded:?}").contains("hunter"), "not even a debug print");
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../book/src/reference/options.md");
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    let fresh = reference_page();
    assert!(
        page == fresh,
        "run `cargo run -p holdfast -- config reference > book/src/reference/options.md`; it should say:\n{fresh}"
    );
}
