//! The command line as people type it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::{Cli, Command, CrateCommand, CrateSpec, TokenCommand, command, parse};
use crate::options::Flags;

fn parsed(line: &str) -> Result<(Cli, Flags), String> {
    let words = std::iter::once("holdfast").chain(line.split_whitespace());
    parse(words.map(OsString::from)).map_err(|error| error.to_string())
}

#[track_caller]
fn check_fails(line: &str, expected: &str) {
    let error = parsed(line).unwrap_err();
    assert!(error.contains(expected), "`{line}` says: {error}");
}

#[test]
fn clap_finds_no_fault() {
    command().debug_assert();
}

#[test]
fn every_command_of_the_contract_is_accepted() {
    let lines = [
        "serve",
        "serve --listen 127.0.0.1:0 --data d --database sqlite:d/x.db --storage file:d/b --config c.toml",
        "config show --sources --json",
        "config check",
        "config reference",
        "user add alice",
        "user add alice --role admin",
        "user add ci --role publisher --service",
        "user add bob --role reader",
        "user add guest --role guest",
        "user add boss --role maintainer",
        "user add ci --service --keeper core",
        "user update alice --role maintainer",
        "user password alice",
        "user password alice --stdin",
        "user invite",
        "user invite --role reader --team core --team docs --note Bob --expires 7d --json",
        "user invitations --json",
        "user uninvite 0123abcd",
        "user list --json",
        "user disable alice",
        "user enable alice",
        "user remove alice",
        "team add core",
        "team remove core",
        "team list --json",
        "team member add core alice",
        "team member remove core alice",
        "team member list core --json",
        "token create --user alice --name laptop",
        "token create --user ci --name ci --scope publish-new --scope publish-update --scope yank \
         --scope change-owners --scope read --crate acme-* --crate core --registry main --expires 3600s --json",
        "token list",
        "token list --user alice --json",
        "token revoke 17",
        "registry create internal --kind hosted",
        "registry list --json",
        "registry update main --anonymous-read true",
        "registry update main --anonymous-read false --required-fields license,description",
        "registry update main --required-fields none",
        "registry role main alice maintainer",
        "registry role main team:core reader",
        "registry role main alice none",
        "registry remove internal",
        "crate add main a-1.0.0.crate b-1.0.0.crate",
        "crate list main --json",
        "crate show main acme-core --json",
        "crate yank main acme-core@1.2.3",
        "crate unyank main acme-core@1.2.3",
        "crate remove main acme-core",
        "crate remove main acme-core@1.2.3-rc.1+b",
        "crate restrict main acme-core",
        "crate restrict main acme-core --team core --team docs",
        "crate restrict main acme-core --lift",
        "crate owner list main acme-core --json",
        "crate owner add main acme-core team:core",
        "crate owner remove main acme-core alice",
        "fsck --hash",
        "gc",
        "audit --limit 5 --actor alice --action publish --json",
        "audit --registry main --subject acme-core --refused --since 7d",
        "audit --since 2026-01-31T12:00:00Z",
        "export saved.holdfast --json",
        "export - --without-files",
        "import saved.holdfast --resume --json",
        "import - --database redb:new.redb",
        "backup /srv/backups --keep 30 --prune --json",
        "backup s3://backups/holdfast?region=eu-west-1",
        "restore /srv/backups --at 2026-01-31T12:00:00Z --resume --json",
        "restore file:backups --list",
    ];
    for line in lines {
        if let Err(error) = parsed(line) {
            panic!("`{line}` is refused: {error}");
        }
    }
}

#[test]
fn global_flags_are_accepted_everywhere() {
    let lines = ["--data d user list", "user --data d list", "user list --data d"];
    for line in lines {
        let (_, flags) = parsed(line).unwrap();
        assert_eq!(flags.texts("data"), Some(["d".to_owned()].as_slice()), "for `{line}`");
    }
    let (_, flags) = parsed("--log debug serve --listen a:1 --listen b:2").unwrap();
    assert_eq!(flags.texts("listen").map(<[String]>::len), Some(2));
    assert_eq!(flags.texts("log").map(<[String]>::len), Some(1));
    assert_eq!(flags.texts("data"), None);
}

#[test]
fn what_is_wrong_is_named() {
    check_fails("frobnicate", "unrecognized subcommand 'frobnicate'");
    check_fails("user add", "<NAME>");
    check_fails(
        "user add alice --role king",
        "[possible values: guest, reader, publisher, maintainer, admin]",
    );
    check_fails("user add ci --keeper core", "--service");
    check_fails("user update alice", "--role <ROLE>");
    check_fails("user invite --expires soon", "a duration with a unit");
    check_fails("user invite --expires 0s", "zero is not allowed");
    check_fails("registry role main alice admin", "[possible values: none, reader, publisher, maintainer]");
    check_fails("crate restrict main a --lift --team core", "cannot be used with");
    check_fails("audit --since yesterday", "`2026-01-31T12:00:00Z`");
    check_fails("token create --user alice", "--name <LABEL>");
    check_fails("token create --user a --name b --scope everything", "publish-update");
    check_fails("token create --user a --name b --expires 30", "a duration with a unit");
    check_fails("token create --user a --name b --expires 0s", "zero is not allowed");
    check_fails("registry update main", "--anonymous-read");
    check_fails("registry update main --anonymous-read maybe", "true, false");
    check_fails("registry update main --required-fields licence", "`licence` is not one of `description`");
    check_fails("registry create x --kind mirror", "hosted");
    check_fails("crate yank main acme-core", "`acme-core@1.2.3`");
    check_fails("crate add main", "<FILE.crate>");
    check_fails("export", "<FILE>");
    check_fails("backup b --keep 0", "--keep <N>");
    check_fails("restore b --list --at x", "cannot be used with");
    check_fails("--bootstrap-token x serve", "--bootstrap-token");
    check_fails("--data a --data b serve", "cannot be used multiple times");
}

#[test]
fn arguments_arrive_typed() {
    let (cli, _) = parsed("token create --user a --name b --expires 30d --crate x --crate y").unwrap();
    let Command::Token(TokenCommand::Create(token)) = cli.command else { panic!("{cli:?}") };
    assert_eq!(token.expires, Some(Duration::from_hours(30 * 24)));
    assert_eq!(token.crates, ["x", "y"]);
    let (cli, _) = parsed("crate remove main a@1.0.0").unwrap();
    let Command::Crate(CrateCommand::Remove { krate, .. }) = cli.command else { panic!("{cli:?}") };
    assert!(
        matches!(krate, CrateSpec::Version(version) if version.krate == "a" && version.version == "1.0.0")
    );
    let (cli, _) = parsed("crate add main x.crate").unwrap();
    let Command::Crate(CrateCommand::Add { files, .. }) = cli.command else { panic!("{cli:?}") };
    assert_eq!(files, [PathBuf::from("x.crate")]);
}

#[test]
fn help_stays_readable() {
    insta::assert_snapshot!(command().render_help());
}
