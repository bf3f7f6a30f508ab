//! The program from its arguments to its output, within one process.

use std::ffi::OsString;

use crate::{Environment, Exit, Terminal};

struct Outcome {
    exit: Exit,
    out: String,
    err: String,
}

fn run(line: &str, variables: &[(&str, &str)]) -> Outcome {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = std::iter::once("holdfast").chain(line.split_whitespace()).map(OsString::from);
    let environment: Environment = variables.iter().copied().collect();
    let exit = crate::run(words, &environment, &mut Terminal::new(&mut out, &mut err));
    Outcome { exit, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

#[test]
fn show_prints_a_table() {
    let shown = run("config show --sources --data /srv/h", &[("HOLDFAST_LISTEN", "0.0.0.0:80,[::]:80")]);
    assert_eq!((shown.exit, shown.err.as_str()), (Exit::Success, ""));
    insta::assert_snapshot!(shown.out);
    let short = run("config show", &[]);
    assert!(short.out.starts_with("key "), "{}", short.out);
    assert!(!short.out.lines().any(|line| line.ends_with(" default")), "{}", short.out);
}

#[test]
fn show_prints_json() {
    let shown = run("config show --json --data d", &[("HOLDFAST_BOOTSTRAP_TOKEN", "hunter2")]);
    let lines: Vec<serde_json::Value> = serde_json::from_str(&shown.out).unwrap();
    let line = |key: &str| lines.iter().find(|line| line["key"] == key).unwrap().to_string();
    insta::assert_snapshot!(line("data"), @r#"{"key":"data","name":"--data","source":"flag","value":"d"}"#);
    insta::assert_snapshot!(line("listen"), @r#"{"key":"listen","source":"default","value":["127.0.0.1:8000"]}"#);
    insta::assert_snapshot!(line("public-url"), @r#"{"key":"public-url","source":"default","value":null}"#);
    insta::assert_snapshot!(
        line("bootstrap-token"),
        @r#"{"key":"bootstrap-token","name":"HOLDFAST_BOOTSTRAP_TOKEN","source":"env","value":"(set)"}"#
    );
    assert!(!shown.out.contains("hunter"));
}

#[test]
fn check_says_ok_or_everything_that_is_wrong() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let data = home.path().join("data").display().to_string();
    let good = run("config check", &[("HOLDFAST_DATA", &data)]);
    assert_eq!((good.exit, good.out.as_str(), good.err.as_str()), (Exit::Success, "ok\n", ""));

    let storage = format!("file:{}", file.display());
    let variables = [
        ("HOLDFAST_DATA", data.as_str()),
        ("HOLDFAST_STORAGE", &storage),
        ("HOLDFAST_STALENESS", "soon"),
        ("HOLDFAST_LSITEN", "127.0.0.1:1"),
        ("HOLDFAST_BOOTSTRAP_TOKEN", "hunter 2"),
    ];
    let bad = run("config check --listen 127.0.0.1:1 --listen 127.0.0.1:1", &variables);
    assert_eq!((bad.exit, bad.out.as_str()), (Exit::Failure, ""));
    insta::assert_snapshot!(bad.err.replace(&home.path().display().to_string(), "HOME"));
}

#[test]
fn costs_of_passwords_go_together() {
    let wrong = [("HOLDFAST_PASSWORD_MEMORY", "15KiB"), ("HOLDFAST_PASSWORD_LANES", "2")];
    let check = run("config check", &wrong);
    assert_eq!(check.exit, Exit::Failure);
    insta::assert_snapshot!(check.err, @r"
    error: the cost of passwords cannot be: memory cost is too small (`password-memory` is 15KiB, `password-passes` 2, `password-lanes` 2)
    hint: each lane needs at least 8KiB of memory
    ");
    // A start says the same, before it makes anything.
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data").display().to_string();
    let started = run("user list", &[wrong.as_slice(), &[("HOLDFAST_DATA", data.as_str())]].concat());
    assert_eq!((started.exit, started.err), (Exit::Failure, check.err));
    assert!(!home.path().join("data").exists());
    let check = run("config check --session-idle 0s --token-max-lifetime 500ms", &[]);
    insta::assert_snapshot!(check.err, @r"
    error: `token-max-lifetime` is less than a second, so nobody could use what it is about
    error: `session-idle` is less than a second, so nobody could use what it is about
    ");
}

/// What only looks, on whatever storage.
const LOOKS: &[&str] = &[
    "fsck",
    "fsck --hash --json",
    "gc",
    "audit",
    "export HOME/out",
    "backup HOME/out",
    "user list",
    "user invitations",
    "team list",
    "team member list core",
    "token list",
    "token keys",
    "registry list",
    "registry trust main",
    "crate list main",
    "crate show main alpha",
    "crate owner list main alpha",
    "crate trust main alpha",
];

#[test]
fn who_only_looks_makes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().display().to_string();
    let look = |line: &str, options: &str| {
        let shown = run(&format!("{line} {options}").replace("HOME", &place), &[]);
        assert_eq!((shown.exit, shown.out.as_str()), (Exit::Failure, ""), "{line} {options}");
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "{line} {options}");
        shown.err.replace(&place, "HOME")
    };
    for line in LOOKS {
        assert_eq!(
            look(line, "--data HOME/data"),
            "error: there is no database `HOME/data/holdfast.db`\n\
             hint: name the data folder of your server with `--data DIR`; `holdfast serve` makes a new one\n",
            "{line}"
        );
        let said = look(line, "--data HOME/data --database redb:HOME/other.redb");
        assert!(
            said.contains("`HOME/other.redb`\nhint: ") && said.contains("`--database URL`"),
            "{line}: {said}"
        );
    }
    for line in ["restore --list HOME/nowhere", "restore --list file:HOME/nowhere", "restore HOME/nowhere"] {
        let said = look(line, "--data HOME/data");
        assert!(said.starts_with("error: there is no folder `HOME/nowhere` with backups\nhint: "), "{said}");
    }
    // Backups can be listed before there is a folder to restore them to.
    let backups = tempfile::tempdir().unwrap();
    let listed = run(&format!("restore --list {} --data {place}/data", backups.path().display()), &[]);
    assert_eq!((listed.exit, listed.err.as_str()), (Exit::Success, ""));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn who_writes_makes_the_storage() {
    let home = tempfile::tempdir().unwrap();
    let options = format!("--data {}", home.path().join("data").display());
    assert_eq!(run(&format!("user add bob {options}"), &[]).exit, Exit::Success);
    for line in ["user list", "fsck", "gc", "registry trust main"] {
        let shown = run(&format!("{line} {options}"), &[]);
        assert_eq!((shown.exit, shown.err.as_str()), (Exit::Success, ""), "{line}");
    }
}

#[test]
fn nothing_is_done_in_memory_and_forgotten() {
    let home = tempfile::tempdir().unwrap();
    let options = format!("--database memory: --data {}", home.path().join("data").display());
    for line in LOOKS.iter().chain(&["user add bob", "token create --user admin --name x", "restore HOME"]) {
        let shown =
            run(&format!("{line} {options}").replace("HOME", &home.path().display().to_string()), &[]);
        assert_eq!(
            (shown.exit, shown.out.as_str(), shown.err.as_str()),
            (
                Exit::Failure,
                "",
                "error: the database is `memory:`, of which nothing would be left after this command\n\
                 hint: name the database of your server with `--database URL`\n"
            ),
            "{line}"
        );
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "{line}");
    }
}

#[test]
fn a_limit_of_nothing_is_found() {
    for option in ["MAX_CRATE_SIZE", "MAX_UNPACKED_SIZE"] {
        let check = run("config check", &[(&format!("HOLDFAST_{option}"), "0")]);
        assert_eq!((check.exit, check.out.as_str()), (Exit::Failure, ""), "{option}");
        assert!(check.err.contains("expected a size above zero"), "{option}: {}", check.err);
    }
}

#[test]
fn one_crate_is_no_crates() {
    let home = tempfile::tempdir().unwrap();
    let options = format!("--data {}", home.path().join("data").display());
    assert_eq!(run(&format!("user add bob {options}"), &[]).exit, Exit::Success);
    let removed = home.path().join("data/blobs/00").join("0".repeat(64));
    std::fs::create_dir_all(removed.parent().unwrap()).unwrap();
    std::fs::write(removed, "x").unwrap();
    let check = run(&format!("fsck {options}"), &[]);
    assert_eq!(check.out, "0 crates, 0 versions, 0 problems\n");
    let swept = run(&format!("gc {options}"), &[("HOLDFAST_SWEEP_GRACE", "0s")]);
    assert_eq!(swept.out, "1 file: 1 set aside, 0 put back, 0 deleted (0 bytes)\n");
}

#[test]
fn exit_codes_tell_usage_from_failure() {
    assert_eq!(run("--version", &[]).exit, Exit::Success);
    assert_eq!(run("--help", &[]).exit, Exit::Success);
    assert_eq!(run("frobnicate", &[]).exit, Exit::Usage);
    assert_eq!(run("config show --staleness soon", &[]).exit, Exit::Usage);
    let failed = run("config show", &[("HOLDFAST_STALENESS", "soon")]);
    assert_eq!(failed.exit, Exit::Failure);
    insta::assert_snapshot!(failed.err, @"error: invalid value `soon` for `staleness` from the environment variable `HOLDFAST_STALENESS`: expected a duration with a unit (ms, s, m, h or d) such as `30s`");
}

#[test]
fn the_reference_is_printed_whole() {
    let printed = run("config reference", &[]);
    assert_eq!(printed.out, crate::options::reference_page());
}
