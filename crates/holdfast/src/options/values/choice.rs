//! Values out of a closed list.

use super::OptionValue;
use holdfast_package::RequiredField;

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
