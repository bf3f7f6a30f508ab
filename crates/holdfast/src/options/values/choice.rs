//! Values out of a closed list.

use super::OptionValue;
use holdfast_package::RequiredField;
use holdfast_registry::entity::Role;

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

/// Whether people may make accounts for themselves, and what these may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// They may not.
    Off,
    /// They may, and get this role.
    As(Role),
}

impl Registration {
    /// The most that somebody unknown can be given.
    const ROLES: [Role; 3] = [Role::Guest, Role::Reader, Role::Publisher];
}

impl OptionValue for Registration {
    const EXPECTED: &'static str = "`off`, `guest`, `reader` or `publisher`";

    fn parse(text: &str) -> Option<Self> {
        if text == "off" {
            return Some(Self::Off);
        }
        Self::ROLES.into_iter().find(|role| role.as_str() == text).map(Self::As)
    }

    fn show(&self) -> String {
        match self {
            Self::Off => "off".to_owned(),
            Self::As(role) => role.as_str().to_owned(),
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
    use super::{OptionValue, Registration, RequiredField};

    #[test]
    fn nobody_registers_as_an_admin() {
        for text in ["off", "guest", "reader", "publisher"] {
            assert_eq!(Registration::parse(text).map(|value| value.show()).as_deref(), Some(text));
            assert!(Registration::EXPECTED.contains(&format!("`{text}`")));
        }
        for text in ["maintainer", "admin", "on", ""] {
            assert_eq!(Registration::parse(text), None, "for {text:?}");
        }
    }

    #[test]
    fn the_error_names_every_field() {
        for field in RequiredField::ALL {
            assert_eq!(RequiredField::parse(field.as_str()), Some(field));
            assert!(RequiredField::EXPECTED.contains(&format!("`{}`", field.as_str())));
        }
        assert_eq!(RequiredField::parse("licence"), None);
    }
}
