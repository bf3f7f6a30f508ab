//! Values out of a closed list.

use super::OptionValue;

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

impl OptionValue for LogFormat {
    const EXPECTED: &'static str = "`text` or `json`";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Json => "json".to_owned(),
        }
    }
}

/// A field of `Cargo.toml` that a registry can require.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequiredField {
    /// `package.description`
    Description,
    /// `package.license` or `package.license-file`
    License,
    /// `package.repository`
    Repository,
    /// `package.homepage`
    Homepage,
    /// `package.documentation`
    Documentation,
    /// `package.readme`
    Readme,
    /// `package.keywords`
    Keywords,
    /// `package.categories`
    Categories,
    /// `package.rust-version`
    RustVersion,
    /// `package.authors`
    Authors,
}

impl RequiredField {
    /// Every field that can be required.
    pub const ALL: [Self; 10] = [
        Self::Description,
        Self::License,
        Self::Repository,
        Self::Homepage,
        Self::Documentation,
        Self::Readme,
        Self::Keywords,
        Self::Categories,
        Self::RustVersion,
        Self::Authors,
    ];

    /// The key in `Cargo.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Description => "description",
            Self::License => "license",
            Self::Repository => "repository",
            Self::Homepage => "homepage",
            Self::Documentation => "documentation",
            Self::Readme => "readme",
            Self::Keywords => "keywords",
            Self::Categories => "categories",
            Self::RustVersion => "rust-version",
            Self::Authors => "authors",
        }
    }
}

impl OptionValue for RequiredField {
    const EXPECTED: &'static str = "one of `description`, `license`, `repository`, `homepage`, \
        `documentation`, `readme`, `keywords`, `categories`, `rust-version` and `authors`";

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == text)
    }

    fn show(&self) -> String {
        self.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{OptionValue, RequiredField};

    #[test]
    fn the_error_names_every_field() {
        for field in RequiredField::ALL {
            assert_eq!(RequiredField::parse(field.as_str()), Some(field));
            assert!(RequiredField::EXPECTED.contains(&format!("`{}`", field.as_str())));
        }
        assert_eq!(RequiredField::parse("licence"), None);
    }
}
