//! The commands of the binary: on the storage with no server running, and beside a running one, which sees
//! their changes within the staleness bound.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use holdfast_testkit::packages::CrateBuilder;
use holdfast_testkit::{Cli, Server, binary, run, until};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A data folder that a first start has made, with no server running.
fn made() -> (TempDir, Cli) {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    Server::builder().data(&data).start().stop();
    (home, Cli::on(&data))
}

fn crate_file(folder: &Path, name: &str, version: &str) -> PathBuf {
    let path = folder.join(format!("{name}-{version}.crate"));
    fs::write(&path, CrateBuilder::new(name, version).package()).unwrap();
    path
}

#[test]
fn crates_are_managed_with_no_server_running() {
    let (home, cli) = made();
    for version in ["1.0.0", "1.1.0"] {
        let file = crate_file(home.path(), "alpha", version);
        cli.run_with("crate add main", &[file.to_str().unwrap()]).ok().says(&format!("alpha@{version}"));
    }
    // The same bytes again are no fault.
    let again = crate_file(home.path(), "alpha", "1.0.0");
    cli.run_with("crate add main", &[again.to_str().unwrap()]).ok();
    let listed = cli.json("crate list main");
    assert_eq!((&listed[0]["name"], &listed[0]["max_version"]), (&"alpha".into(), &"1.1.0".into()));

    cli.ok("crate yank main alpha@1.1.0");
    let versions = cli.json("crate show main alpha")["versions"].clone();
    let yanked = |version: &str| {
        let all = versions.as_array().unwrap();
        all.iter().find(|shown| shown["version"] == version).unwrap()["yanked"].clone()
    };
    assert_eq!((yanked("1.0.0"), yanked("1.1.0")), (false.into(), true.into()));
    assert_eq!(cli.json("crate show main alpha")["max_version"], "1.0.0");
    cli.ok("crate unyank main alpha@1.1.0");
    assert_eq!(cli.json("crate show main alpha")["max_version"], "1.1.0");

    cli.ok("user add bob");
    cli.ok("crate owner add main alpha bob");
    assert_eq!(cli.json("crate owner list main alpha"), serde_json::json!(["admin", "bob"]));
    cli.ok("crate owner remove main alpha admin");
    let refused = cli.fails("crate owner remove main alpha bob");
    assert!(refused.contains("would have no owner left"), "{refused}");

    cli.ok("crate remove main alpha@1.0.0");
    assert_eq!(cli.json("crate show main alpha")["versions"].as_array().unwrap().len(), 1);
    cli.ok("crate remove main alpha");
    cli.fails("crate show main alpha");
    cli.assert_clean();
}

#[test]
fn nothing_that_was_uploaded_reaches_the_terminal_as_it_is() {
    let (home, cli) = made();
    let path = home.path().join("alpha-1.0.0.crate");
    let description = "a\u{1b}[2Jb\nowners: bob";
    let hostile = CrateBuilder::new("alpha", "1.0.0").field("description", description);
    fs::write(&path, hostile.package()).unwrap();
    cli.run_with("crate add main", &[path.to_str().unwrap()]).ok();
    for line in ["crate list main", "crate show main alpha", "audit", "crate trust main alpha"] {
        let shown = cli.ok(line);
        assert!(!shown.contains('\u{1b}') && !shown.contains("\nowners: bob"), "{line}: {shown:?}");
    }
    assert!(cli.ok("crate show main alpha").starts_with(r"alpha: a\u{1b}[2Jb\nowners: bob"));
    assert_eq!(cli.json("crate show main alpha")["description"], description);
}

#[test]
fn a_file_that_is_no_crate_is_refused_in_words() {
    let (home, cli) = made();
    let file = home.path().join("noise.crate");
    fs::write(&file, b"no gzip at all").unwrap();
    let said = cli.run_with("crate add main", &[file.to_str().unwrap()]).fails().stderr;
    assert!(said.starts_with("error: "), "{said}");
    cli.run_with("crate add main", &["/nothing/here.crate"]).fails().says("/nothing/here.crate");
    let good = crate_file(home.path(), "alpha", "1.0.0");
    cli.run_with("crate add nowhere", &[good.to_str().unwrap()]).fails().says("`nowhere`");
    cli.assert_clean();
}

#[test]
fn a_running_server_sees_every_change() {
    let server = Server::start();
    let (cli, mut http) = (server.cli(), server.http());
    let folder = tempfile::tempdir().unwrap();
    let index = "/r/main/index/al/ph/alpha";
    http.get(index).expect_status(404);
    for version in ["1.0.0", "1.1.0"] {
        let file = crate_file(folder.path(), "alpha", version);
        cli.run_with("crate add main", &[file.to_str().unwrap()]).ok();
    }
    until("the added crate", || (http.get(index).index_lines_if_there()? == 2).then_some(()));
    http.get("/r/main/dl/alpha/1.1.0/download").expect_status(200);

    cli.ok("crate yank main alpha@1.1.0");
    until("the yank", || (http.get(index).index_lines()[1]["yanked"] == true).then_some(()));
    cli.ok("crate remove main alpha");
    until("the removal", || (http.get(index).status == 404).then_some(()));

    let token = cli.user("bob", "publisher", "");
    let mut as_bob = server.anonymous().with_token(&token);
    let config = "/r/main/index/config.json";
    until("the new token", || (as_bob.get(config).status == 200).then_some(()));
    cli.ok("user disable bob");
    until("the disabled user to be refused", || (as_bob.get(config).status == 401).then_some(()));
    cli.ok("user enable bob");
    until("the enabled user", || (as_bob.get(config).status == 200).then_some(()));
    cli.ok("user remove bob");
    until("the removed user to be refused", || (as_bob.get(config).status == 401).then_some(()));
    server.assert_unharmed();
}

/// What the poll above needs: a count when there is an index file.
trait Lines {
    fn index_lines_if_there(&self) -> Option<usize>;
}

impl Lines for holdfast_testkit::Answer {
    fn index_lines_if_there(&self) -> Option<usize> {
        (self.status == 200).then(|| self.index_lines().len())
    }
}

#[test]
fn users_and_teams() {
    let (_home, cli) = made();
    cli.ok("user add alice --role reader");
    cli.ok("user add builder --service");
    let users = cli.json("user list");
    let user =
        |login: &str| users.as_array().unwrap().iter().find(|user| user["login"] == login).unwrap().clone();
    assert_eq!(
        (user("admin")["role"].as_str(), user("alice")["role"].as_str()),
        (Some("admin"), Some("reader"))
    );
    assert_eq!(
        (user("builder")["role"].as_str(), &user("builder")["service"]),
        (Some("publisher"), &true.into())
    );
    cli.fails("user add alice");
    cli.fails("user disable nobody");
    cli.fails("user add --role admin");
    // There is always an admin.
    let refused = cli.fails("user remove admin");
    assert!(refused.contains("admin"), "{refused}");

    cli.ok("team add core");
    cli.ok("team member add core alice");
    assert_eq!(cli.json("team member list core"), serde_json::json!(["alice"]));
    assert_eq!(cli.json("team list")[0]["name"], "core");
    cli.fails("team member add core nobody");
    cli.ok("team member remove core alice");
    cli.ok("user add deployer --service --keeper core");
    assert_eq!(cli.json("user list")[3]["keeper"], "core");
    cli.fails("user add other --service --keeper nowhere");
    cli.ok("team remove core");
    assert_eq!(cli.json("team list"), serde_json::json!([]));
    cli.ok("user remove deployer");
    for role in ["guest", "publisher", "maintainer", "admin", "reader"] {
        cli.ok(&format!("user update alice --role {role}"));
        assert_eq!(cli.json("user list")[1]["role"], role);
    }
    cli.ok("user remove alice");
    assert_eq!(cli.json("user list").as_array().unwrap().len(), 2);
    cli.assert_clean();
}

#[test]
fn tokens_are_shown_once() {
    let (_home, cli) = made();
    cli.ok("user add alice");
    let made = cli.json("token create --user alice --name laptop --scope read --crate acme-* --expires 30d");
    let (id, secret) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    assert!(secret.starts_with("hf_"), "secret scanners find it");
    let listed = cli.run("token list --user alice --json").ok();
    assert!(!listed.stdout.contains(secret), "{}", listed.stdout);
    let tokens: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!((tokens[0]["id"].as_str(), tokens[0]["name"].as_str()), (Some(id), Some("laptop")));
    assert_eq!(tokens[0]["scopes"], serde_json::json!(["read"]));
    assert!(tokens[0]["expires_at"].is_string());
    let plain = cli.run("token create --user alice --name other").ok().stdout;
    assert!(plain.trim().starts_with("hf_") && plain.split_whitespace().count() == 1, "{plain}");
    cli.ok(&format!("token revoke {id}"));
    cli.fails(&format!("token revoke {id}"));
    cli.fails("token create --user nobody --name x");
    cli.fails("token create --user alice --name x --expires never");
    assert_eq!(cli.json("token list --user alice").as_array().unwrap().len(), 1);
}

#[test]
fn people_come_in() {
    let (home, cli) = made();
    cli.ok("user add alice");
    cli.ok("user add robot --service");
    let password = cli.ok("user password alice");
    let password = password.trim();
    assert_eq!((password.len(), password.split('-').count()), (23, 4), "{password}");
    assert_ne!(cli.ok("user password alice").trim(), password, "random");
    let mut command = std::process::Command::new(binary());
    command.args(["user", "password", "alice", "--stdin", "--data"]).arg(home.path().join("data"));
    run(&mut command, "correct horse\n").ok().says("`alice` has a new password");
    assert!(run(&mut command, "short\n").fails().stderr.contains("at least 10 characters"));
    assert!(run(&mut command, "").fails().stderr.contains("the password is empty"));
    assert!(cli.fails("user password robot").contains("service account"));
    assert!(cli.fails("user password nobody").contains("no user `nobody`"));

    cli.ok("team add core");
    let invite = "user invite --role reader --team core --note Bob --expires 2d";
    let link = cli.ok(invite);
    assert!(link.starts_with("http://127.0.0.1:8000/invitation/hf_"), "{link}");
    let made = cli.json("user invite --role guest");
    assert!(made["link"].as_str().unwrap().contains("/invitation/hf_"), "{made}");
    let there = cli.clone().env("HOLDFAST_PUBLIC_URL", "https://crates.example/sub/");
    assert!(there.ok(invite).starts_with("https://crates.example/sub/invitation/hf_"));
    let listed = cli.json("user invitations");
    assert_eq!(listed.as_array().unwrap().len(), 3);
    let bobs = listed.as_array().unwrap().iter().find(|row| row["note"] == "Bob").unwrap();
    assert_eq!((&bobs["role"], &bobs["teams"]), (&"reader".into(), &serde_json::json!(["core"])));
    let text = cli.ok("user invitations");
    let id = bobs["id"].as_str().unwrap();
    assert!(!text.contains("hf_") && text.contains("Bob") && text.contains(id), "{text}");
    let uninvite = format!("user uninvite {id}");
    assert_eq!(cli.ok(&uninvite), format!("withdrew `{id}`\n"));
    assert!(!cli.ok("user invitations").contains(id));
    assert!(cli.fails(&uninvite).contains("there is no such invitation"));
    assert!(cli.fails("user uninvite bob").contains("`bob` is not a SHA-256 checksum"));
    assert!(cli.fails("user invite --team nowhere").contains("no team `nowhere`"));
    assert!(cli.fails("user invite --expires 31d").contains("30 days"));
    cli.assert_clean();
}

#[test]
fn who_may_see_and_do_what() {
    let (home, cli) = made();
    let file = crate_file(home.path(), "alpha", "1.0.0");
    cli.run_with("crate add main", &[file.to_str().unwrap()]).ok();
    cli.ok("team add core");
    cli.ok("user add alice --role guest");
    cli.ok("registry role main alice publisher");
    cli.ok("registry role main team:core maintainer");
    let roles = serde_json::json!({"alice": "publisher", "team:core": "maintainer"});
    assert_eq!(cli.json("registry list")[0]["roles"], roles);
    cli.ok("registry role main alice none");
    assert!(cli.fails("registry role main alice none").contains("no role of its own"));
    assert!(cli.fails("registry role main nobody reader").contains("no `nobody`"));

    assert_eq!(cli.json("crate show main alpha")["restricted_to"], serde_json::json!(null));
    cli.ok("crate restrict main alpha --team core");
    assert_eq!(cli.json("crate show main alpha")["restricted_to"], serde_json::json!(["core"]));
    assert!(cli.ok("crate show main alpha").contains("visible to: its owners, team:core"));
    cli.ok("crate restrict main alpha");
    assert_eq!(cli.json("crate list main")[0]["restricted_to"], serde_json::json!([]));
    cli.ok("crate restrict main alpha --lift");
    assert_eq!(cli.json("crate list main")[0]["restricted_to"], serde_json::json!(null));
    assert!(cli.fails("crate restrict main alpha --team nowhere").contains("no team `nowhere`"));
    cli.assert_clean();
}

#[test]
fn registries() {
    let (home, cli) = made();
    cli.ok("registry create internal --kind hosted");
    cli.fails("registry create internal --kind hosted");
    cli.fails("registry create Bad_Name --kind hosted");
    cli.ok("registry update internal --anonymous-read true --required-fields license,description");
    let listed = cli.json("registry list");
    let internal = listed.as_array().unwrap().iter().find(|registry| registry["name"] == "internal").unwrap();
    assert_eq!(internal["anonymous_read"], true);
    assert!(internal["required_fields"].as_str().unwrap().contains("license"), "{internal}");
    let file = crate_file(home.path(), "alpha", "1.0.0");
    cli.run_with("crate add internal", &[file.to_str().unwrap()]).ok();
    cli.fails("registry remove internal");
    cli.ok("crate remove internal alpha");
    cli.ok("registry remove internal");
    cli.assert_clean();
}

#[test]
fn fsck_tells_what_is_wrong() {
    let (home, cli) = made();
    let file = crate_file(home.path(), "alpha", "1.0.0");
    cli.run_with("crate add main", &[file.to_str().unwrap()]).ok();
    assert_eq!(cli.json("fsck")["problems"], serde_json::json!([]));

    let cksum = cli.json("crate show main alpha")["versions"][0]["cksum"].as_str().unwrap().to_owned();
    let blob = home.path().join("data/blobs").join(&cksum[..2]).join(&cksum);
    let bytes = fs::read(&blob).unwrap();
    let mut damaged = bytes.clone();
    damaged[20] ^= 1;
    fs::write(&blob, damaged).unwrap();
    // The size is right, so only reading it shows the damage.
    cli.ok("fsck");
    let said = cli.run("fsck --hash").fails().says("1 crate, 1 version, 1 problem");
    assert!(said.output().contains("alpha@1.0.0") && said.output().contains("damaged"), "{}", said.output());
    fs::remove_file(&blob).unwrap();
    let said = cli.run("fsck").fails();
    assert!(said.output().contains("alpha@1.0.0") && said.output().contains("missing"), "{}", said.output());
    fs::write(&blob, bytes).unwrap();
    cli.assert_clean();
}

#[test]
fn gc_removes_what_nothing_refers_to_and_nothing_else() {
    let (home, cli) = made();
    let cli = cli.env("HOLDFAST_SWEEP_GRACE", "0s");
    for name in ["alpha", "beta"] {
        let file = crate_file(home.path(), name, "1.0.0");
        cli.run_with("crate add main", &[file.to_str().unwrap()]).ok();
    }
    let cksum = cli.json("crate show main alpha")["versions"][0]["cksum"].as_str().unwrap().to_owned();
    cli.ok("crate remove main alpha");
    let swept = cli.json("gc");
    assert_eq!((&swept["condemned"], &swept["purged"]), (&1.into(), &0.into()));
    let swept = cli.json("gc");
    assert_eq!(swept["purged"], 1);
    assert!(!home.path().join("data/blobs").join(&cksum[..2]).join(&cksum).exists());
    cli.assert_clean();
    assert_eq!(cli.json("crate list main").as_array().unwrap().len(), 1);
}

#[test]
fn every_write_is_in_the_audit_log() {
    let server = Server::start();
    let cli = server.cli();
    let bob = cli.user("bob", "publisher", "");
    server.publish("alpha", "1.0.0");
    let frame = CrateBuilder::new("alpha", "1.0.1").own_index(&server.index("main")).frame();
    server.anonymous().with_token(&bob).publish("main", &frame).expect_status(403);
    let log = cli.json("audit --action publish");
    let entries = log.as_array().unwrap();
    assert_eq!(entries.len(), 2, "{log}");
    // Newest first.
    assert_eq!((&entries[0]["outcome"], &entries[1]["outcome"]), (&"refused".into(), &"done".into()));
    assert!(entries[0]["reason"].as_str().unwrap().contains("does not own"), "{log}");
    assert_eq!(entries[1]["subject"], "alpha@1.0.0");
    let text = cli.ok("audit");
    assert!(text.contains("user-add") && text.contains("publish"), "{text}");
    let actions = |filter: &str| {
        let log = cli.json(&format!("audit {filter}"));
        log.as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["action"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(actions("--refused"), ["publish"]);
    assert_eq!(actions("--registry main"), ["publish", "publish"]);
    assert_eq!(actions("--registry other"), [""; 0]);
    assert_eq!(actions("--subject alpha"), ["publish", "publish"]);
    assert_eq!(actions("--subject alpha@1.0.0"), ["publish"]);
    assert_eq!(actions("--subject bob").last().unwrap(), "user-add");
    assert_eq!(actions("--since 1h").len(), actions("").len());
    assert_eq!(actions("--refused --since 2000-01-01T00:00:00Z"), ["publish"]);
    assert_eq!(actions("--since 2100-01-01T00:00:00Z"), [""; 0]);
}
