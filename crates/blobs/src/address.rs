//! The URL of a bucket: `SCHEME://BUCKET/PREFIX?NAME=VALUE&…`.

use std::time::Duration;

use object_store::path::Path;
use percent_encoding::percent_decode_str;

use crate::error::OpenError;

/// The longest that the clouds sign a URL for.
const LONGEST_PRESIGN: u64 = 7 * 24 * 60 * 60;

/// What a URL says, and which of its parameters nobody has asked for yet.
pub(crate) struct Address {
    scheme: String,
    pub(crate) bucket: String,
    pub(crate) root: Path,
    parameters: Vec<(String, String)>,
}

impl Address {
    /// Takes a URL apart.
    pub(crate) fn parse(url: &str) -> Result<Address, OpenError> {
        let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let mut address = Address {
            scheme: scheme.to_owned(),
            bucket: bucket.to_owned(),
            root: Path::default(),
            parameters: Vec::new(),
        };
        let is_allowed = |letter: u8| letter.is_ascii_alphanumeric() || b"._-".contains(&letter);
        if bucket.is_empty() || !bucket.bytes().all(is_allowed) {
            return Err(address.wrong(format!("`{bucket}` is no name of a bucket")));
        }
        let prefix = prefix.trim_end_matches('/');
        address.root =
            Path::parse(prefix).map_err(|_| address.wrong(format!("`{prefix}` is no prefix of names")))?;
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| address.wrong(format!("the value of `{name}` is no text")))?;
            address.parameters.push((name.to_owned(), value.into_owned()));
        }
        Ok(address)
    }

    /// Takes the value of a parameter.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let place = self.parameters.iter().position(|(found, _)| found == name)?;
        Some(self.parameters.swap_remove(place).1)
    }

    /// Takes a parameter that is `true` or `false`.
    pub(crate) fn take_flag(&mut self, name: &str) -> Result<Option<bool>, OpenError> {
        match self.take(name).as_deref() {
            None => Ok(None),
            Some("true" | "") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(self.wrong(format!("`{name}` is `true` or `false`, not `{other}`"))),
        }
    }

    /// Takes an endpoint, which must be a URL of HTTP.
    pub(crate) fn take_endpoint(&mut self) -> Result<Option<url::Url>, OpenError> {
        let Some(text) = self.take("endpoint") else { return Ok(None) };
        let url = url::Url::parse(&text).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
        match url {
            Some(url) => Ok(Some(url)),
            None => Err(self.wrong(format!("the endpoint `{text}` is no `http(s)://HOST` URL"))),
        }
    }

    /// Takes how long a signed URL is good for.
    pub(crate) fn take_presign(&mut self) -> Result<Option<Duration>, OpenError> {
        let Some(text) = self.take("presign") else { return Ok(None) };
        match text.parse() {
            Ok(seconds @ 1..=LONGEST_PRESIGN) => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(self.wrong(format!("`presign` is 1 to {LONGEST_PRESIGN} seconds, not `{text}`"))),
        }
    }

    /// Refuses what nobody has taken.
    pub(crate) fn finish(&self) -> Result<(), OpenError> {
        match self.parameters.first() {
            None => Ok(()),
            Some((name, _)) => Err(self.wrong(format!("`{name}` is no parameter of it, or is given twice"))),
        }
    }

    /// An error that shows the address without its parameters, which may hold secrets.
    pub(crate) fn wrong(&self, reason: String) -> OpenError {
        let slash = if self.root.as_ref().is_empty() { "" } else { "/" };
        let address = format!("{}://{}{slash}{}", self.scheme, self.bucket, self.root);
        OpenError::Address { address, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let mut address =
            Address::parse("s3://my-bucket/a/b/?region=eu-west-1&secret=a+b%26c&path_style").unwrap();
        assert_eq!((address.bucket.as_str(), address.root.as_ref()), ("my-bucket", "a/b"));
        assert_eq!(address.take("region").as_deref(), Some("eu-west-1"));
        assert_eq!(address.take("secret").as_deref(), Some("a+b&c"));
        assert!(address.finish().is_err());
        assert_eq!(address.take_flag("path_style").unwrap(), Some(true));
        assert_eq!(address.take_flag("path_style").unwrap(), None);
        address.finish().unwrap();
    }

    #[test]
    fn refusals_name_what_is_wrong_and_no_secret() {
        let check = |url: &str, expected: &str| {
            let refused = Address::parse(url).and_then(|mut address| {
                address.take_presign()?;
                address.take_endpoint()?;
                address.take("secret");
                address.finish()
            });
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains(expected) && !refused.contains("hidden"), "{url}: {refused}");
        };
        check("s3://", "`` is no name of a bucket");
        check("s3://b@bucket", "is no name of a bucket");
        check("s3://bucket/a//b", "`a//b` is no prefix");
        check("s3://bucket?presign=0&secret=hidden", "`presign` is 1 to 604800 seconds");
        check("s3://bucket?endpoint=host", "the endpoint `host`");
        check("s3://bucket?endpoint=ftp://host", "the endpoint `ftp://host`");
        check(
            "gs://bucket/p?secret=hidden&nothing=1",
            "the storage address `gs://bucket/p` cannot be used: `nothing`",
        );
    }
}
