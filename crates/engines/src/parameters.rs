//! The query of a database's URL: parameters that are ours, and those that the driver reads.

use percent_encoding::percent_decode_str;

use crate::pool::Fault;

/// A URL, taken apart at its question mark.
pub(crate) struct Parameters {
    address: String,
    /// Names and values as they are written.
    values: Vec<(String, String)>,
}

impl Parameters {
    pub(crate) fn of(url: &str) -> Parameters {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let values = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Parameters { address: address.to_owned(), values }
    }

    /// Takes a parameter out, decoded; the last one counts.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let taken = self.values.extract_if(.., |(candidate, _)| candidate == name).last();
        taken.map(|(_, value)| percent_decode_str(&value).decode_utf8_lossy().into_owned())
    }

    /// Takes a number of at least one out.
    pub(crate) fn take_number(&mut self, name: &'static str) -> Result<Option<usize>, Fault> {
        let number = |value: String| match value.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(Invalid { name, value, wanted: "a number from 1" }.into()),
        };
        self.take(name).map(number).transpose()
    }

    /// Whether nobody has given a parameter.
    pub(crate) fn lacks(&self, name: &str) -> bool {
        self.values.iter().all(|(candidate, _)| candidate != name)
    }

    /// The URL with what is left.
    pub(crate) fn rest(&self) -> String {
        let pairs: Vec<String> = self.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        format!("{}{mark}{}", self.address, pairs.join("&"))
    }

    /// The URL, refused when something is left that nobody knows.
    #[cfg(any(feature = "mysql", feature = "redis"))]
    pub(crate) fn finish(self) -> Result<String, Fault> {
        match self.values.into_iter().next() {
            Some((name, _)) => Err(Unknown { name }.into()),
            None => Ok(self.address),
        }
    }
}

/// A parameter that does not say what it must.
#[derive(Debug, thiserror::Error)]
#[error("the URL parameter `{name}` is `{value}`; use {wanted}")]
pub(crate) struct Invalid {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) wanted: &'static str,
}

#[cfg(any(feature = "mysql", feature = "redis"))]
#[derive(Debug, thiserror::Error)]
#[error("the URL parameter `{name}` is not known here; leave it out")]
struct Unknown {
    name: String,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    #[test]
    fn parameters_are_taken_and_the_rest_stays_as_written() {
        let mut url = Parameters::of("x://a@h/db?ca=%2Fetc%2Fca.pem&size=3&other=a%20b&&flag&size=4");
        assert_eq!(url.take("ca").unwrap(), "/etc/ca.pem");
        assert_eq!(url.take("ca"), None);
        assert_eq!(url.take_number("size").unwrap(), Some(4));
        assert_eq!(url.take_number("size").unwrap(), None);
        assert!(url.lacks("size") && !url.lacks("other"));
        assert_eq!(url.rest(), "x://a@h/db?other=a%20b&flag=");
        assert_eq!(Parameters::of("x://h/db").rest(), "x://h/db");
    }

    #[test]
    fn numbers_are_checked() {
        for value in ["0", "", "-1", "many"] {
            let error = Parameters::of(&format!("x://h?n={value}")).take_number("n").unwrap_err();
            let sentence = format!("the URL parameter `n` is `{value}`; use a number from 1");
            assert_eq!(error.to_string(), sentence);
        }
    }
}
