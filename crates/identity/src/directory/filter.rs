//! Search filters with places for what somebody typed (RFC 4515).

use std::borrow::Cow;

use ldap3::{ldap_escape, parse_filter};

use super::DirectoryConfigError;

/// A filter with `{login}` and `{dn}` in it.
pub(super) struct Template(String);

impl Template {
    /// A template that contains one of the `places` at least.
    pub(super) fn parse(
        name: &'static str,
        text: &str,
        places: &[&str],
    ) -> Result<Template, DirectoryConfigError> {
        let text = text.to_owned();
        if !places.iter().any(|place| text.contains(place)) {
            let wanted = places.iter().map(|place| format!("`{place}`")).collect::<Vec<_>>().join(" or ");
            return Err(DirectoryConfigError::FilterIsConstant { name, text, wanted });
        }
        let template = Template(text);
        match parse_filter(template.fill("login", "dc=example")) {
            Ok(_) => Ok(template),
            Err(()) => Err(DirectoryConfigError::Filter { name, text: template.0 }),
        }
    }

    /// The filter for somebody. What is filled in has no meaning of its own in it, whatever it is.
    pub(super) fn fill(&self, login: &str, dn: &str) -> String {
        let mut filter = String::new();
        let mut rest = self.0.as_str();
        while let Some(at) = rest.find('{') {
            filter.push_str(&rest[..at]);
            rest = &rest[at..];
            let (value, after) = if let Some(after) = rest.strip_prefix("{login}") {
                (ldap_escape(login), after)
            } else if let Some(after) = rest.strip_prefix("{dn}") {
                (ldap_escape(dn), after)
            } else {
                (Cow::Borrowed("{"), &rest[1..])
            };
            filter.push_str(&value);
            rest = after;
        }
        filter.push_str(rest);
        filter
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;
    use proptest::prelude::*;

    fn template(text: &str) -> Template {
        Template::parse("user-filter", text, &["{login}", "{dn}"]).unwrap()
    }

    #[test]
    fn what_is_filled_in_means_nothing() {
        let filled = |text: &str, login: &str, dn: &str| template(text).fill(login, dn);
        assert_eq!(filled("(uid={login})", "alice", ""), "(uid=alice)");
        assert_eq!(filled("(uid={login})", "*)(uid=*", ""), r"(uid=\2a\29\28uid=\2a)");
        assert_eq!(filled("(uid={login})", "a\\b\0", ""), r"(uid=a\5cb\00)");
        assert_eq!(filled("(|(m={dn})(u={login}))", "{dn}", "cn={login}"), "(|(m=cn={login})(u={dn}))");
        assert_eq!(filled("(&(a={b)(u={login}))", "müller", ""), "(&(a={b)(u=müller))");
    }

    proptest! {
        #[test]
        fn a_login_never_changes_the_shape(login in ".{0,40}", dn in "\\PC{0,40}") {
            let filter = template("(&(objectClass=x)(|(a={login})(b={dn})))").fill(&login, &dn);
            prop_assert_eq!(filter.matches('(').count(), 5);
            prop_assert_eq!(filter.matches('*').count(), 0);
            prop_assert!(parse_filter(&filter).is_ok());
        }
    }
}
