//! An OpenID provider without a browser: its groups, and its trouble.

use crate::support::{Person, add, with_providers};
use holdfast_servers::Oidc;
use holdfast_testkit::{Answer, Server, until};
use serde_json::json;

fn config(issuer: &str) -> String {
    format!(
        "[example]\nkind = \"oidc\"\nissuer = {issuer:?}\nclient-id = {:?}\nclient-secret = {:?}\n\
         [example.rules]\ncreate-users = true\ndomains = [\"example.com\"]\n\
         teams = {{ everybody = \"all\", friends-of-alice = \"friends\" }}\n\
         roles = {{ friends-of-alice = \"maintainer\" }}\n",
        Oidc::CLIENT,
        Oidc::SECRET,
    )
}

/// Somebody goes to the provider and comes back; what our page says then.
fn come_in(server: &Server, oidc: &Oidc, name: &str) -> (Person, Answer) {
    let mut person = Person::new(server);
    let answer = person.get("/login/example?to=%2Faccount").expect_status(303);
    let back = oidc.sign_in(answer.header("location").unwrap(), name);
    let path = back.strip_prefix(&server.url()).unwrap_or_else(|| panic!("it leads to {back}")).to_owned();
    let answer = person.get(&path);
    (person, answer)
}

#[test]
fn teams_and_roles_follow_the_groups_of_the_provider() {
    let Some(oidc) = Oidc::start() else { return };
    let (builder, _folder) = with_providers(&config(&oidc.issuer()));
    let server = builder.start();
    let mut admin = server.http();
    for team in ["all", "friends"] {
        admin.post_json("/api/v1/teams", &json!({ "name": team })).expect_status(201);
    }
    for (name, role, teams) in
        [("alice", "maintainer", json!(["all", "friends"])), ("bob", "reader", json!(["all"]))]
    {
        let (mut person, answer) = come_in(&server, &oidc, name);
        answer.expect_status(200);
        let me = person.get("/api/v1/me").expect_status(200).json();
        assert_eq!((&me["login"], &me["role"]), (&name.into(), &role.into()), "{me}");
        assert_eq!(me["teams"], teams, "{me}");
    }
    // The same subject is the same account; an address that is not verified lets nobody in.
    come_in(&server, &oidc, "alice").1.expect_status(200);
    let (_, answer) = come_in(&server, &oidc, "unverified-eve");
    assert!(answer.status == 403 && answer.text().contains("verified address"), "{}", answer.text());
    // Nor does a name that somebody else has here.
    add(&server, "carol", "reader", "a long password");
    let (_, answer) = come_in(&server, &oidc, "carol");
    assert!(answer.status == 409 && answer.text().contains("not yours"), "{}", answer.text());
    // Unless an admin says that it is the same person.
    server.cli().ok(&format!("user link carol --issuer {} --subject carol", oidc.issuer()));
    let (mut carol, answer) = come_in(&server, &oidc, "carol");
    answer.expect_status(200);
    assert_eq!(carol.get("/api/v1/me").expect_status(200).json()["login"], "carol");
    server.assert_unharmed();
}

#[test]
fn a_provider_that_comes_late_disturbs_nobody() {
    let Some(oidc) = Oidc::start() else { return };
    oidc.process().kill();
    let (builder, _folder) = with_providers(&config(&oidc.issuer()));
    let server = builder.start();
    add(&server, "paul", "reader", "a long password");
    Person::new(&server).get("/login").expect_status(200);
    let answer = Person::new(&server).get("/login/example");
    assert_eq!(answer.status, 503, "{}", answer.text());
    Person::sign_in(&server, "paul", "a long password").ok().unwrap();
    server.anonymous().get("/readyz").expect_status(200);

    oidc.process().start_again();
    until("the provider to be asked again", || {
        let answer = Person::new(&server).get("/login/example");
        (answer.status == 303).then_some(())
    });
    come_in(&server, &oidc, "alice").1.expect_status(200);
    // And one that goes: who is in stays in.
    let (mut bob, _) = come_in(&server, &oidc, "bob");
    oidc.process().kill();
    bob.get("/api/v1/me").expect_status(200);
    Person::sign_in(&server, "paul", "a long password").ok().unwrap();
    server.assert_unharmed();
}

#[test]
fn a_sign_in_belongs_to_the_browser_that_began_it() {
    let Some(oidc) = Oidc::start() else { return };
    let (builder, _folder) = with_providers(&config(&oidc.issuer()));
    let server = builder.start();
    let answer = Person::new(&server).get("/login/example").expect_status(303);
    let back = oidc.sign_in(answer.header("location").unwrap(), "alice");
    let path = back.strip_prefix(&server.url()).unwrap();
    // Without the cookie, and with the cookie of another sign-in.
    Person::new(&server).get(path).expect_status(400);
    let mut other = Person::new(&server);
    other.get("/login/example").expect_status(303);
    let answer = other.get(path);
    assert_eq!(answer.status, 403, "{}", answer.text());
    server.http().get("/api/v1/users/alice").expect_status(404);
}
