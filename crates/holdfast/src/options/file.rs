//! Options from `holdfast.toml`.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::ReadFile;
use super::environment::Environment;
use super::error::OptionError;
use super::flags::Flags;
use super::provenance::Source;
use super::resolve::{Form, Raw, path_from_command_line};
use super::spec::OptionSpec;
use super::table::TABLE;

const FILE_NAME: &str = "holdfast.toml";

/// What the configuration file says, if there is one.
#[derive(Debug, Default)]
pub(super) struct FileValues {
    path: Option<PathBuf>,
    values: BTreeMap<&'static str, Raw>,
}

impl FileValues {
    /// Reads the file that `--config` names, or the first of the usual places that has one.
    pub(super) fn find(
        flags: &Flags,
        environment: &Environment,
        read_file: ReadFile<'_>,
        errors: &mut Vec<OptionError>,
    ) -> Self {
        let named = path_from_command_line(spec("config"), flags, environment);
        let candidates = match &named {
            Some(path) => vec![path.clone()],
            None => usual_places(flags, environment),
        };
        for path in candidates {
            match read_file(&path) {
                Ok(text) => return Self::parse(path, &text, errors),
                Err(error) if named.is_none() && is_absence(&error) => {}
                Err(error) => {
                    errors.push(OptionError::Unreadable { path, reason: error.to_string() });
                    return Self::default();
                }
            }
        }
        Self::default()
    }

    /// The file that was read.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What the file says about an option.
    pub(super) fn raw(&self, key: &str) -> Option<&Raw> {
        self.values.get(key)
    }

    fn parse(path: PathBuf, text: &str, errors: &mut Vec<OptionError>) -> Self {
        let mut values = BTreeMap::new();
        match DeTable::parse(text) {
            Ok(table) => {
                let mut unknown = Vec::new();
                Reader { path: &path, text, values: &mut values, unknown: &mut unknown }
                    .read(table.get_ref(), "");
                unknown.sort();
                errors.extend(unknown.into_iter().map(|(line, key)| OptionError::UnknownKey {
                    key,
                    path: path.clone(),
                    line,
                }));
            }
            Err(error) => errors.push(OptionError::Syntax {
                line: line_of(text, error.span().unwrap_or_default()),
                path: path.clone(),
                reason: error.message().replace('\n', ", "),
            }),
        }
        Self { path: Some(path), values }
    }
}

/// Walks the tables of a file.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    values: &'a mut BTreeMap<&'static str, Raw>,
    /// Line and key of what is no option.
    unknown: &'a mut Vec<(usize, String)>,
}

impl Reader<'_> {
    fn read(&mut self, table: &DeTable<'_>, prefix: &str) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let line = line_of(self.text, name.span());
            let inside = format!("{key}.");
            match value.get_ref() {
                DeValue::Table(inner) if file_keys().any(|known| known.starts_with(&inside)) => {
                    self.read(inner, &inside);
                }
                value => self.read_value(key, value, line),
            }
        }
    }

    fn read_value(&mut self, key: String, value: &DeValue<'_>, line: usize) {
        let Some(spec) = TABLE.iter().find(|spec| spec.file_key() == Some(key.as_str())) else {
            self.unknown.push((line, key));
            return;
        };
        let path = self.path.to_path_buf();
        let (texts, form) =
            texts(value).unwrap_or_else(|| (vec![format!("({})", value.type_str())], Form::Foreign));
        self.values.insert(spec.key, Raw { texts, form, source: Source::File { path, line } });
    }
}

/// The texts of a value, unless it is of a kind that no option takes.
fn texts(value: &DeValue<'_>) -> Option<(Vec<String>, Form)> {
    match value.as_array() {
        Some(array) => {
            let items: Option<Vec<String>> = array.iter().map(|item| text(item.get_ref())).collect();
            Some((items?, Form::Array))
        }
        None => Some((vec![text(value)?], Form::Text)),
    }
}

fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(integer) => {
            i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|number| number.to_string())
        }
        DeValue::Float(float) => Some(float.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn usual_places(flags: &Flags, environment: &Environment) -> Vec<PathBuf> {
    let data = spec("data");
    let folder = path_from_command_line(data, flags, environment)
        .unwrap_or_else(|| PathBuf::from(data.default.unwrap_or_default()));
    vec![folder.join(FILE_NAME), Path::new(".").join(FILE_NAME)]
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn file_keys() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter_map(OptionSpec::file_key)
}

fn spec(key: &str) -> &'static OptionSpec {
    TABLE.iter().find(|spec| spec.key == key).expect("`data` and `config` are in the table, says a test")
}

fn line_of(text: &str, span: Range<usize>) -> usize {
    let before = text.as_bytes().iter().take(span.start);
    before.filter(|byte| **byte == b'\n').count() + 1
}
