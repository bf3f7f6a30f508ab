//! The first start without any option but where: what it prints can be pasted, and then cargo works.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use holdfast_testkit::{Cargo, Project, Server};

/// The lines of the configuration in what the server printed: those of TOML tables and their keys.
fn configuration(printed: &str) -> String {
    let is_toml = |line: &&str| {
        let line = line.trim();
        line.starts_with('[') && line.ends_with(']') || line.contains(" = ")
    };
    printed.lines().filter(is_toml).map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_the_first_start_prints_can_be_pasted() {
    let mut server = Server::builder().without_token().start();
    let printed = server.stdout();
    let login = printed.lines().map(str::trim).find(|line| line.contains("cargo login"));
    let login = login.unwrap_or_else(|| panic!("no `cargo login` in what the server printed:\n{printed}"));
    let configuration = configuration(&printed);
    assert!(configuration.contains(&server.index("main")), "no address of the index in:\n{printed}");

    let cargo = Cargo::with_config(&configuration);
    cargo.paste(login).ok();
    let library = Project::library("alpha", "1.0.0").write(&cargo);
    cargo.ok(&library, "publish --no-verify --registry main");
    let program = Project::program("consumer", "0.1.0", &["alpha::name()"]).write(&cargo);
    cargo.ok(&program, "add alpha --registry main");
    assert_eq!(cargo.ok(&program, "run --quiet").stdout, "alpha 1.0.0\n");

    // The token is shown once, never logged, and the second start makes no other.
    let token = printed.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let token = token.into_iter().find(|word| word.starts_with("hf_")).unwrap().to_owned();
    assert!(!server.log().contains(&token), "the log tells the token");
    server.stop();
    server.restart();
    let after = server.stdout();
    assert_eq!(after.matches("hf_").count(), printed.matches("hf_").count(), "{after}");
    cargo.anywhere("info alpha --registry main").ok();
}

#[test]
fn a_chosen_token_is_never_printed() {
    let server = Server::start();
    server.http().get("/r/main/index/config.json").expect_status(200);
    assert!(!server.stdout().contains(server.token()), "{}", server.stdout());
    server.assert_unharmed();
}

#[test]
fn a_port_that_is_taken_is_said_in_words() {
    let server = Server::start();
    let address = server.address().to_string();
    let folder = tempfile::tempdir().unwrap();
    let cli = holdfast_testkit::Cli::on(&folder.path().join("data"));
    let said = cli.fails(&format!("serve --listen {address}"));
    assert!(said.starts_with("error: ") && said.contains(&address), "{said}");
}

#[test]
fn nothing_is_needed_but_the_binary() {
    let server = Server::builder().without_token().start();
    server.anonymous().get("/livez").expect_status(200);
    server.anonymous().get("/r/main/index/config.json").expect_status(401);
    assert!(server.data().join("holdfast.db").is_file() && server.data().join("blobs").is_dir());
}

#[test]
fn servers_on_one_folder_start_without_a_fault() {
    let first = Server::start();
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        first.publish("alpha", version);
    }
    let another = || Server::builder().data(first.data()).token(first.token()).start();
    let others: Vec<Server> = (0..3).map(|_| another()).collect();
    others[0].publish("beta", "1.0.0");
    for server in others.iter().chain([&first]) {
        server.wait_until_searchable(2);
        assert!(!server.log().contains("ERROR"), "{}", server.log());
    }
}
