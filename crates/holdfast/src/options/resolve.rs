//! Takes each option from the most important place that sets it.

use std::path::PathBuf;

use super::environment::{Environment, NotUtf8};
use super::error::OptionError;
use super::file::FileValues;
use super::flags::Flags;
use super::provenance::{Entry, Provenance, Source};
use super::spec::OptionSpec;
use super::values::{OptionShape, OptionValue, Shown};

/// What a place says about an option, before it is parsed.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    pub(super) texts: Vec<String>,
    pub(super) form: Form,
    pub(super) source: Source,
}

/// How the place wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One or more texts that may hold several values, separated by commas.
    Text,
    /// An array of TOML.
    Array,
    /// A kind of TOML value that no option takes; the text names the kind.
    Foreign,
}

/// The options resolved so far.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    flags: &'a Flags,
    environment: &'a Environment,
    file: FileValues,
    provenance: Provenance,
    errors: Vec<OptionError>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(
        flags: &'a Flags,
        environment: &'a Environment,
        file: FileValues,
        errors: Vec<OptionError>,
    ) -> Self {
        let provenance = Provenance { entries: Vec::new(), unknown_environment: environment.unknown() };
        Self { flags, environment, file, provenance, errors }
    }

    /// Where each value came from, and every fault.
    pub(super) fn finish(self) -> (Provenance, Vec<OptionError>) {
        (self.provenance, self.errors)
    }

    /// The value of an option; its default if what is set is faulty.
    pub(super) fn take<Shape: OptionShape>(&mut self, spec: &OptionSpec) -> Shape {
        let set = self.find(spec).unwrap_or_else(|error| {
            self.errors.push(error);
            None
        });
        let faults_before = self.errors.len();
        let value = set.as_ref().and_then(|raw| self.parse::<Shape>(spec, raw));
        let faulty = self.errors.len() > faults_before;
        let value = value.unwrap_or_else(|| {
            parse::<Shape>(&self.default(spec)).expect("every default is valid, says a test")
        });
        let source = set.map_or(Source::Default, |raw| raw.source);
        self.provenance.entries.push(Entry { key: spec.key, shown: value.shown(), source, faulty });
        value
    }

    fn find(&self, spec: &OptionSpec) -> Result<Option<Raw>, OptionError> {
        if let Some(raw) = from_command_line(spec, self.flags, self.environment)? {
            return Ok(Some(raw));
        }
        Ok(self.file.raw(spec.key).cloned())
    }

    fn parse<Shape: OptionShape>(&mut self, spec: &OptionSpec, raw: &Raw) -> Option<Shape> {
        parse::<Shape>(raw)
            .map_err(|value| {
                self.errors.push(OptionError::Value {
                    key: spec.key,
                    value,
                    origin: raw.source.clone(),
                    expected: spec.expected,
                });
            })
            .ok()
    }

    fn default(&self, spec: &OptionSpec) -> Raw {
        let text = match spec.key {
            "config" => self.file.path().map(|path| path.display().to_string()),
            _ => spec.default.map(|text| text.replace("{data}", &self.data())),
        };
        Raw { texts: text.into_iter().collect(), form: Form::Text, source: Source::Default }
    }

    /// The data folder, once it is resolved.
    fn data(&self) -> String {
        match self.provenance.entry("data").map(|entry| &entry.shown) {
            Some(Shown::One(path)) => path.clone(),
            _ => String::new(),
        }
    }
}

/// What the command line or else the environment says about an option.
pub(super) fn from_command_line(
    spec: &OptionSpec,
    flags: &Flags,
    environment: &Environment,
) -> Result<Option<Raw>, OptionError> {
    if let (Some(texts), Some(flag)) = (flags.texts(spec.key), spec.flag()) {
        let source = Source::Flag(format!("--{flag}"));
        return Ok(Some(Raw { texts: texts.to_vec(), form: Form::Text, source }));
    }
    let name = spec.environment();
    match environment.value(&name) {
        Ok(Some(text)) => {
            let source = Source::Environment(name);
            Ok(Some(Raw { texts: vec![text.to_owned()], form: Form::Text, source }))
        }
        Ok(None) => Ok(None),
        Err(NotUtf8) => Err(OptionError::NotUtf8 { name }),
    }
}

/// As [`from_command_line`], for the two paths that must be known before the file is read.
pub(super) fn path_from_command_line(
    spec: &OptionSpec,
    flags: &Flags,
    environment: &Environment,
) -> Option<PathBuf> {
    // A fault is reported when the option itself is resolved.
    let raw = from_command_line(spec, flags, environment).ok().flatten()?;
    raw.texts.into_iter().next().map(PathBuf::from)
}

/// The value, or the text at fault as it may be shown.
fn parse<Shape: OptionShape>(raw: &Raw) -> Result<Shape, String> {
    if raw.form == Form::Foreign {
        return Err(raw.texts.concat());
    }
    let items = items::<Shape>(raw);
    let mut values = Vec::with_capacity(items.len());
    for item in &items {
        let value = Shape::Item::parse(item).ok_or_else(|| Shape::Item::redact(item))?;
        values.push(value);
    }
    let array_for_one = raw.form == Form::Array && !Shape::MANY;
    match Shape::gather(values) {
        Some(value) if !array_for_one => Ok(value),
        _ => Err(format!(
            "[{}]",
            items.iter().map(|item| Shape::Item::redact(item)).collect::<Vec<_>>().join(", ")
        )),
    }
}

fn items<Shape: OptionShape>(raw: &Raw) -> Vec<String> {
    if !Shape::MANY || raw.form == Form::Array {
        return raw.texts.clone();
    }
    let pieces = raw.texts.iter().flat_map(|text| text.split(','));
    pieces.map(str::trim).filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
}
