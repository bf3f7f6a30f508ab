//! Restricted crates: there for their owners, some teams and admins, and not there for everybody else.

use crate::house::{House, krate, main, refusal, v};
use holdfast_package::testing::Dependency;
use holdfast_registry::entity::{CrateHead, Role};
use holdfast_registry::{Actor, Holdfast, RegistryChange, Result, SearchRequest, Sort, Tail, Yank};
use holdfast_types::TeamName;
use insta::assert_snapshot;
use std::collections::BTreeSet;
use std::fmt::Write as _;

async fn restrict(house: &House, actor: &Actor, teams: Option<&[&str]>) -> Result<()> {
    let teams: Option<BTreeSet<TeamName>> = teams.map(|teams| teams.iter().map(|team| v(team)).collect());
    house.holdfast.restrict_crate(actor, &main(), &v("secret"), teams.as_ref()).await
}

/// `secret` of `alice`, who shows it to the team `core`, with `carol` in it, and the open crate `open`; `mona`
/// is a maintainer, and reading needs no login.
async fn house() -> House {
    let house = House::new().await;
    let change = RegistryChange { anonymous_read: Some(true), ..RegistryChange::default() };
    house.holdfast.update_registry(&house.root, &main(), change).await.unwrap();
    house.holdfast.add_team(&house.root, &v("core")).await.unwrap();
    house.add("carol", Role::Reader).await;
    house.holdfast.add_member(&house.root, &v("core"), &v("carol")).await.unwrap();
    house.add("mona", Role::Maintainer).await;
    house.have(&["secret@1.0.0", "open@1.0.0"]).await;
    let dependent = krate("secret-user", "1.0.0").dependency(Dependency::new("open", "1"));
    house.publish(&house.alice, &dependent).await.unwrap();
    house
}

async fn search(holdfast: &Holdfast, actor: &Actor, text: &str) -> String {
    holdfast.index_changes(&mut Tail::default()).await.unwrap();
    let request = SearchRequest { text: text.to_owned(), sort: Sort::Name, offset: 0, limit: 10 };
    let page = holdfast.search(actor, &main(), request).await.unwrap();
    let names: Vec<&str> = page.crates.iter().map(|head| head.name.as_str()).collect();
    format!("{} of {}", names.join(" "), page.total)
}

fn word<T>(result: Result<T>) -> String {
    result.map_or_else(|error| format!("{:?}", error.kind()), |_| "ok".to_owned())
}

/// What an actor sees of `secret`.
async fn sight(house: &House, actor: &Actor) -> String {
    let (holdfast, main, name, one) = (&house.holdfast, main(), v("secret"), v("1.0.0"));
    let listed = holdfast.list_crates(actor, &main, None, 10).await.unwrap();
    let words = [
        word(holdfast.index_file(actor, &main, &name).await),
        word(holdfast.download(actor, &main, &name, &one).await),
        word(holdfast.describe(actor, &main, &name).await),
        word(holdfast.downloads_by_day(actor, &main, &name).await),
        word(holdfast.owners(actor, &main, &name).await),
        word(holdfast.dependents(actor, &main, &name, 0, 10).await),
        format!("{} listed", listed.len()),
        search(holdfast, actor, "").await,
    ];
    words.join(" ")
}

async fn table(house: &House) -> String {
    let mut lines = String::new();
    for login in ["alice", "carol", "root", "mona", "bob", "rita"] {
        writeln!(lines, "{login}: {}", sight(house, &house.actor(login).await).await).unwrap();
    }
    writeln!(lines, "operator: {}", sight(house, &house.operator).await).unwrap();
    write!(lines, "anon: {}", sight(house, &house.anon).await).unwrap();
    lines
}

#[tokio::test]
async fn teams_are_counted_before_they_are_looked_for() {
    let house = house().await;
    let teams: Vec<String> = (0..=CrateHead::MAX_TEAMS).map(|number| format!("absent-{number}")).collect();
    let mut teams: Vec<&str> = teams.iter().map(String::as_str).collect();
    assert_eq!(word(restrict(&house, &house.alice, Some(&teams)).await), "TooMany");
    teams.pop();
    assert_eq!(word(restrict(&house, &house.alice, Some(&teams)).await), "Invalid");
}

#[tokio::test]
async fn a_restricted_crate_is_there_for_some() {
    let house = house().await;
    restrict(&house, &house.alice, Some(&["core"])).await.unwrap();
    assert_snapshot!(table(&house).await, @r"
    alice: ok ok ok ok ok ok 3 listed open secret secret-user of 3
    carol: ok ok ok ok ok ok 3 listed open secret secret-user of 3
    root: ok ok ok ok ok ok 3 listed open secret secret-user of 3
    mona: NotFound NotFound NotFound NotFound NotFound NotFound 2 listed open secret-user of 2
    bob: NotFound NotFound NotFound NotFound NotFound NotFound 2 listed open secret-user of 2
    rita: NotFound NotFound NotFound NotFound NotFound NotFound 2 listed open secret-user of 2
    operator: ok ok ok ok ok ok 3 listed open secret secret-user of 3
    anon: NotFound NotFound NotFound NotFound NotFound NotFound 2 listed open secret-user of 2
    ");
    restrict(&house, &house.alice, Some(&[])).await.unwrap();
    assert_snapshot!(sight(&house, &house.actor("carol").await).await, @"NotFound NotFound NotFound NotFound NotFound NotFound 2 listed open secret-user of 2");
    restrict(&house, &house.alice, None).await.unwrap();
    assert_snapshot!(sight(&house, &house.anon).await, @"ok ok ok ok ok ok 3 listed open secret secret-user of 3");
    assert_eq!(house.problems().await, "");
}

/// What is hidden is refused like what is not there.
#[tokio::test]
async fn a_stranger_learns_nothing() {
    let house = house().await;
    restrict(&house, &house.alice, Some(&["core"])).await.unwrap();
    let (holdfast, main, one) = (&house.holdfast, main(), v("1.0.0"));
    let mona = house.actor("mona").await;
    for actor in [&house.bob, &mona, &house.rita, &house.anon] {
        let mut answers = Vec::new();
        for name in ["secret", "missing"] {
            let krate = v(name);
            let mut answer = vec![
                refusal(holdfast.index_file(actor, &main, &krate).await),
                refusal(holdfast.describe(actor, &main, &krate).await),
                refusal(holdfast.owners(actor, &main, &krate).await),
                refusal(holdfast.yank(actor, &main, &krate, &one, Yank::Yes).await),
                refusal(holdfast.add_owners(actor, &main, &krate, &[v("bob")]).await),
                refusal(holdfast.restrict_crate(actor, &main, &krate, None).await),
                refusal(holdfast.remove_version(actor, &main, &krate, &one).await),
            ];
            let download = holdfast.download(actor, &main, &krate, &one).await;
            answer.push(refusal(download.map(|_| ())));
            answers.push(answer.join("\n").replace(name, "NAME"));
        }
        assert_eq!(answers[0], answers[1]);
    }
    // A name can be taken once, which a publish cannot keep secret.
    for (actor, package) in [(&house.bob, krate("secret", "2.0.0")), (&mona, krate("Secret", "1.0.0"))] {
        let refused = refusal(house.publish(actor, &package).await);
        assert!(refused.starts_with("Forbidden: ") && refused.contains("is not free"), "{refused}");
    }
    assert_eq!(house.versions("secret").await, "1.0.0");
}

#[tokio::test]
async fn a_refusal_costs_the_same_for_what_is_hidden_and_what_is_absent() {
    let house = house().await;
    restrict(&house, &house.alice, Some(&[])).await.unwrap();
    let (holdfast, main) = (&house.holdfast, main());
    let trips = async |actor: &Actor, name: &str| {
        let before = house.faults.calls();
        let asked = holdfast.index_file(actor, &main, &v(name)).await;
        (asked.is_ok(), house.faults.calls() - before)
    };
    // The registry and the account are in memory.
    assert!(trips(&house.bob, "open").await.0);
    assert_eq!(trips(&house.bob, "absent").await, (false, 1));
    assert_eq!(trips(&house.bob, "secret").await, (false, 1), "nobody has asked for it yet");
    assert!(trips(&house.alice, "secret").await.0);
    assert_eq!(trips(&house.bob, "secret").await, (false, 1), "and it is in memory now");
    assert_eq!(trips(&house.alice, "secret").await, (true, 0));
}

#[tokio::test]
async fn who_sees_it_may_do_no_more_than_before() {
    let house = house().await;
    restrict(&house, &house.alice, Some(&["core"])).await.unwrap();
    let carol = house.actor("carol").await;
    let (holdfast, main, name) = (&house.holdfast, main(), v("secret"));
    for refused in [
        refusal(house.publish(&carol, &krate("secret", "2.0.0")).await),
        refusal(holdfast.yank(&carol, &main, &name, &v("1.0.0"), Yank::Yes).await),
        refusal(restrict(&house, &carol, None).await),
    ] {
        assert!(refused.starts_with("Forbidden: `carol` is a reader"), "{refused}");
    }
    house.holdfast.set_user_role(&house.root, &v("carol"), Role::Publisher).await.unwrap();
    let refused = refusal(house.publish(&house.actor("carol").await, &krate("secret", "2.0.0")).await);
    assert!(refused.contains("does not own"), "{refused}");
    // A maintainer who is shown it manages it.
    holdfast.add_member(&house.root, &v("core"), &v("mona")).await.unwrap();
    let mona = house.actor("mona").await;
    holdfast.yank(&mona, &main, &name, &v("1.0.0"), Yank::Yes).await.unwrap();
    restrict(&house, &mona, None).await.unwrap();
    assert!(house.log().await.contains("mona restrict secret"));
}

#[tokio::test]
async fn search_follows_the_owners_and_the_teams() {
    let house = house().await;
    let (holdfast, main, name) = (&house.holdfast, main(), v("secret"));
    restrict(&house, &house.alice, Some(&[])).await.unwrap();
    let seen = async |login: &str| {
        let actor = house.actor(login).await;
        search(holdfast, &actor, "secret").await
    };
    assert_eq!(
        (seen("bob").await, seen("alice").await),
        ("secret-user of 1".into(), "secret secret-user of 2".into())
    );
    holdfast.add_owners(&house.alice, &main, &name, &[v("bob")]).await.unwrap();
    assert_eq!(seen("bob").await, "secret secret-user of 2");
    holdfast.remove_owners(&house.bob, &main, &name, &[v("alice")]).await.unwrap();
    assert_eq!(seen("alice").await, "secret-user of 1");
    holdfast.add_owners(&house.bob, &main, &name, &[v("team:core")]).await.unwrap();
    assert_eq!(seen("carol").await, "secret secret-user of 2");
    holdfast.remove_user(&house.root, &v("bob")).await.unwrap();
    house.add("bob", Role::Publisher).await;
    assert_eq!(seen("bob").await, "secret-user of 1", "another bob");
    holdfast.remove_member(&house.root, &v("core"), &v("carol")).await.unwrap();
    assert_eq!(seen("carol").await, "secret-user of 1");
}

#[tokio::test]
async fn dependents_are_hidden_too() {
    let house = house().await;
    let dependents = async |actor: &Actor| {
        house.holdfast.index_changes(&mut Tail::default()).await.unwrap();
        let page = house.holdfast.dependents(actor, &main(), &v("open"), 0, 10).await.unwrap();
        (page.crates.len(), page.total)
    };
    assert_eq!(dependents(&house.rita).await, (1, 1));
    let none = BTreeSet::new();
    house.holdfast.restrict_crate(&house.alice, &main(), &v("secret-user"), Some(&none)).await.unwrap();
    assert_eq!(dependents(&house.rita).await, (0, 0));
    assert_eq!(dependents(&house.anon).await, (0, 0));
    assert_eq!(dependents(&house.alice).await, (1, 1));
    assert_eq!(dependents(&house.root).await, (1, 1));
}

#[tokio::test]
async fn a_team_that_leaves_shows_nothing_to_the_next_of_its_name() {
    let house = house().await;
    restrict(&house, &house.alice, Some(&["core"])).await.unwrap();
    house.holdfast.remove_team(&house.root, &v("core")).await.unwrap();
    assert_eq!(house.problems().await, "");
    house.holdfast.add_team(&house.root, &v("core")).await.unwrap();
    house.holdfast.add_member(&house.root, &v("core"), &v("carol")).await.unwrap();
    let carol = house.actor("carol").await;
    assert!(house.holdfast.describe(&carol, &main(), &v("secret")).await.is_err());
    assert_eq!(search(&house.holdfast, &carol, "secret").await, "secret-user of 1");
    assert!(house.holdfast.describe(&house.alice, &main(), &v("secret")).await.is_ok());
}

#[tokio::test]
async fn a_crate_is_shown_to_teams_that_are_there() {
    let house = house().await;
    assert_snapshot!(refusal(restrict(&house, &house.alice, Some(&["nowhere"])).await), @"Invalid: there is no team `nowhere`");
    assert_snapshot!(refusal(restrict(&house, &house.bob, Some(&[])).await), @"Forbidden: `bob` does not own the crate `secret`; an owner can add you with `cargo owner --add bob secret`");
    assert_snapshot!(refusal(restrict(&house, &house.rita, Some(&[])).await), @"Forbidden: `rita` is a reader; this needs the role publisher, which an admin can give");
    let limited = house.scoped("alice", &["change-owners"], &["open"]).await;
    assert_snapshot!(refusal(restrict(&house, &limited, Some(&[])).await), @"Forbidden: the token `test` is not for the crate `secret`");
}
