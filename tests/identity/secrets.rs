//! Secrets are in no log, error, metric or command's result, however much is logged: each is planted, used rightly
//! and wrongly, and looked for in all that the server says.

use crate::support::{Person, add, encoded, now, with_providers};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use holdfast_servers::{Oidc, Slapd};
use holdfast_testkit::{Answer, Http, Server};
use serde_json::json;

/// Everything that must not be seen, and everything that was said.
#[derive(Default)]
struct Watch {
    secrets: Vec<(&'static str, String)>,
    said: Vec<(String, String)>,
}

impl Watch {
    fn plant(&mut self, what: &'static str, secret: &str) -> String {
        assert!(secret.len() >= 8, "{what} could stand anywhere: {secret}");
        self.secrets.push((what, secret.to_owned()));
        secret.to_owned()
    }

    /// Keeps an answer that must be a refusal.
    #[track_caller]
    fn refused(&mut self, answer: &Answer) {
        assert!(answer.status >= 400, "`{}` answered {}", answer.line, answer.status);
        let headers: Vec<_> = answer.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let said = format!("{}\n{}", headers.join("\n"), answer.text());
        self.said.push((format!("the refusal of `{}`", answer.line), said));
    }

    fn hear(&mut self, from: &str, said: String) {
        self.said.push((from.to_owned(), said));
    }

    fn assert_nothing_was_told(&self) {
        let mut found = Vec::new();
        for (what, secret) in &self.secrets {
            for (from, said) in &self.said {
                for form in [secret.clone(), encoded(secret)] {
                    if let Some(line) = said.lines().find(|line| line.contains(&form)) {
                        let line: String = line.chars().take(400).collect();
                        found.push(format!("{what} is in {from}: {line}"));
                    }
                }
            }
        }
        found.sort();
        found.dedup();
        assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    }
}

fn form(http: &mut Http, path: &str, fields: &[(&str, &str)]) -> Answer {
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Sec-Fetch-Site", "same-origin")];
    let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    http.send("POST", path, &headers, pairs.join("&").as_bytes())
}

#[test]
fn secrets_are_seen_nowhere() {
    let (Some(oidc), Some(slapd)) = (Oidc::start(), Slapd::start()) else { return };
    let mut watch = Watch::default();
    let client_secret = watch.plant("the client's secret", Oidc::SECRET);
    let bind_password = watch.plant("the password of the directory's reader", Slapd::PASSWORD);
    let (builder, folder) = with_providers(&format!(
        "[example]\nkind = \"oidc\"\nissuer = {:?}\nclient-id = {:?}\nclient-secret = {client_secret:?}\n\
         [example.rules]\ncreate-users = true\n\
         [office]\nkind = \"ldap\"\nurl = {:?}\nbind-dn = {:?}\nbind-password = {bind_password:?}\nbase-dn = {:?}\n\
         [office.rules]\ncreate-users = true\n",
        oidc.issuer(),
        Oidc::CLIENT,
        slapd.url(),
        Slapd::READER,
        Slapd::BASE,
    ));
    let builder = builder.env("HOLDFAST_LOG", "trace").env("HOLDFAST_SELF_REGISTRATION", "reader");
    let builder = builder.env("HOLDFAST_TRUSTED_ISSUERS", &oidc.issuer());
    let server = builder.with_public_url().start();
    watch.plant("the bootstrap token", server.token());

    passwords(&server, &mut watch);
    tokens(&server, &mut watch);
    invitations(&server, &mut watch);
    devices(&server, &mut watch);
    jobs(&server, &oidc, &mut watch);
    people_of_others(&server, &oidc, &mut watch);
    queries(&server, &mut watch);

    watch.hear("the metrics", server.http().get("/metrics").expect_status(200).text());
    for path in ["/api/v1/audit", "/api/v1/tokens?user=*", "/api/v1/invitations", "/api/v1/users"] {
        watch.hear(path, server.http().get(path).expect_status(200).text());
    }
    let providers = folder.path().join("providers.toml");
    let cli = server.cli().env("HOLDFAST_BOOTSTRAP_TOKEN", server.token());
    let cli = cli.env("HOLDFAST_PROVIDERS", providers.to_str().unwrap());
    for line in ["audit --json", "audit", "config show", "config check", "token list", "user list --json"] {
        watch.hear(&format!("`holdfast {line}`"), cli.run(line).ok().output());
    }
    watch.hear("the log", server.log());
    watch.hear("the output", server.stdout());
    assert!(server.log().contains("TRACE") || server.log().contains("DEBUG"), "the log is quiet");
    watch.assert_nothing_was_told();
    server.assert_unharmed();
}

/// People type passwords where names belong; others write what moves a terminal's cursor.
#[test]
fn what_stands_in_place_of_a_name_is_not_kept() {
    let (builder, _folder) = with_providers("");
    let server = builder.start();
    let mut watch = Watch::default();
    for typed in ["Misplaced-horse-battery!", "misplacedhorse", "\u{1b}[2Jcleared"] {
        let typed = watch.plant("what was typed in place of a name", typed);
        watch.refused(&Person::sign_in(&server, &typed, "whatever it is").err().unwrap());
    }
    for line in ["audit --json", "audit"] {
        watch.hear(&format!("`holdfast {line}`"), server.cli().run(line).ok().output());
    }
    watch.hear("the log", server.log());
    watch.assert_nothing_was_told();
}

fn passwords(server: &Server, watch: &mut Watch) {
    let right = watch.plant("a password", "correct-horse-battery");
    let wrong = watch.plant("a wrong password", "incorrect-horse-battery");
    let new = watch.plant("a new password", "another-horse-battery");
    add(server, "alice", "publisher", &right);
    for login in ["alice", "nobody-at-all"] {
        let refused = Person::sign_in(server, login, &wrong).err().unwrap();
        watch.refused(&refused);
    }
    let mut alice = Person::sign_in(server, "alice", &right).ok().unwrap();
    let session = watch.plant("a session", alice.session());
    alice.get("/account").expect_status(200);
    alice.get("/api/v1/me").expect_status(200);
    let change = [("old", wrong.as_str()), ("new", new.as_str()), ("again", new.as_str())];
    watch.refused(&alice.post("/account/password", &change));
    let change = [("old", right.as_str()), ("new", new.as_str()), ("again", new.as_str())];
    alice.post("/account/password", &change).expect_status(303);
    let cookie = format!("__Host-holdfast={session}");
    let cross = [("Cookie", cookie.as_str()), ("Sec-Fetch-Site", "cross-site")];
    watch.refused(&server.anonymous().send("POST", "/api/v1/tokens", &cross, b"{\"label\":\"x\"}"));
    // A session is no token, and a token no session.
    watch.refused(&server.anonymous().with_token(&session).get("/r/main/index/config.json"));
    alice.post("/logout", &[]).expect_status(303);
}

fn tokens(server: &Server, watch: &mut Watch) {
    let made = server.http().post_json("/api/v1/tokens", &json!({ "user": "alice", "label": "laptop" }));
    let made = made.expect_status(201).json();
    let secret = watch.plant("a token", made["token"].as_str().unwrap());
    let mistyped = watch.plant("a mistyped token", &mistyped(&secret));
    let path = "/r/main/index/config.json";
    server.anonymous().with_token(&secret).get(path).expect_status(200);
    let bearer = format!("Bearer {secret}");
    server.anonymous().with_token(&bearer).get(path).expect_status(200);
    // As tools say it that know nothing but names and passwords.
    let basic = |secret: &str| STANDARD.encode(format!("alice:{secret}"));
    let right = format!("Basic {}", watch.plant("a token in base64", &basic(&secret)));
    server.anonymous().with_token(&right).get(path).expect_status(200);
    let wrong = format!("Basic {}", watch.plant("a mistyped token in base64", &basic(&mistyped)));
    watch.refused(&server.anonymous().with_token(&wrong).get(path));
    for wrong in [&mistyped, &format!("Bearer {mistyped}"), &format!("Token {secret}")] {
        watch.refused(&server.anonymous().with_token(wrong).get(path));
    }
    let bind = json!({ "registry": "main", "operation": "publish", "name": "alpha", "vers": "1.0.0",
        "cksum": "0".repeat(64) });
    let bound = server.anonymous().with_token(&secret).post_json("/api/v1/tokens/bound", &bind);
    let bound = bound.expect_status(201).json();
    let bound = watch.plant("a bound token", bound["token"].as_str().unwrap());
    let other = holdfast_testkit::packages::CrateBuilder::new("other", "1.0.0").frame();
    watch.refused(&server.anonymous().with_token(&bound).publish("main", &other));
    let signed = watch.plant("a signed token", "v3.public.QUJDREVGR0hJSktMTU5PUA.e30");
    watch.refused(&server.anonymous().with_token(&signed).get(path));
    let own = server.anonymous().with_token(&secret).delete("/api/v1/tokens/current", b"");
    own.expect_status(204);
    watch.refused(&server.anonymous().with_token(&secret).get(path));
}

fn invitations(server: &Server, watch: &mut Watch) {
    let invite = json!({ "role": "reader", "note": "for carol" });
    let made = server.http().post_json("/api/v1/invitations", &invite).expect_status(201).json();
    let link = made["link"].as_str().or(made["url"].as_str()).or(made["secret"].as_str());
    let link = link.unwrap_or_else(|| panic!("no secret in {made}"));
    let secret = watch.plant("the secret of an invitation", link.rsplit('/').next().unwrap());
    let path = format!("/invitation/{secret}");
    let mut http = server.anonymous();
    http.get(&path).expect_status(200);
    let password = watch.plant("a password of somebody new", "fresh-horse-battery");
    let fields = |login| [("login", login), ("password", password.as_str()), ("again", password.as_str())];
    let taken = form(&mut http, &path, &fields("alice"));
    watch.said.push(("the refusal of an invitation".to_owned(), without_forms(&taken.text())));
    let accepted = form(&mut http, &path, &fields("carol"));
    assert_eq!(accepted.status, 303, "{}", accepted.text());
    watch.refused(&http.get(&path));
    watch.refused(&http.get(&format!("{path}x")));
    watch.refused(&form(&mut http, "/register", &fields("alice")));
}

/// A page without the addresses of its own forms.
fn without_forms(page: &str) -> String {
    page.split('<').filter(|tag| !tag.starts_with("form")).collect()
}

fn devices(server: &Server, watch: &mut Watch) {
    let mut http = server.anonymous();
    let asked = form(&mut http, "/api/v1/device/authorize", &[("client_id", "x"), ("label", "desk")]);
    let asked = asked.expect_status(200).json();
    let code = watch.plant("a device code", asked["device_code"].as_str().unwrap());
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let claim = [("grant_type", grant), ("device_code", code.as_str())];
    let other = form(&mut http, "/api/v1/device/authorize", &[("client_id", "x"), ("label", "desk")]);
    let other = other.expect_status(200).json();
    let other = watch.plant("another device code", other["device_code"].as_str().unwrap());
    let waits = [("grant_type", grant), ("device_code", other.as_str())];
    for error in ["authorization_pending", "slow_down"] {
        let answer = form(&mut http, "/api/v1/device/token", &waits);
        assert!(answer.text().contains(error), "{}", answer.text());
        watch.refused(&answer);
    }
    let mut alice = Person::sign_in(server, "alice", "another-horse-battery").ok().unwrap();
    let user_code = asked["user_code"].as_str().unwrap();
    alice.post("/device", &[("code", user_code), ("decision", "approve")]).expect_status(200);
    let tokens = form(&mut http, "/api/v1/device/token", &claim).expect_status(200).json();
    watch.plant("a device's access token", tokens["access_token"].as_str().unwrap());
    let refresh = watch.plant("a refresh token", tokens["refresh_token"].as_str().unwrap());
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let tokens = form(&mut http, "/api/v1/device/token", &fields).expect_status(200).json();
    let next = watch.plant("the next refresh token", tokens["refresh_token"].as_str().unwrap());
    let wrong = watch.plant("a wrong refresh token", &mistyped(&next));
    watch.refused(&form(
        &mut http,
        "/api/v1/device/token",
        &[("grant_type", "refresh_token"), ("refresh_token", &wrong)],
    ));
}

fn jobs(server: &Server, oidc: &Oidc, watch: &mut Watch) {
    let claims = |audience: &str| {
        let minted = oidc.mint(
            &json!({ "header": { "alg": "RS256" }, "key": "RS256", "claims": {
                "iss": oidc.issuer(), "aud": audience, "sub": "job", "repository": "acme/alpha",
                "jti": audience, "iat": now(), "exp": now() + 300 } })
            .to_string(),
        );
        minted.trim().to_owned()
    };
    let exchange = |jwt: &str| {
        let wanted = json!({ "jwt": jwt, "access": "read", "registry": "main" });
        server.anonymous().post_json("/api/v1/trusted_publishing/tokens", &wanted)
    };
    let right = watch.plant("a job's token", &claims(&server.address().to_string()));
    let signature = right.rsplit('.').next().unwrap().to_owned();
    watch.plant("the signature of a job's token", &signature);
    watch.refused(&exchange(&right));
    let rule = json!({ "rules": [{ "provider": "custom", "issuer": oidc.issuer(),
        "claims": { "repository": "acme/alpha" } }] });
    server.http().put_json("/api/v1/registries/main/trust", &rule).expect_status(204);
    let wrong = watch.plant("a job's token for another server", &claims("other.example"));
    watch.refused(&exchange(&wrong));
    let made = exchange(&right).expect_status(200).json();
    watch.plant("a token of a job", made["token"].as_str().unwrap());
}

fn people_of_others(server: &Server, oidc: &Oidc, watch: &mut Watch) {
    let mut person = Person::new(server);
    let answer = person.get("/login/example").expect_status(303);
    let back = oidc.sign_in(answer.header("location").unwrap(), "dora");
    let path = back.strip_prefix(&server.url()).unwrap().to_owned();
    let code = path.split(['?', '&']).find_map(|pair| pair.strip_prefix("code=")).unwrap();
    watch.plant("a provider's code", code);
    person.get(&path).expect_status(200);
    watch.plant("a session by a provider", person.session());
    watch.refused(&Person::new(server).get(&path));
    let password = watch.plant("a password of the directory", "wonderland");
    // Her name is taken here.
    watch.refused(&Person::sign_in(server, "alice", &password).err().unwrap());
    Person::sign_in(server, "asmith", &password).map_or_else(|answer| watch.refused(&answer), |_| ());
}

/// Ktra's calls, with the right shape and the wrong secret; and secrets where none belong.
fn queries(server: &Server, watch: &mut Watch) {
    let wrong = watch.plant("a wrong password for Ktra", "ktra-horse-battery");
    let answer = server.anonymous().post_json("/ktra/api/v1/login/alice", &json!({ "password": wrong }));
    watch.refused(&answer);
    let change = json!({ "old_password": wrong, "new_password": wrong });
    watch.refused(&server.anonymous().post_json("/ktra/api/v1/change_password/alice", &change));
    let broken = format!("{{\"password\": \"{wrong}\", }}");
    let headers = [("Content-Type", "application/json")];
    watch.refused(&server.anonymous().send("POST", "/ktra/api/v1/login/alice", &headers, broken.as_bytes()));
    let broken = format!("{{\"jwt\": \"{wrong}\", \"access\": 1}}");
    let path = "/api/v1/trusted_publishing/tokens";
    watch.refused(&server.anonymous().send("POST", path, &headers, broken.as_bytes()));
    let asked = watch.plant("a code in a query", "QUERYSECRET-12345678");
    watch.refused(&server.anonymous().get(&format!("/login/example/callback?code={asked}&state=x")));
}

/// The same but for its last letter.
fn mistyped(secret: &str) -> String {
    let (rest, last) = secret.split_at(secret.len() - 1);
    format!("{rest}{}", if last == "x" { "y" } else { "x" })
}
