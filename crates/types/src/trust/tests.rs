//! Claims as the providers write them, and each way in which they can differ from a rule.

use super::*;
use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::json;

fn rule(value: Value) -> TrustRule {
    serde_json::from_value(value).unwrap()
}

/// Claims with some changed; `null` takes one away.
fn changed(claims: &Value, change: &Value) -> Map<String, Value> {
    let mut claims = claims.as_object().unwrap().clone();
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
    claims
}

/// The refusals of a rule, one for each change of claims that it accepts.
fn refusals(rule: &TrustRule, claims: &Value, changes: &[Value]) -> String {
    assert_eq!(rule.check(claims.as_object().unwrap()), Ok(()));
    let stored = serde_json::to_string(rule).unwrap();
    assert_eq!(serde_json::from_str::<TrustRule>(&stored).unwrap(), *rule, "{stored}");
    let refusal = |change: &Value| rule.check(&changed(claims, change)).unwrap_err().to_string();
    changes.iter().map(refusal).collect::<Vec<_>>().join("\n")
}

fn github_claims() -> Value {
    json!({
        "actor": "octocat", "actor_id": "12", "aud": "crates.example", "base_ref": "",
        "environment": "release", "event_name": "push", "exp": 1_790_000_300, "head_ref": "",
        "iat": 1_790_000_000, "iss": "https://token.actions.githubusercontent.com",
        "job_workflow_ref": "acme/foo/.github/workflows/release.yml@refs/tags/v1.0.0",
        "jti": "a6a1d0a1-0000-4000-8000-000000000000", "nbf": 1_789_999_400, "ref": "refs/tags/v1.0.0",
        "ref_protected": "false", "ref_type": "tag", "repository": "acme/foo", "repository_id": "74",
        "repository_owner": "acme", "repository_owner_id": "65", "repository_visibility": "private",
        "run_attempt": "1", "run_id": "3", "run_number": "10", "runner_environment": "github-hosted",
        "sha": "example-sha", "sub": "repo:acme/foo:environment:release", "workflow": "Release",
        "workflow_ref": "acme/foo/.github/workflows/release.yml@refs/tags/v1.0.0",
    })
}

#[test]
fn github() {
    let rule = rule(json!({ "provider": "github", "owner": "Acme", "owner-id": 65, "repository": "foo",
        "workflow": "release.yml", "environment": "Release", "git-ref": { "tag": "v*" } }));
    assert_eq!(rule.issuer().as_str(), GITHUB_ISSUER);
    assert_snapshot!(refusals(
        &rule,
        &github_claims(),
        &[
            json!({ "iss": "https://token.actions.githubusercontent.com/evil" }),
            json!({ "repository": "acme/other" }),
            json!({ "repository": null }),
            json!({ "repository": ["acme/foo"] }),
            json!({ "repository_owner_id": "66" }),
            json!({ "workflow_ref": "acme/foo/.github/workflows/test.yml@refs/heads/main" }),
            json!({ "workflow_ref": "acme/foo/.github/workflows/release.yml@evil.yml@refs/heads/main" }),
            json!({ "workflow_ref": "acme/foo/.github/workflows/Release.yml@refs/heads/main" }),
            json!({ "workflow_ref": "evil/foo/.github/workflows/release.yml@refs/heads/main" }),
            json!({ "workflow_ref": "acme/foo-evil/.github/workflows/release.yml@refs/heads/main" }),
            json!({ "event_name": "pull_request_target" }),
            json!({ "event_name": "workflow_run" }),
            json!({ "event_name": null }),
            json!({ "environment": "staging" }),
            json!({ "environment": "" }),
            json!({ "ref": "refs/heads/v1" }),
            json!({ "ref": "refs/tags/nightly\u{7}" }),
        ]
    ));
}

#[test]
fn github_with_less() {
    let rule =
        rule(json!({ "provider": "github", "owner": "acme", "repository": "FOO", "workflow": "release.yml",
        "issuer": "https://github.acme.example/_services/token" }));
    let claims = changed(
        &github_claims(),
        &json!({ "iss": "https://github.acme.example/_services/token", "environment": null,
            "ref": "refs/heads/a@b", "workflow_ref": "Acme/foo/.github/workflows/release.yml@refs/heads/a@b" }),
    );
    assert_eq!(rule.check(&claims), Ok(()));
    assert!(rule.check(github_claims().as_object().unwrap()).is_err());
}

#[test]
fn gitlab() {
    let rule = rule(json!({ "provider": "gitlab", "project": "acme/tools/foo", "namespace-id": 72,
        "config": ".gitlab-ci.yml", "environment": "production", "git-ref": { "branch": "main" } }));
    let claims = json!({
        "namespace_id": "72", "namespace_path": "acme/tools", "project_id": "20",
        "project_path": "acme/tools/foo", "user_id": "1", "user_login": "sample-user",
        "pipeline_id": "574", "pipeline_source": "push", "job_id": "302", "ref": "main", "ref_type": "branch",
        "ref_path": "refs/heads/main", "ref_protected": "true", "environment": "production",
        "environment_protected": "false", "deployment_tier": "production", "runner_id": 1,
        "runner_environment": "self-hosted", "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "ci_config_ref_uri": "gitlab.com/acme/tools/foo//.gitlab-ci.yml@refs/heads/main",
        "ci_config_sha": "714a629c0b401fdce83e847fc9589983fc6f46bc", "jti": "235b3a54", "iss": "https://gitlab.com",
        "iat": 1_790_000_000, "nbf": 1_789_999_995, "exp": 1_790_003_600,
        "sub": "project_path:acme/tools/foo:ref_type:branch:ref:main", "aud": "crates.example",
    });
    assert_snapshot!(refusals(
        &rule,
        &claims,
        &[
            json!({ "iss": "https://gitlab.acme.example" }),
            json!({ "project_path": "acme/foo" }),
            json!({ "namespace_id": 73 }),
            json!({ "ci_config_ref_uri": "gitlab.com/acme/tools/foo//other.yml@refs/heads/main" }),
            json!({ "ci_config_ref_uri": "gitlab.com/evil-acme/tools/foo//.gitlab-ci.yml@refs/heads/main" }),
            json!({ "ci_config_ref_uri": "gitlab.com/acme/tools/foo//.gitlab-ci.yml@evil" }),
            json!({ "ci_config_ref_uri": null }),
            json!({ "environment": null }),
            json!({ "ref_type": "tag" }),
            json!({ "ref": "maintenance" }),
            json!({ "pipeline_source": "merge_request_event" }),
        ]
    ));
}

#[test]
fn a_rule_is_about_its_place_whatever_else_differs() {
    for (value, place, elsewhere) in [
        (
            json!({ "provider": "github", "owner": "acme", "repository": "foo", "workflow": "release.yml" }),
            json!({ "repository": "Acme/foo" }),
            json!({ "repository": "acme/bar" }),
        ),
        (
            json!({ "provider": "gitlab", "project": "acme/foo" }),
            json!({ "project_path": "acme/foo" }),
            json!({ "project_path": "acme/bar", "ref": "main" }),
        ),
        (
            json!({ "provider": "buildkite", "organization": "acme", "pipeline": "foo" }),
            json!({ "organization_slug": "acme", "pipeline_slug": "foo" }),
            json!({ "organization_slug": "evil", "pipeline_slug": "foo" }),
        ),
        (
            json!({ "provider": "custom", "issuer": "https://ci.acme.example", "claims": { "sub": "foo" } }),
            json!({}),
            Value::Null,
        ),
        (
            json!({ "provider": "custom", "issuer": "https://gitlab.com", "claims": { "sub": "foo" } }),
            Value::Null,
            json!({ "sub": "foo" }),
        ),
    ] {
        let rule = rule(value);
        let is_about = |claims: &Value| claims.as_object().map(|claims| rule.is_about(claims));
        assert_ne!(is_about(&place), Some(false), "{place}");
        assert_ne!(is_about(&elsewhere), Some(true), "{elsewhere}");
    }
}

#[test]
fn forgejo() {
    let rule = rule(json!({ "provider": "forgejo", "issuer": "https://forge.example/api/actions",
        "owner": "acme", "owner-id": 3, "repository": "foo", "workflow": "release.yaml",
        "git-ref": { "branch": "release/*" } }));
    let claims = json!({
        "actor": "alice", "actor_id": "4", "aud": "crates.example", "base_ref": "", "event_name": "push",
        "exp": 1_790_003_600, "head_ref": "", "iat": 1_790_000_000, "iss": "https://forge.example/api/actions",
        "nbf": 1_790_000_000, "ref": "refs/heads/release/1.0", "ref_protected": "false", "ref_type": "branch",
        "repository": "acme/foo", "repository_id": "9", "repository_owner": "acme",
        "repository_owner_id": "3", "run_attempt": "1", "run_id": "19", "run_number": "7",
        "sha": "44231dafc5e0b6b6fa2d0c1ed4c2ab1a8a8a3fe8", "sub": "repo:acme-3/foo-9:ref:refs/heads/release/1.0",
        "workflow": "release.yaml",
        "workflow_ref": "acme/foo/.forgejo/workflows/release.yaml@refs/heads/release/1.0",
    });
    assert_snapshot!(refusals(
        &rule,
        &claims,
        &[
            json!({ "iss": "https://forge.example" }),
            json!({ "repository": "acme/bar" }),
            json!({ "repository_owner_id": null }),
            json!({ "workflow_ref": "acme/foo/release.yaml@refs/heads/main" }),
            json!({ "workflow_ref": "acme/foo/.forgejo/workflows/test.yaml@refs/heads/main" }),
            json!({ "event_name": "pull_request_target" }),
            json!({ "ref": "refs/heads/main" }),
        ]
    ));
    let in_other_folder = json!({ "workflow_ref": "acme/foo/.gitea/workflows/release.yaml@refs/heads/main" });
    assert_eq!(rule.check(&changed(&claims, &in_other_folder)), Ok(()));
}

#[test]
fn buildkite() {
    let rule = rule(json!({ "provider": "buildkite", "organization": "acme-inc", "pipeline": "foo",
        "step": "publish", "git-ref": { "tag": "v*" } }));
    let claims = json!({
        "iss": "https://agent.buildkite.com", "aud": "crates.example", "iat": 1_790_000_000,
        "sub": "organization:acme-inc:pipeline:foo:ref:refs/tags/v1.0.0:commit:9f3182061f1e:step:publish",
        "nbf": 1_790_000_000, "exp": 1_790_000_300, "jti": "0194b014-8517-7cef-b232-76a827315f08",
        "organization_slug": "acme-inc", "pipeline_slug": "foo", "build_number": 1, "build_branch": "main",
        "build_tag": "v1.0.0", "build_commit": "9f3182061f1e", "step_key": "publish",
        "job_id": "0184990a-477b-4fa8-9968-496074483cee", "agent_id": "0184990a-4782-42b5-afc1-16715b10b8ff",
        "build_source": "ui", "runner_environment": "buildkite-hosted",
    });
    assert_snapshot!(refusals(
        &rule,
        &claims,
        &[
            json!({ "iss": "https://buildkite.com" }),
            json!({ "organization_slug": "evil" }),
            json!({ "pipeline_slug": "FOO" }),
            json!({ "step_key": null }),
            json!({ "build_tag": null }),
            json!({ "build_tag": "1.0" }),
        ]
    ));
}

#[test]
fn custom() {
    let rule = rule(json!({ "provider": "custom", "issuer": "http://localhost:8080/cluster",
        "claims": { "sub": "system:serviceaccount:ci:*", "generation": "2", "is-release": "true", "zone": "*" } }));
    let claims = json!({ "iss": "http://localhost:8080/cluster", "sub": "system:serviceaccount:ci:publisher",
        "generation": 2, "is-release": true, "zone": "a" });
    assert_snapshot!(refusals(
        &rule,
        &claims,
        &[
            json!({ "sub": "system:serviceaccount:dev:publisher" }),
            json!({ "generation": 3 }),
            json!({ "is-release": false }),
            json!({ "zone": null }),
            json!({ "sub": { "a": 1 } }),
        ]
    ));
}

#[test]
fn rules_that_mean_nothing_are_refused() {
    let github = |change: Value| {
        let rule = json!({ "provider": "github", "owner": "acme", "repository": "foo", "workflow": "a.yml" });
        Value::Object(changed(&rule, &change))
    };
    let custom =
        |claims: Value| json!({ "provider": "custom", "issuer": "https://ci.example", "claims": claims });
    let many: Map<String, Value> = (0..21).map(|n| (format!("c{n}"), json!("x"))).collect();
    let rules = [
        json!({ "provider": "jenkins" }),
        github(json!({ "owner": "" })),
        github(json!({ "owner": "a/b" })),
        github(json!({ "owner": null })),
        github(json!({ "workflow": ".github/workflows/a.yml" })),
        github(json!({ "workflow": "a.txt" })),
        github(json!({ "workflow": ".yml" })),
        github(json!({ "environment": "a\nb" })),
        github(json!({ "environment": "a".repeat(257) })),
        github(json!({ "owner-id": "65" })),
        github(json!({ "enviroment": "release" })),
        github(json!({ "git-ref": { "commit": "*" } })),
        github(json!({ "git-ref": { "tag": "*".repeat(9) } })),
        github(json!({ "issuer": "http://ci.example" })),
        json!({ "provider": "gitlab", "project": "acme//foo" }),
        custom(json!({})),
        custom(json!({ "sub": "*", "zone": "**" })),
        custom(json!({ "aud": "x" })),
        custom(Value::Object(many)),
    ];
    let refusal = |rule: Value| serde_json::from_value::<TrustRule>(rule).unwrap_err().to_string();
    assert_snapshot!(rules.map(refusal).join("\n"));
}

#[test]
fn issuers_are_addresses() {
    for text in [
        GITHUB_ISSUER,
        GITLAB_ISSUER,
        BUILDKITE_ISSUER,
        "https://h:8443/a/",
        "http://localhost:1",
        "http://127.0.0.1/x",
        "http://[::1]:80",
        "https://[fe80::1]",
    ] {
        assert!(text.parse::<IssuerUrl>().is_ok(), "{text}");
    }
    for text in [
        "",
        "https://",
        "https:///x",
        "h",
        "ftp://h",
        "http://h",
        "http://localhost.evil",
        "https://h?x",
        "https://h#x",
        "https://a@h",
        "https://h:x",
        "https://h:99999",
        "https://h x",
        "https://é",
        "https://[x]",
        "http://127.0.0.1@evil",
        "https://h\\x",
    ] {
        assert!(text.parse::<IssuerUrl>().is_err(), "{text}");
    }
}

#[test]
fn issuers_are_chosen_by_whole_names() {
    let check = |pattern: &str, issuer: &str, expected: bool| {
        let pattern: IssuerPattern = pattern.parse().unwrap();
        assert_eq!(pattern.takes(&issuer.parse().unwrap()), expected, "{pattern} {issuer}");
    };
    for issuer in [
        GITHUB_ISSUER,
        "https://token.actions.githubusercontent.com/acme",
        GITLAB_ISSUER,
        BUILDKITE_ISSUER,
        "https://codeberg.org/api/actions",
        "https://oidc.circleci.com/org/00000000-0000-0000-0000-000000000000",
        "https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc",
    ] {
        check("public", issuer, true);
    }
    for issuer in [
        "https://gitlab.example",
        "https://gitlab.com/",
        "https://gitlab.com:8443",
        "https://gitlab.com.evil.example",
        "https://token.actions.githubusercontent.com/a/b",
        "https://oidc.circleci.com/org/",
        "https://169.254.169.254",
        "http://localhost:80",
    ] {
        check("public", issuer, false);
        check(issuer, issuer, true);
    }
    check("https://*.example.com", "https://ci.example.com", true);
    check("https://*.example.com", "https://a.ci.example.com", false);
    check("https://*.example.com", "https://example.com", false);
    check("https://*.example.com", "https://.example.com", false);
    check("https://*.example.com", "https://evil/example/com", false);
    check("https://*.example.com", "https://evil.org/.example.com", false);
    check("https://*.example.com", "https://ci.example.com:8443", false);
    check("https://*.example.com", "https://ci.example.com/x", false);
    check("https://oidc.*.example.com/id/*", "https://oidc.eu-1.example.com/id/a.b", true);
    check("https://oidc.*.example.com/id/*", "https://oidc.eu-1.example.com/id/a/b", false);
    for text in [
        "",
        "*",
        "Public",
        "gitlab.com",
        "https://*",
        "https://ci.*",
        "https://*:8443",
        "https://ci.example.com*",
        "https://a*.example.com",
        "https://*:443.example.com",
        "https://ci.example.com/a*",
        "http://ci.example.com",
        "http://*.localhost",
        "https://a@ci.example.com",
    ] {
        assert!(text.parse::<IssuerPattern>().is_err(), "{text}");
    }
}

#[test]
fn patterns_have_stars() {
    let check = |pattern: &str, text: &str, expected: bool| {
        assert_eq!(pattern.parse::<ClaimPattern>().unwrap().matches(text), expected, "{pattern} {text}");
    };
    check("main", "main", true);
    check("main", "main2", false);
    check("v*", "v", true);
    check("v*", "v1.0", true);
    check("v*", "1", false);
    check("*-rc", "1-rc", true);
    check("a*a", "a", false);
    check("a*a", "aa", true);
    check("a*b*c", "a-b-b-c", true);
    check("a*b*c", "acb", false);
    check("*", "", true);
}

proptest! {
    #[test]
    fn patterns_match_as_a_plain_definition_does(pattern in "[ab*]{1,8}", text in "[ab]{0,10}") {
        fn matches(pattern: &[u8], text: &[u8]) -> bool {
            match pattern.split_first() {
                None => text.is_empty(),
                Some((b'*', rest)) => (0..=text.len()).any(|skipped| matches(rest, &text[skipped..])),
                Some((first, rest)) => text.split_first().is_some_and(|(c, text)| c == first && matches(rest, text)),
            }
        }
        let expected = matches(pattern.as_bytes(), text.as_bytes());
        prop_assert_eq!(pattern.parse::<ClaimPattern>().unwrap().matches(&text), expected);
    }

    #[test]
    fn no_claims_panic(name in "repository|workflow_ref|ref|event_name", value in "\\PC{0,60}|acme/foo/.{0,30}") {
        let rule = rule(json!({ "provider": "github", "owner": "acme", "repository": "foo",
            "workflow": "release.yml", "git-ref": { "tag": "v*" } }));
        drop(rule.check(&changed(&github_claims(), &json!({ name: value }))));
    }

    #[test]
    fn no_config_claims_panic(value in "\\PC{0,60}|gitlab.com/\\PC{0,30}//\\PC{0,20}") {
        let rule = rule(json!({ "provider": "gitlab", "project": "a/b", "config": "x.yml" }));
        let claims = json!({ "iss": GITLAB_ISSUER, "project_path": "a/b", "ci_config_ref_uri": value });
        drop(rule.check(claims.as_object().unwrap()));
    }
}
