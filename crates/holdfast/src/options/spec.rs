//! What one line of the option table says.

use super::values::{OptionShape, OptionValue};

/// The groups in which options are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Where things are stored.
    Storage,
    /// How clients reach the server.
    Network,
    /// What may be published.
    Publishing,
    /// What is kept in memory, and for how long.
    Caching,
    /// Work in the background.
    Housekeeping,
    /// What is written to standard error.
    Logging,
    /// Who may do what.
    Access,
}

impl Section {
    /// Every section, in the order of the reference page.
    pub const ALL: [Self; 7] = [
        Self::Storage,
        Self::Network,
        Self::Publishing,
        Self::Caching,
        Self::Housekeeping,
        Self::Logging,
        Self::Access,
    ];

    /// The heading in help and reference.
    pub fn title(self) -> &'static str {
        match self {
            Self::Storage => "Storage",
            Self::Network => "Network",
            Self::Publishing => "Publishing",
            Self::Caching => "Caching",
            Self::Housekeeping => "Housekeeping",
            Self::Logging => "Logging",
            Self::Access => "Access",
        }
    }
}

/// One option: its names, its default and what values it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionSpec {
    /// The field of [`Config`](super::Config) that holds its value.
    pub field: &'static str,
    /// The key in `holdfast.toml`; flag and environment variable are derived from it.
    pub key: &'static str,
    /// What stands for the value in help texts.
    pub value_name: &'static str,
    /// The group in which it is shown.
    pub section: Section,
    /// The value when nothing sets it; `{data}` stands for the data folder.
    pub default: Option<&'static str>,
    /// What values are accepted, as a phrase that completes "expected …".
    pub expected: &'static str,
    /// Whether it takes several values.
    pub many: bool,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// Whether `-h` shows it (`--help` shows all).
    pub common: bool,
    has_flag: bool,
    in_file: bool,
    help: &'static str,
}

impl OptionSpec {
    pub(super) const fn new(section: Section, key: &'static str, value_name: &'static str) -> Self {
        Self {
            field: "",
            key,
            value_name,
            section,
            default: None,
            expected: "",
            many: false,
            secret: false,
            common: false,
            has_flag: true,
            in_file: true,
            help: "",
        }
    }

    pub(super) const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    pub(super) const fn common(mut self) -> Self {
        self.common = true;
        self
    }

    pub(super) const fn no_flag(mut self) -> Self {
        self.has_flag = false;
        self
    }

    pub(super) const fn not_in_file(mut self) -> Self {
        self.in_file = false;
        self
    }

    pub(super) const fn shaped<Shape: OptionShape>(
        mut self,
        field: &'static str,
        help: &'static str,
    ) -> Self {
        self.field = field;
        self.help = help;
        self.many = Shape::MANY;
        self.expected = <Shape::Item as OptionValue>::EXPECTED;
        self.secret = <Shape::Item as OptionValue>::SECRET;
        self
    }

    /// The flag without its dashes, unless the option has none.
    pub fn flag(&self) -> Option<String> {
        self.has_flag.then(|| self.key.replace('.', "-"))
    }

    /// The environment variable.
    pub fn environment(&self) -> String {
        format!("HOLDFAST_{}", self.key.replace(['.', '-'], "_").to_ascii_uppercase())
    }

    /// The key in `holdfast.toml`, unless the option cannot be set there.
    pub fn file_key(&self) -> Option<&'static str> {
        self.in_file.then_some(self.key)
    }

    /// The first sentence of what it is for, without its period.
    pub fn summary(&self) -> &'static str {
        self.help().split_once(". ").map_or(self.help().trim_end_matches('.'), |(first, _)| first)
    }

    /// What it is for, as sentences on one line.
    pub fn help(&self) -> &'static str {
        self.help.trim_start()
    }
}
