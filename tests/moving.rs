//! Moving and saving with the commands of the binary: between databases, beside a running server, cut off by a
//! crash, damaged on the way; and what comes out serves the same bytes.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use holdfast_servers::Kind;
use holdfast_testkit::packages::CrateBuilder;
use holdfast_testkit::{Cli, Http, Ran, Server, binary, noise, until};
use serde_json::json;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const CRATES: &[&str] = &["alpha", "beta", "gamma", "long-read", "large"];

/// A server that people have used.
fn used() -> Server {
    let mut server = Server::start();
    let (mut http, index) = (server.http(), server.index("main"));
    for (name, version) in [("alpha", "1.0.0"), ("alpha", "1.1.0"), ("beta", "0.1.0"), ("gamma", "3.0.0")] {
        server.publish(name, version);
    }
    let readme = "Never was a registry moved so often. ".repeat(800);
    let long = CrateBuilder::new("long-read", "1.0.0").own_index(&index).readme(&readme);
    let large = CrateBuilder::new("large", "1.0.0").own_index(&index).file("noise", &noise(7, 3_000_000));
    for krate in [long, large] {
        http.publish("main", &krate.frame()).expect_status(200);
    }
    http.delete("/r/main/api/v1/crates/alpha/1.0.0/yank", &[]).expect_status(200);
    for _ in 0..3 {
        http.get("/r/main/dl/beta/0.1.0/download").expect_status(200);
    }
    let cli = server.cli();
    cli.user("bob", "publisher", "");
    cli.ok("team add core");
    cli.ok("team member add core bob");
    cli.ok("crate owner add main beta team:core");
    cli.ok("crate remove main gamma");
    // A server that stops writes down what it counted.
    server.stop();
    server.restart();
    server
}

fn index_path(name: &str) -> String {
    format!("/r/main/index/{}/{}/{name}", &name[..2], &name[2..4])
}

/// What clients get: the body and the tag of every index file, and every crate file.
fn served(server: &Server) -> Vec<(String, Vec<u8>)> {
    let mut http: Http = server.http();
    let mut all = Vec::new();
    for name in CRATES {
        let path = index_path(name);
        let answer = http.get(&path);
        if answer.status == 404 {
            continue;
        }
        let versions: Vec<String> =
            answer.index_lines().iter().map(|line| line["vers"].as_str().unwrap().to_owned()).collect();
        all.push((format!("{path} {}", answer.header("etag").unwrap()), answer.body));
        for version in versions {
            let path = format!("/r/main/dl/{name}/{version}/download");
            let body = http.get(&path).expect_status(200).body;
            all.push((path, body));
        }
    }
    assert!(all.len() >= 8, "{} answers", all.len());
    all
}

/// A folder that no server has used.
struct New {
    home: TempDir,
}

impl New {
    fn place() -> New {
        New { home: tempfile::tempdir().unwrap() }
    }

    /// One whose metadata is to be elsewhere.
    fn with_database(url: &str) -> New {
        let new = New::place();
        fs::create_dir_all(new.data()).unwrap();
        fs::write(new.data().join("holdfast.toml"), format!("database = {url:?}\n")).unwrap();
        new
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn cli(&self) -> Cli {
        Cli::on(&self.data())
    }

    fn server(&self) -> Server {
        Server::builder().data(&self.data()).start()
    }
}

fn with_path(cli: &Cli, line: &str, path: &Path) -> Ran {
    cli.run_with(line, &[path.to_str().unwrap()])
}

fn counts(ran: Ran) -> serde_json::Value {
    serde_json::from_str(&ran.ok().stdout).unwrap()
}

#[test]
fn a_server_moves_from_database_to_database() {
    let server = used();
    let folder = tempfile::tempdir().unwrap();
    let mut export = folder.path().join("first.holdfast");
    // Beside the running server.
    let exported = counts(with_path(&server.cli(), "export --json", &export));
    assert_eq!(exported["files"], 5, "{exported}");
    with_path(&server.cli(), "export", &export).fails().says("is there already");
    let before = served(&server);

    let running: Vec<_> = Kind::DATABASES.iter().filter_map(|kind| kind.start()).collect();
    let elsewhere = running.iter().map(|server| server.place());
    let embedded = [String::new(), format!("redb:{}", folder.path().join("new.redb").display())];
    for (number, url) in embedded.into_iter().chain(elsewhere).enumerate() {
        let new = if url.is_empty() { New::place() } else { New::with_database(&url) };
        let imported = counts(with_path(&new.cli(), "import --json", &export));
        assert_eq!(imported["files"], 5, "{url}: {imported}");
        assert_eq!(imported["skipped_documents"], 0, "{url}: {imported}");
        new.cli().assert_clean();
        with_path(&new.cli(), "import", &export).fails().says("not empty: it holds a server made at");
        // The next one moves on from here.
        export = folder.path().join(format!("{number}.holdfast"));
        with_path(&new.cli(), "export", &export).ok();
        let moved = new.server();
        let beta = moved.http().get("/r/main/api/v1/crates/beta").expect_status(200).json();
        assert_eq!(beta["crate"]["downloads"], 3, "{url}: {beta}");
        assert!(served(&moved) == before, "{url} serves other bytes");
        moved.publish("alpha", "2.0.0");
        // A number that was removed stays taken.
        let frame =
            CrateBuilder::new("gamma", "3.0.0").file("other", b"bytes").own_index(&moved.index("main"));
        moved.http().publish("main", &frame.frame()).expect_status(409);
        moved.assert_unharmed();
    }
}

#[test]
fn an_export_goes_through_a_pipe() {
    let server = used();
    let new = New::place();
    let child = |data: &Path, words: [&str; 2], stdin: Stdio, stdout: Stdio| -> Child {
        let mut command = Command::new(binary());
        command.args(words).arg("--data").arg(data).stdin(stdin).stdout(stdout);
        command.stderr(Stdio::null()).spawn().unwrap()
    };
    let mut export = child(server.data(), ["export", "-"], Stdio::null(), Stdio::piped());
    let pipe = Stdio::from(export.stdout.take().unwrap());
    let mut import = child(&new.data(), ["import", "-"], pipe, Stdio::null());
    assert!(export.wait().unwrap().success());
    assert!(import.wait().unwrap().success());
    new.cli().assert_clean();
    assert!(served(&new.server()) == served(&server));
    server.cli().run("export - --json").fails().says("name a file");
}

/// Enough metadata that an import stores some of it before it has all.
fn long_export(folder: &Path) -> (Server, Vec<u8>) {
    let server = used();
    let readme = "A long text about a small crate. ".repeat(1_900);
    let (mut http, index) = (server.http(), server.index("main"));
    for number in 0..40 {
        let name = format!("small-{number:02}");
        let krate = CrateBuilder::new(&name, "1.0.0").own_index(&index).readme(&readme);
        http.publish("main", &krate.frame()).expect_status(200);
    }
    let path = folder.join("long.holdfast");
    with_path(&server.cli(), "export", &path).ok();
    let stream = fs::read(path).unwrap();
    (server, stream)
}

/// Whether the database of a folder holds the mark of an import that began to store.
fn is_begun(data: &Path) -> bool {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let Ok(database) = rusqlite::Connection::open_with_flags(data.join("holdfast.db"), flags) else {
        return false;
    };
    let count = "SELECT count(*) FROM doc WHERE part = 'server' AND sort = 'import'";
    database.query_row(count, [], |row| row.get::<_, i64>(0)).is_ok_and(|count| count == 1)
}

#[test]
fn an_import_that_was_killed_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (server, stream) = long_export(folder.path());
    let new = New::place();
    fs::create_dir_all(new.data()).unwrap();
    let mut command = Command::new(binary());
    command.args(["import", "-"]).arg("--data").arg(new.data()).stdin(Stdio::piped());
    let mut import = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut pipe = import.stdin.take().unwrap();
    pipe.write_all(&stream[..stream.len() * 9 / 10]).unwrap();
    pipe.flush().unwrap();
    until("the import to store something", || is_begun(&new.data()).then_some(()));
    import.kill().unwrap();
    import.wait().unwrap();
    drop(pipe);

    let cli = new.cli();
    let refused = cli.fails("user list");
    assert!(refused.contains("not finished; go on with `--resume`"), "{refused}");
    let path = folder.path().join("long.holdfast");
    with_path(&cli, "import", &path).fails().says("not finished");
    let resumed = counts(with_path(&cli, "import --resume --json", &path));
    assert!(resumed["skipped_files"].as_u64().unwrap() > 0, "{resumed}");
    cli.assert_clean();
    assert!(served(&new.server()) == served(&server));
}

#[test]
fn what_was_cut_off_or_damaged_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let (server, stream) = long_export(folder.path());
    let whole = folder.path().join("long.holdfast");
    let bent = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        File::create(&path).unwrap().write_all(bytes).unwrap();
        path
    };
    let flipped = |at: usize| {
        let mut bytes = stream.clone();
        bytes[at] ^= 0x10;
        bytes
    };
    for (name, bytes, expected) in [
        ("cut", stream[..stream.len() * 9 / 10].to_vec(), "the export ends too early, after "),
        ("without-end", stream[..stream.len() - 10].to_vec(), "the export ends too early, after "),
        ("early", flipped(stream.len() / 4), "the export is damaged shortly before byte "),
        ("late", flipped(stream.len() * 9 / 10), "the export is damaged shortly before byte "),
        ("last", flipped(stream.len() - 20), "the export is damaged shortly before byte "),
        ("nothing", Vec::new(), "this is no export"),
        ("other", b"PK\x03\x04".to_vec(), "this is no export"),
    ] {
        let (new, path) = (New::place(), bent(name, &bytes));
        let said = with_path(&new.cli(), "import", &path).fails().stderr;
        assert!(said.contains(expected), "{name}: {said}");
        if is_begun(&new.data()) {
            assert!(
                said.contains("hint: what was stored is in order; repeat the command with `--resume`"),
                "{said}"
            );
        }
        // A whole copy of the same export makes it good.
        with_path(&new.cli(), "import --resume", &whole).ok();
        new.cli().assert_clean();
        if name == "late" {
            assert!(served(&new.server()) == served(&server));
        }
    }
}

#[test]
fn backups_copy_each_file_once_and_are_restored() {
    let server = used();
    let before = served(&server);
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("backups");
    let cli = server.cli();
    let first = counts(with_path(&cli, "backup --json", &place));
    assert_eq!((&first["copied_files"], &first["present_files"]), (&json!(5), &json!(0)), "{first}");
    let second = counts(with_path(&cli, "backup --json", &place));
    assert_eq!((&second["copied_files"], &second["copied_bytes"]), (&json!(0), &json!(0)), "{second}");
    server.publish("alpha", "3.0.0");
    let third = counts(with_path(&cli, "backup --keep 2 --prune --json", &place));
    assert_eq!((&third["copied_files"], &third["present_files"]), (&json!(1), &json!(5)), "{third}");
    assert_eq!(third["forgotten"], json!([first["made_at"]]), "{third}");

    let new = New::place();
    let listed = counts(with_path(&new.cli(), "restore --list --json", &place));
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    // The search index of whoever was here before knows other crates.
    fs::create_dir_all(new.data().join("search")).unwrap();
    fs::write(new.data().join("search/stale"), "").unwrap();
    with_path(&new.cli(), "restore", &place)
        .ok()
        .says(&format!("as of `{}`", third["made_at"].as_str().unwrap()));
    assert!(!new.data().join("search/stale").exists());
    new.cli().assert_clean();
    assert!(served(&new.server()) == served(&server));
    assert!(served(&server) != before);
    let url = format!("file:{}", place.display());
    let refused = new.cli().run_with("restore", &[&url]).fails();
    assert!(refused.output().contains("not empty"), "{}", refused.output());
    for entry in fs::read_dir(server.data()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.starts_with("spool-"), "{name} was left behind");
    }
    server.assert_unharmed();
}

#[test]
fn backups_go_to_a_bucket() {
    let Some(store) = Kind::S3.start() else { return };
    let (server, place) = (used(), store.place());
    let first = counts(server.cli().run_with("backup --json", &[&place]));
    assert_eq!(first["copied_files"], 5, "{first}");
    let second = counts(server.cli().run_with("backup --json --prune", &[&place]));
    assert_eq!(second["copied_files"], 0, "{second}");
    let new = New::place();
    new.cli().run_with("restore", &[&place]).ok();
    new.cli().assert_clean();
    assert!(served(&new.server()) == served(&server));
}
