//! What the book tells people to copy works: each provider is taken, and each rule.

use holdfast_testkit::{Cli, Server};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The blocks of code of one language on a page of the book.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/src").join(page);
    let text = fs::read_to_string(path).unwrap();
    let start = format!("```{language}\n");
    let blocks: Vec<_> =
        text.split(&start).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect();
    assert!(!blocks.is_empty(), "{page} has no {language}");
    blocks
}

#[test]
fn every_provider_of_the_book_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("providers.toml");
    let secret = folder.path().join("secret");
    fs::write(&secret, "from another file\n").unwrap();
    for block in blocks("operate/sign-in.md", "toml") {
        let lines = block.lines().filter(|line| !line.starts_with("ca-file"));
        let text: String = lines
            .map(|line| match line.split_once("\"file:") {
                Some((start, _)) => format!("{start}\"file:{}\"\n", secret.display()),
                None => format!("{line}\n"),
            })
            .collect();
        fs::write(&file, &text).unwrap();
        let cli = Cli::on(&folder.path().join("data")).env("HOLDFAST_PROVIDERS", file.to_str().unwrap());
        cli.run("config check").ok();
        // That something is wrong would be said.
        fs::write(&file, text.replace("kind = ", "kin = ")).unwrap();
        cli.run("config check").fails();
    }
}

/// The issuers that the operator of the book lets in.
fn issuers_of_the_book() -> String {
    let table: toml::Table = blocks("operate/ci.md", "toml")[0].parse().unwrap();
    let issuers = table["trusted-issuers"].as_array().unwrap().iter();
    issuers.map(|issuer| issuer.as_str().unwrap()).collect::<Vec<_>>().join(",")
}

#[test]
fn every_rule_of_the_book_is_taken() {
    let server = Server::builder().env("HOLDFAST_TRUSTED_ISSUERS", &issuers_of_the_book()).start();
    server.publish("my-crate", "1.0.0");
    let mut admin = server.http();
    let mut taken = 0;
    for block in blocks("guide/trusted-publishing.md", "json") {
        let Ok(trust) = serde_json::from_str::<Value>(&block) else {
            assert!(block.contains('…'), "{block}");
            continue;
        };
        for path in ["/api/v1/registries/main/crates/my-crate/trust", "/api/v1/registries/main/trust"] {
            admin.put_json(path, &trust).expect_status(204);
            let shown = admin.get(path).expect_status(200).json();
            assert_eq!(shown, json!({ "rules": trust["rules"], "only": false }));
        }
        taken += 1;
    }
    assert!(taken >= 5, "{taken} rules");
}
