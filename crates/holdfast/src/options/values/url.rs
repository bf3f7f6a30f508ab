//! URLs: of the database, of the storage, of the server itself, and of issuers.

use std::fmt;
use std::path::{Path, PathBuf};

use holdfast_types::IssuerPattern;

use super::OptionValue;

/// Which database holds the metadata.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

/// Where crate files are kept.
#[derive(Clone, PartialEq, Eq)]
pub struct StorageUrl(String);

impl DatabaseUrl {
    /// The URL with its password, for the engine that opens it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file of an embedded database: as its engine reads it, whatever letters are in it.
    pub fn local_path(&self) -> Option<PathBuf> {
        match self.0.split_once(':')? {
            ("sqlite" | "redb", path) => Some(PathBuf::from(path)),
            _ => None,
        }
    }
}

impl StorageUrl {
    /// The URL with its password, for the code that opens it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder of a storage on local files.
    pub fn local_path(&self) -> Option<PathBuf> {
        local_path(&self.0, "file")
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseUrl({:?})", self.show())
    }
}

impl fmt::Debug for StorageUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StorageUrl({:?})", self.show())
    }
}

impl OptionValue for DatabaseUrl {
    const EXPECTED: &'static str = "a database URL: `sqlite:PATH`, `redb:PATH`, `postgres://…`, \
        `mysql://…`, `redis://…`, `mongodb://…`, `dynamodb://TABLE` or `memory:`";

    fn parse(text: &str) -> Option<Self> {
        has_scheme(text, holdfast_engines::SCHEMES).then(|| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        holdfast_engines::redact(&self.0)
    }

    fn redact(text: &str) -> String {
        holdfast_engines::redact(text)
    }
}

impl OptionValue for StorageUrl {
    const EXPECTED: &'static str = "a storage URL: `file:FOLDER`, `s3://BUCKET/PREFIX`, `gs://…`, `az://…` or \
        `memory:`";

    fn parse(text: &str) -> Option<Self> {
        has_scheme(text, holdfast_blobs::SCHEMES).then(|| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        holdfast_engines::redact(&self.0)
    }

    fn redact(text: &str) -> String {
        holdfast_engines::redact(text)
    }
}

/// A known scheme, and after it a place (which `memory:` has not).
fn has_scheme(text: &str, schemes: &[&str]) -> bool {
    match text.split_once(':') {
        Some(("memory", rest)) => rest.is_empty(),
        Some((scheme, rest)) => {
            schemes.iter().any(|known| known.split(':').next() == Some(scheme))
                && !rest.trim_start_matches('/').is_empty()
        }
        None => false,
    }
}

/// `sqlite:a/b`, `sqlite:/a/b` and `sqlite:///a/b` name local paths, options may follow a question mark.
fn local_path(url: &str, scheme: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix(scheme)?.strip_prefix(':')?;
    let path = rest.split_once('?').map_or(rest, |(path, _)| path);
    Some(Path::new(path.strip_prefix("//").unwrap_or(path)).to_path_buf())
}

/// The address under which clients reach the server: absolute, HTTP or HTTPS, no slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    path_start: usize,
}

impl PublicUrl {
    /// The URL without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path below which a proxy serves us; empty, or starting with a slash and not ending with one.
    pub fn path(&self) -> &str {
        self.text.get(self.path_start..).unwrap_or_default()
    }
}

impl OptionValue for PublicUrl {
    const EXPECTED: &'static str = "an absolute URL such as `https://crates.example.org` or \
        `https://example.org/crates`, without user, query and fragment";

    fn parse(text: &str) -> Option<Self> {
        let url: http::Uri = text.parse().ok()?;
        let authority = url.authority()?.as_str();
        let scheme = url.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?;
        let odd = authority.contains('@') || url.query().is_some() || text.contains(['#', '?']);
        if odd || url.path().contains("//") || url.host().is_none_or(str::is_empty) {
            return None;
        }
        let origin = format!("{scheme}://{authority}");
        let path_start = origin.len();
        Some(Self { text: origin + url.path().trim_end_matches('/'), path_start })
    }

    fn show(&self) -> String {
        self.text.clone()
    }
}

impl OptionValue for IssuerPattern {
    const EXPECTED: &'static str = "`public`, or an issuer such as `https://gitlab.example.com`, where `*` may \
        stand for one whole name of the host (but the last) or of the path";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{DatabaseUrl, OptionValue, PublicUrl, StorageUrl};

    #[track_caller]
    fn check_public(text: &str, expected: Option<(&str, &str)>) {
        let parsed = PublicUrl::parse(text);
        assert_eq!(parsed.as_ref().map(|url| (url.as_str(), url.path())), expected, "for {text:?}");
    }

    #[test]
    fn public_urls_are_absolute_and_may_have_a_path() {
        check_public("https://crates.example.org", Some(("https://crates.example.org", "")));
        check_public("https://crates.example.org/", Some(("https://crates.example.org", "")));
        check_public("http://localhost:8000/a/b/", Some(("http://localhost:8000/a/b", "/a/b")));
        check_public("http://[::1]:8000", Some(("http://[::1]:8000", "")));
        for text in [
            "",
            "/crates",
            "example.org",
            "ftp://a",
            "https://",
            "https://u:p@a",
            "https://a/?b",
            "https://a#b",
            "https://a//b",
        ] {
            check_public(text, None);
        }
    }

    #[test]
    fn schemes_are_checked() {
        assert!(DatabaseUrl::parse("sqlite:./a.db").is_some());
        assert!(DatabaseUrl::parse("memory:").is_some());
        assert!(StorageUrl::parse("file:/srv/blobs").is_some());
        for text in ["", "sqlite", "sqlite:", "sqlite://", "file:/a", "mysqlite:a", "memory:a", "./a.db"] {
            assert!(DatabaseUrl::parse(text).is_none(), "for {text:?}");
        }
        assert!(StorageUrl::parse("sqlite:a").is_none());
    }

    #[test]
    fn local_paths_are_found() {
        let path = |text: &str| DatabaseUrl::parse(text).and_then(|url| url.local_path());
        assert_eq!(path("sqlite:a/b.db"), Some("a/b.db".into()));
        assert_eq!(path("sqlite:/a/b?c.db"), Some("/a/b?c.db".into()));
        assert_eq!(path("sqlite:///a/b.db"), Some("/a/b.db".into()));
        assert_eq!(path("memory:"), None);
    }
}
