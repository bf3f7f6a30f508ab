//! Checks of single fields: those that an operator requires, and those that pages and search rely on.

use crate::error::printable;
use crate::{Limits, PackageError};
use holdfast_types::PublishMetadata;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A field of `[package]` that an operator can require.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequiredField {
    /// `description`
    Description,
    /// `license` or `license-file`
    License,
    /// `repository`
    Repository,
    /// `homepage`
    Homepage,
    /// `documentation`
    Documentation,
    /// `readme`, with its file in the package
    Readme,
    /// `keywords`, at least one
    Keywords,
    /// `categories`, at least one
    Categories,
    /// `rust-version`
    RustVersion,
    /// `authors`, at least one
    Authors,
}

impl RequiredField {
    /// Every field.
    pub const ALL: [RequiredField; 10] = [
        RequiredField::Description,
        RequiredField::License,
        RequiredField::Repository,
        RequiredField::Homepage,
        RequiredField::Documentation,
        RequiredField::Readme,
        RequiredField::Keywords,
        RequiredField::Categories,
        RequiredField::RustVersion,
        RequiredField::Authors,
    ];

    /// Its key in `Cargo.toml`, and its word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            RequiredField::Description => "description",
            RequiredField::License => "license",
            RequiredField::Repository => "repository",
            RequiredField::Homepage => "homepage",
            RequiredField::Documentation => "documentation",
            RequiredField::Readme => "readme",
            RequiredField::Keywords => "keywords",
            RequiredField::Categories => "categories",
            RequiredField::RustVersion => "rust-version",
            RequiredField::Authors => "authors",
        }
    }

    fn is_in(self, metadata: &PublishMetadata) -> bool {
        let is_text = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
        match self {
            RequiredField::Description => is_text(&metadata.description),
            RequiredField::License => is_text(&metadata.license) || is_text(&metadata.license_file),
            RequiredField::Repository => is_text(&metadata.repository),
            RequiredField::Homepage => is_text(&metadata.homepage),
            RequiredField::Documentation => is_text(&metadata.documentation),
            RequiredField::Readme => is_text(&metadata.readme_file),
            RequiredField::Keywords => !metadata.keywords.is_empty(),
            RequiredField::Categories => !metadata.categories.is_empty(),
            RequiredField::RustVersion => metadata.rust_version.is_some(),
            RequiredField::Authors => !metadata.authors.is_empty(),
        }
    }
}

/// A word that is no field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a field that can be required; use description, license, repository, homepage, documentation, readme, keywords, categories, rust-version or authors"
)]
pub struct RequiredFieldError(String);

impl FromStr for RequiredField {
    type Err = RequiredFieldError;

    fn from_str(word: &str) -> Result<RequiredField, RequiredFieldError> {
        let found = RequiredField::ALL.into_iter().find(|field| field.as_str() == word);
        found.ok_or_else(|| RequiredFieldError(printable(word)))
    }
}

/// The fields that an operator requires; none by default. Written as words with commas or blanks between
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequiredFields(BTreeSet<RequiredField>);

impl RequiredFields {
    /// Names every required field that is missing.
    pub(crate) fn check(&self, metadata: &PublishMetadata) -> Result<(), PackageError> {
        let words = |field: &RequiredField| match field {
            RequiredField::License => "`license` or `license-file`".to_owned(),
            other => format!("`{}`", other.as_str()),
        };
        let missing: Vec<String> = self.0.iter().filter(|field| !field.is_in(metadata)).map(words).collect();
        let Some((last, rest)) = missing.split_last() else { return Ok(()) };
        let pronoun = if rest.is_empty() { "it" } else { "them" };
        let missing = if rest.is_empty() { last.clone() } else { format!("{} and {last}", rest.join(", ")) };
        Err(PackageError::Required { missing, pronoun })
    }
}

impl FromIterator<RequiredField> for RequiredFields {
    fn from_iter<I: IntoIterator<Item = RequiredField>>(fields: I) -> RequiredFields {
        RequiredFields(fields.into_iter().collect())
    }
}

impl FromStr for RequiredFields {
    type Err = RequiredFieldError;

    fn from_str(words: &str) -> Result<RequiredFields, RequiredFieldError> {
        let words = words.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty());
        words.map(str::parse).collect()
    }
}

impl fmt::Display for RequiredFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|field| field.as_str()).collect();
        f.write_str(&words.join(","))
    }
}

/// What is wrong with single fields, worst first.
pub(crate) fn faults(metadata: &PublishMetadata) -> Vec<PackageError> {
    let mut faults = Vec::new();
    let addresses = [
        ("homepage", &metadata.homepage),
        ("documentation", &metadata.documentation),
        ("repository", &metadata.repository),
    ];
    for (field, value) in addresses {
        if let Some(value) = value.as_ref().filter(|value| !is_web_address(value)) {
            faults.push(PackageError::Url { field, value: printable(value) });
        }
    }
    let mut count = |what: &str, found, items, limit| {
        if found > limit {
            faults.push(PackageError::TooMany { what: what.to_owned(), found, items, limit });
        }
    };
    count("the package", metadata.keywords.len(), "keywords", Limits::KEYWORDS);
    count("the package", metadata.categories.len(), "categories", Limits::CATEGORIES);
    count("the package", metadata.deps.len(), "dependencies", Limits::DEPENDENCIES);
    count("the package", metadata.features.len(), "features", Limits::FEATURES);
    for (name, values) in &metadata.features {
        count(&format!("the feature `{name}`"), values.len(), "values", Limits::FEATURES);
    }
    let keywords = metadata.keywords.iter().filter(|keyword| !is_keyword(keyword));
    faults.extend(keywords.map(|keyword| PackageError::Keyword(printable(keyword))));
    let categories = metadata.categories.iter().filter(|category| !is_category(category));
    faults.extend(categories.map(|category| PackageError::Category(printable(category))));
    faults
}

/// Takes out addresses that no page may link to, for packages that cannot be published anew.
pub(crate) fn drop_addresses(metadata: &mut PublishMetadata) {
    for value in [&mut metadata.homepage, &mut metadata.documentation, &mut metadata.repository] {
        value.take_if(|value| !is_web_address(value));
    }
}

/// What an author should know of, though it is no reason to refuse.
pub(crate) fn warnings(metadata: &PublishMetadata) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(license) = &metadata.license
        && let Err(e) = spdx::Expression::parse_mode(license, spdx::ParseMode::LAX)
    {
        warnings.push(format!(
            "the license `{}` is not an SPDX expression like `MIT OR Apache-2.0`: {}",
            printable(license),
            e.reason
        ));
    }
    for dependency in metadata.deps.iter().filter(|dependency| dependency.version_req.is_wildcard()) {
        warnings.push(format!(
            "the dependency `{}` accepts every version with `*`; a requirement like `1.2` keeps builds working",
            dependency.alias()
        ));
    }
    warnings
}

fn is_web_address(text: &str) -> bool {
    let lower = text.get(..8).or_else(|| text.get(..7)).unwrap_or_default().to_ascii_lowercase();
    let has_scheme = lower.starts_with("https://") || lower.starts_with("http://");
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    has_scheme && !rest.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn is_keyword(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.len() <= 20
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+'))
}

fn is_category(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= 60 && !text.chars().any(char::is_control)
}
