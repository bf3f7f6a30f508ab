//! Sign-in by a real directory, as it is and in trouble.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::error::Error;
use std::time::{Duration, Instant};

use holdfast_identity::{Directory, DirectoryConfig, DirectoryError, Misfit, Trouble};
use holdfast_servers::{Port, Slapd};

/// The settings of a directory, with more lines of TOML.
fn settings(url: &str, more: &str) -> DirectoryConfig {
    let (base, reader, password) = (Slapd::BASE, Slapd::READER, Slapd::PASSWORD);
    let account = if more.contains("bind-dn") {
        String::new()
    } else {
        format!("bind-dn = '{reader}'\nbind-password = '{password}'\n")
    };
    toml::from_str(&format!("url = '{url}'\nbase-dn = '{base}'\n{account}{more}")).unwrap()
}

fn directory(url: &str, more: &str) -> Directory {
    Directory::new(settings(url, more)).unwrap()
}

/// The reason and all that lie behind it, as a log tells it.
fn told(error: &DirectoryError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

const GROUPS: &str = "group-filter = '(|(&(objectClass=groupOfNames)(member={dn}))(&(objectClass=posixGroup)(memberUid={login})))'";

#[tokio::test]
async fn people_sign_in() {
    let Some(slapd) = Slapd::start() else { return };
    let directory = directory(&slapd.url(), GROUPS);
    let groups = |person: &holdfast_identity::Person| person.groups.iter().cloned().collect::<Vec<_>>();

    let alice = directory.sign_in("alice", "wonderland").await.unwrap();
    assert_eq!(alice.issuer, format!("{}/{}", slapd.url(), Slapd::BASE));
    assert_eq!(alice.subject, "6d1f3c52-9f0a-4b57-8f5e-0a6f1f6f3a01");
    assert_eq!(alice.login.as_deref(), Some("alice"));
    assert_eq!((alice.email.as_deref(), alice.email_verified), (Some("alice@example.org"), true));
    assert_eq!(alice.full_name.as_deref(), Some("Alice Smith"));
    assert_eq!(groups(&alice), ["developers", "release"]);
    assert_eq!(alice.claims.text("dn").as_deref(), Some("uid=alice,ou=people,dc=example,dc=org"));
    assert_eq!(alice.claims.at("userpassword"), None);

    // By another login of the same entry, and in capitals, which the directory takes for the same.
    let by_other = directory.sign_in("ASmith", "wonderland").await.unwrap();
    assert_eq!((by_other.subject, by_other.login.as_deref()), (alice.subject, Some("asmith")));

    let bob = directory.sign_in("bob", "builder").await.unwrap();
    assert_eq!(
        (bob.email.clone(), bob.email_verified, groups(&bob)),
        (None, false, vec!["staff".to_owned()])
    );
    let carol = directory.sign_in("carol", "christmas").await.unwrap();
    assert_eq!(groups(&carol), ["developers"]);
}

#[tokio::test]
async fn nobody_else_does() {
    let Some(slapd) = Slapd::start() else { return };
    let directory = directory(&slapd.url(), GROUPS);
    for (login, password) in [
        ("alice", "Wonderland"),
        ("alice", ""),
        ("alice", "*"),
        ("alice", "builder"),
        ("nobody", "wonderland"),
        ("", "wonderland"),
        ("*", "wonderland"),
        ("ali*", "wonderland"),
        ("*)(uid=*", "wonderland"),
        ("alice)(objectClass=*", "wonderland"),
        ("alice\\", "wonderland"),
        ("alice\0", "wonderland"),
        ("{dn}", "wonderland"),
        ("m\u{fc}ller", "wonderland"),
        ("dave", ""),
        ("dave", "anything"),
        ("reader", Slapd::PASSWORD),
        (&"a".repeat(100_000), "wonderland"),
    ] {
        let answer = directory.sign_in(login, password).await;
        assert!(matches!(answer, Err(DirectoryError::WrongCredentials)), "{login} {password}: {answer:?}");
    }
}

#[tokio::test]
async fn groups_are_a_choice() {
    let Some(slapd) = Slapd::start() else { return };
    let without = directory(&slapd.url(), "").sign_in("alice", "wonderland").await.unwrap();
    assert!(without.groups.is_empty());
    let elsewhere = format!("{GROUPS}\ngroup-base-dn = 'ou=people,dc=example,dc=org'\n");
    let elsewhere = directory(&slapd.url(), &elsewhere).sign_in("alice", "wonderland").await.unwrap();
    assert!(elsewhere.groups.is_empty());
    let by_login =
        "group-filter = '(memberUid={login})'\ngroup-name-attribute = 'gidNumber'\nid-attribute = 'dn'";
    let by_login = directory(&slapd.url(), by_login).sign_in("bob", "builder").await.unwrap();
    assert_eq!(by_login.groups, ["1000".to_owned()].into());
    assert_eq!(by_login.subject, "uid=bob,ou=people,dc=example,dc=org");
}

#[tokio::test]
async fn what_does_not_fit_is_told() {
    let Some(slapd) = Slapd::start() else { return };
    let check = async |more: &str, login: &str, is_it: fn(&Misfit) -> bool| {
        let error = directory(&slapd.url(), more).sign_in(login, "twin").await.unwrap_err();
        let DirectoryError::Misconfigured(misfit) = &error else { panic!("{}", told(&error)) };
        assert!(is_it(misfit), "{}", told(&error));
    };
    check("", "twin", |misfit| matches!(misfit, Misfit::Ambiguous { .. })).await;
    let wrong = "bind-dn = 'cn=reader,dc=example,dc=org'\nbind-password = 'wrong'";
    check(wrong, "alice", |misfit| matches!(misfit, Misfit::Account(answer) if answer.code == 49)).await;
    // The first of two twins only, by a narrower search; then without what tells them apart.
    let narrow = "user-filter = '(&(uid={login})(cn=One))'\n";
    let person = directory(&slapd.url(), narrow).sign_in("twin", "twin").await.unwrap();
    assert_eq!(person.full_name.as_deref(), Some("One"));
    let no_id = format!("{narrow}id-attribute = 'employeeNumber'");
    check(&no_id, "twin", |misfit| matches!(misfit, Misfit::NoId { .. })).await;

    let mut elsewhere = settings(&slapd.url(), "");
    elsewhere.base_dn = "dc=example,dc=net".to_owned();
    let error = Directory::new(elsewhere).unwrap().sign_in("alice", "wonderland").await.unwrap_err();
    assert!(matches!(error, DirectoryError::Misconfigured(Misfit::Search { .. })), "{}", told(&error));
}

#[tokio::test]
async fn connections_are_encrypted() {
    let Some(slapd) = Slapd::start() else { return };
    let ca = |file: &str| format!("ca-file = '{}'\n", slapd.process().folder().join(file).display());
    let start_tls = |file: &str| format!("start-tls = true\n{}", ca(file));
    for (url, more) in [(slapd.encrypted_url(), ca("ca.pem")), (slapd.url(), start_tls("ca.pem"))] {
        let person = directory(&url, &more).sign_in("alice", "wonderland").await.unwrap();
        assert_eq!(person.login.as_deref(), Some("alice"));
    }
    let by_address = slapd.encrypted_url().replace("localhost", "127.0.0.1");
    for (url, more) in [
        (slapd.encrypted_url(), ca("other-ca.pem")),
        (slapd.url(), start_tls("other-ca.pem")),
        (by_address, ca("ca.pem")),
    ] {
        let error = directory(&url, &more).sign_in("alice", "wonderland").await.unwrap_err();
        let is_it = matches!(error, DirectoryError::Misconfigured(Misfit::Certificate(_)));
        assert!(is_it, "{url} {}", told(&error));
    }
}

#[tokio::test]
async fn a_directory_in_trouble_is_told_apart() {
    let Some(slapd) = Slapd::start() else { return };
    let ca = format!("ca-file = '{}'\n", slapd.process().folder().join("ca.pem").display());
    let ways = [
        directory(&slapd.url(), "timeout-seconds = 1"),
        directory(&slapd.url(), &format!("start-tls = true\ntimeout-seconds = 1\n{ca}")),
        directory(&slapd.encrypted_url(), &format!("timeout-seconds = 1\n{ca}")),
    ];
    slapd.process().freeze();
    for directory in &ways {
        let began = Instant::now();
        let error = directory.sign_in("alice", "wonderland").await.unwrap_err();
        assert!(
            matches!(error, DirectoryError::Unavailable(Trouble::Slow { seconds: 1 })),
            "{}",
            told(&error)
        );
        assert!(began.elapsed() < Duration::from_secs(5));
    }
    slapd.process().thaw();
    slapd.process().kill();
    for directory in &ways {
        let error = directory.sign_in("alice", "wonderland").await.unwrap_err();
        let is_it = matches!(error, DirectoryError::Unavailable(Trouble::Unreachable(_)));
        assert!(is_it, "{}", told(&error));
    }
    slapd.process().start_again();
    let patient = [directory(&slapd.url(), ""), directory(&slapd.encrypted_url(), &ca)];
    for directory in &patient {
        assert!(directory.sign_in("alice", "wonderland").await.is_ok());
    }
}

#[tokio::test]
async fn what_is_no_directory_is_told_apart() {
    // It listens and says nothing, or something else.
    let port = Port::free();
    let listener = tokio::net::TcpListener::bind(port.address()).await.unwrap();
    let server = tokio::spawn(async move {
        loop {
            use tokio::io::AsyncWriteExt as _;
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
        }
    });
    let url = format!("ldap://{}", port.address());
    let error = directory(&url, "timeout-seconds = 2").sign_in("alice", "wonderland").await.unwrap_err();
    assert!(matches!(error, DirectoryError::Unavailable(_)), "{}", told(&error));
    server.abort();
}

#[test]
fn configurations_that_cannot_work_are_refused() {
    let check = |url: &str, more: &str, words: &str| {
        let error = Directory::new(settings(url, more)).err().unwrap().to_string();
        assert!(error.contains(words), "{url} {more}: {error}");
    };
    let here = "ldap://127.0.0.1";
    check("ldap://ldap.example.org", "", "is not encrypted");
    check("ldap://localhost.example.org:389", "", "is not encrypted");
    check("ldap://10.0.0.1", "", "is not encrypted");
    for url in [
        "",
        "localhost",
        "http://localhost",
        "ldap://",
        "ldapi:///run/ldapi",
        "ldap://a@localhost",
        "ldap://localhost/dc=x",
        "ldap://localhost?x",
    ] {
        check(url, "", "write it as `ldaps://HOST`");
    }
    check("ldaps://localhost", "start-tls = true", "encrypted from the beginning");
    check(here, "ca-file = '/ca.pem'", "`ca-file` is for encrypted connections");
    check(
        "ldaps://localhost",
        "ca-file = '/no/such/file'",
        "cannot read the certificates in `/no/such/file`",
    );
    for account in
        ["bind-dn = 'cn=a'", "bind-dn = 'cn=a'\nbind-password = ''", "bind-dn = ''\nbind-password = 'x'"]
    {
        check(here, account, "belong together");
    }
    check(here, "user-filter = '(uid=alice)'", "must contain `{login}`");
    check(here, "user-filter = '(uid={login}'", "not an LDAP filter");
    check(here, "group-filter = '(objectClass=group)'", "must contain `{dn}` or `{login}`");
    check(here, "login-attribute = ''", "the name of an attribute");
    check(here, "id-attribute = 'a b'", "the name of an attribute");
    check(here, "timeout-seconds = 0", "between 1 and 30");
}

#[test]
fn passwords_are_not_shown() {
    let shown = format!("{:?}", settings("ldap://localhost", ""));
    assert!(!shown.contains(Slapd::PASSWORD), "{shown}");
}
