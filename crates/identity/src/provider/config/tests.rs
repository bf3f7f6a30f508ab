//! Configurations as they are written.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::{Client, SignIn};

fn parse(text: &str) -> Result<ProviderConfig, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

const OIDC: &str = r#"
kind = "oidc"
issuer = "https://accounts.google.com"
client-id = "us"
client-secret = "hush"
"#;

const GITHUB: &str = r#"
kind = "github"
title = "Work"
url = "https://git.example"
client-id = "us"
client-secret = "hush"
"#;

const OAUTH: &str = r#"
kind = "oauth"
authorize-url = "https://o.example/authorize"
token-url = "https://o.example/token"
user-url = "https://o.example/me"
client-id = "us"
client-secret = "hush"
client-auth = "post"
scopes = ["me"]
subject = "/user/id"
claims = { login = "/user/name", groups = "/teams" }
"#;

const LDAP: &str = r#"
kind = "ldap"
title = "Office"
url = "ldaps://directory.example"
bind-dn = "cn=holdfast"
bind-password = "hush"
base-dn = "dc=example"
"#;

#[test]
fn every_kind_can_be_written() {
    for (text, title) in
        [(OIDC, "accounts.google.com"), (GITHUB, "Work"), (OAUTH, "o.example"), (LDAP, "Office")]
    {
        let config = parse(text).unwrap();
        assert!(!format!("{config:?}").contains("hush"), "{config:?}");
        assert_eq!(SignIn::new(config, &Client::new().unwrap()).unwrap().title(), title);
    }
}

#[test]
fn what_is_not_known_is_refused() {
    for (line, expected) in [
        ("isuer = 1", "unknown field `isuer`"),
        ("claims = { mail = 'x' }", "unknown field `mail`"),
        ("scopes = 'one two'", "invalid type: string"),
    ] {
        let error = parse(&format!("{OIDC}{line}")).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(parse("kind = 'saml'").unwrap_err().starts_with("unknown variant `saml`"));
}

#[test]
fn addresses_are_checked_before_anything_is_sent() {
    let client = Client::new().unwrap();
    for (text, from, to, name) in [
        (OIDC, "https://accounts.google.com", "http://accounts.google.com", "issuer"),
        (OIDC, "https://accounts.google.com", "accounts.google.com", "issuer"),
        (GITHUB, "https://git.example", "ftp://git.example", "api-url"),
        (OAUTH, "https://o.example/me", "http://o.example/me", "user-url"),
        (OAUTH, "https://o.example/token", "http://o.example/token", "token-url"),
    ] {
        let error = SignIn::new(parse(&text.replace(from, to)).unwrap(), &client).err();
        assert!(
            matches!(error, Some(ConfigError::Address { name: found, .. }) if found == name),
            "{error:?}"
        );
    }
    let empty = SignIn::new(parse(&OIDC.replace("\"us\"", "\" \"")).unwrap(), &client).err();
    assert!(matches!(empty, Some(ConfigError::Empty("client-id"))), "{empty:?}");
    let plain = SignIn::new(parse(&LDAP.replace("ldaps", "ldap")).unwrap(), &client).err();
    assert!(matches!(plain, Some(ConfigError::Directory(_))), "{plain:?}");
}
