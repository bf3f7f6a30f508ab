//! `cargo owner`: people and teams who may publish and manage a crate.

use holdfast_testkit::{Cargo, Project, Server};

#[test]
fn users_and_teams_are_listed_added_and_removed() {
    let server = Server::start();
    let cli = server.cli();
    let bob = cli.user("bob", "publisher", "");
    let carol = cli.user("carol", "publisher", "");
    cli.ok("team add core");
    cli.ok("team member add core carol");
    let cargo = server.cargo();
    Project::library("alpha", "1.0.0").publish(&cargo);
    let owner = |arguments: &str| cargo.anywhere(&format!("owner {arguments} alpha --registry main"));
    owner("--list").ok().says("admin").never_says("bob");

    let as_bob = Cargo::with_registry("main", &server.index("main")).token(&bob);
    let as_carol = Cargo::with_registry("main", &server.index("main")).token(&carol);
    let stranger = Project::library("alpha", "1.1.0").write(&as_bob);
    as_bob
        .fails(&stranger, "publish --no-verify")
        .says("status 403")
        .says("`bob` does not own the crate `alpha`");

    owner("--add bob --add team:core").ok().says("`bob`").says("`team:core`");
    owner("--list").ok().says("admin").says("bob").says("team:core");
    as_bob.ok(&stranger, "publish --no-verify");
    Project::library("alpha", "1.2.0").publish(&as_carol);

    owner("--remove bob").ok().says("Owner removing [\"bob\"]");
    // What cargo up to 1.96 sends for this is a DELETE without a body: a list, not a removal of everybody.
    assert_eq!(owner("--remove team:core --list").ok().stdout, "admin\n");
    let refused = Project::library("alpha", "1.3.0").write(&as_bob);
    as_bob.fails(&refused, "publish --no-verify").says("status 403");
    as_carol.fails(&refused, "publish --no-verify").says("status 403");
}

#[test]
fn a_crate_never_loses_its_last_owner() {
    let server = Server::start();
    let cargo = server.cargo();
    Project::library("alpha", "1.0.0").publish(&cargo);
    let owner = |arguments: &str| cargo.anywhere(&format!("owner {arguments} alpha --registry main"));
    owner("--remove admin").fails().says("status 409").says("would have no owner left");
    owner("--add nobody").fails().says("status 400").says("there is no active user `nobody`");
    owner("--add team:nobody").fails().says("there is no team `nobody`");
    owner("--remove bob").fails();
    owner("--list").ok().says("admin");
}
