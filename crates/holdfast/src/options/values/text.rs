//! Texts with a rule.

use std::fmt;

use tracing_subscriber::filter::Targets;

use super::OptionValue;

/// A text that is never shown, logged or debug-printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(set)")
    }
}

impl OptionValue for Secret {
    // It travels in an HTTP header, and cargo reads it from a line.
    const EXPECTED: &'static str = "visible ASCII characters without spaces";
    const SECRET: bool = true;

    fn parse(text: &str) -> Option<Self> {
        let visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        visible.then(|| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        "(set)".to_owned()
    }

    fn redact(_: &str) -> String {
        "(hidden)".to_owned()
    }
}

/// Which events are logged: levels, for all modules or for some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The filter for a subscriber.
    pub fn filter(&self) -> Targets {
        self.0.parse().expect("it was parsed when the option was")
    }
}

impl OptionValue for LogFilter {
    const EXPECTED: &'static str = "a level such as `info`, or a filter such as `info,holdfast_web=debug`";

    fn parse(text: &str) -> Option<Self> {
        // It would be taken for a part of a module's name, and match nothing.
        let names_a_span = text.contains('[');
        let parsed = text.parse::<Targets>().ok().filter(|_| !names_a_span);
        parsed.map(|_| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// What stands behind the `@` of an address, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailDomain(String);

impl MailDomain {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl OptionValue for MailDomain {
    const EXPECTED: &'static str = "a domain such as `example.com`";

    fn parse(text: &str) -> Option<Self> {
        let sound = |label: &str| {
            !label.is_empty() && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-')
        };
        (text.len() <= 253 && text.split('.').all(sound)).then(|| Self(text.to_lowercase()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::{LogFilter, MailDomain, OptionValue, Secret};

    #[test]
    fn domains_come_without_the_rest_of_an_address() {
        for (text, expected) in [("example.com", "example.com"), ("Ex-1.EXAMPLE", "ex-1.example")] {
            assert_eq!(MailDomain::parse(text).map(|domain| domain.show()).as_deref(), Some(expected));
        }
        for text in ["", "@example.com", "a@example.com", ".com", "example.", "a b.com", "https://x.y"] {
            assert_eq!(MailDomain::parse(text), None, "for {text:?}");
        }
    }

    #[test]
    fn secrets_are_never_shown() {
        let secret = Secret::parse("hunter2").unwrap();
        assert_eq!(format!("{secret:?} {}", secret.show()), "(set) (set)");
        assert_eq!(secret.reveal(), "hunter2");
        assert_eq!(Secret::redact("hunter2"), "(hidden)");
        assert_eq!(Secret::parse("hunter 2"), None);
        assert_eq!(Secret::parse(""), None);
    }

    #[test]
    fn filters_are_checked() {
        for text in ["info", "off", "warn,holdfast_web=debug"] {
            assert!(LogFilter::parse(text).is_some(), "for {text:?}");
        }
        for text in ["holdfast=loud", "a=b=c", "holdfast[span]=trace"] {
            assert!(LogFilter::parse(text).is_none(), "for {text:?}");
        }
    }
}
