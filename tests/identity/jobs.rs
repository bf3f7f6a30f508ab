//! CI jobs: no secret anywhere but what the CI system signs for the job.

use crate::support::{cargo, now};
use holdfast_servers::{Act, Oidc};
use holdfast_testkit::{Cargo, Project, Server};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A server that lets the jobs of an issuer in.
fn server(oidc: &Oidc) -> Server {
    Server::builder().with_public_url().env("HOLDFAST_TRUSTED_ISSUERS", &oidc.issuer()).start()
}

/// What an issuer signs for a job of a repository, in the manner of GitHub Actions.
fn mint(oidc: &Oidc, server: &Server, repository: &str) -> String {
    static RUN: AtomicU64 = AtomicU64::new(1);
    let run = RUN.fetch_add(1, Ordering::Relaxed);
    let audience = server.address().to_string();
    let workflow = format!("{repository}/.github/workflows/release.yml@refs/tags/v1.0.0");
    oidc.mint(
        &json!({ "header": { "alg": "RS256" }, "key": "RS256", "claims": {
            "iss": oidc.issuer(), "aud": audience, "jti": format!("job-{run}"),
            "sub": format!("repo:{repository}:ref:refs/tags/v1.0.0"),
            "repository": repository, "repository_owner_id": "65", "workflow_ref": workflow,
            "event_name": "push", "ref": "refs/tags/v1.0.0", "run_id": run.to_string(),
            "iat": now(), "nbf": now(), "exp": now() + 300,
        } })
        .to_string(),
    )
}

fn rule(oidc: &Oidc) -> Value {
    json!({ "provider": "custom", "issuer": oidc.issuer(),
        "claims": { "repository": "acme/alpha", "ref": "refs/tags/v*", "event_name": "push" } })
}

/// A cargo in a job, whose configuration is that of everybody.
fn job(server: &Server, token: &str) -> Cargo {
    cargo(server).env("HOLDFAST_ID_TOKEN", token).env("CI", "true")
}

#[test]
fn a_job_reads_and_publishes_without_a_secret() {
    let Some(oidc) = Oidc::start() else { return };
    let server = server(&oidc);
    Project::library("beta", "1.0.0").publish(&server.cargo());
    Project::library("alpha", "1.0.0").publish(&server.cargo());
    let mut admin = server.http();
    let rules = json!({ "rules": [rule(&oidc)] });

    let early = job(&server, &mint(&oidc, &server, "acme/alpha"));
    early.anywhere("info alpha --registry main").fails().says("lets no jobs of");
    admin.put_json("/api/v1/registries/main/trust", &rules).expect_status(204);
    admin.put_json("/api/v1/registries/main/crates/alpha/trust", &rules).expect_status(204);

    // With all that a publish does: what it needs is read, and it is built.
    let cargo = job(&server, &mint(&oidc, &server, "acme/alpha"));
    let next = Project::library("alpha", "1.1.0").depends("beta", "1").write(&cargo);
    cargo.ok(&next, "publish").says("Published alpha v1.1.0");

    // Another crate does not trust this job, and the job cannot yank.
    let cargo = job(&server, &mint(&oidc, &server, "acme/alpha"));
    let other = Project::library("beta", "1.1.0").write(&cargo);
    cargo.fails(&other, "publish --no-verify").says("beta");
    cargo.fails(&next, "yank --version 1.1.0");

    // Another repository is told which claim differs.
    let cargo = job(&server, &mint(&oidc, &server, "acme/fork"));
    let next = Project::library("alpha", "1.2.0").write(&cargo);
    cargo.fails(&next, "publish --no-verify").says("`repository` is `acme/fork`");
    server.assert_unharmed();
}

#[test]
fn a_job_runs_several_commands_with_its_one_token() {
    let Some(oidc) = Oidc::start() else { return };
    let server = server(&oidc);
    Project::library("alpha", "1.0.0").publish(&server.cargo());
    let rules = json!({ "rules": [rule(&oidc)] });
    server.http().put_json("/api/v1/registries/main/trust", &rules).expect_status(204);
    let cargo = job(&server, &mint(&oidc, &server, "acme/alpha"));
    for _ in 0..2 {
        cargo.anywhere("info alpha --registry main").ok();
    }
}

#[test]
fn a_crate_can_be_left_to_its_jobs_alone() {
    let Some(oidc) = Oidc::start() else { return };
    let server = server(&oidc);
    Project::library("alpha", "1.0.0").publish(&server.cargo());
    let mut admin = server.http();
    let readers = json!({ "rules": [rule(&oidc)] });
    admin.put_json("/api/v1/registries/main/trust", &readers).expect_status(204);
    let rules = json!({ "rules": [rule(&oidc)], "only": true });
    admin.put_json("/api/v1/registries/main/crates/alpha/trust", &rules).expect_status(204);

    let owner = server.cargo();
    let next = Project::library("alpha", "1.1.0").write(&owner);
    owner.fails(&next, "publish --no-verify").says("status 403");
    Project::library("alpha", "1.1.0").publish(&job(&server, &mint(&oidc, &server, "acme/alpha")));
    owner.ok(&next, "yank --version 1.1.0");
}

#[test]
fn an_issuer_that_the_operator_does_not_name_is_never_asked() {
    let Some(oidc) = Oidc::start() else { return };
    let server = Server::builder().with_public_url().start();
    Project::library("alpha", "1.0.0").publish(&server.cargo());
    let asked = Arc::new(AtomicU64::new(0));
    let counted = asked.clone();
    oidc.front().script(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Act::Forward
    });
    let mut admin = server.http();
    let rules = json!({ "rules": [rule(&oidc)] });
    for path in ["/api/v1/registries/main/trust", "/api/v1/registries/main/crates/alpha/trust"] {
        let refused = admin.put_json(path, &rules).expect_status(403);
        assert!(refused.text().contains("`trusted-issuers`"), "{}", refused.text());
    }
    let job = job(&server, &mint(&oidc, &server, "acme/alpha"));
    job.anywhere("info alpha --registry main").fails().says("`trusted-issuers`");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}
