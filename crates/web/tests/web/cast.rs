//! Everybody who may come: people by what they are, and secrets by what they are for.

use crate::keys::public_key;
use crate::site::{ADMIN, Ask, PASSWORD, Site, ask, delete, own_index, put};
use holdfast_registry::entity::{Bound, Holder, Job, Purpose, Role, Token, Trusting};
use holdfast_registry::{Act, Actor, NewInvitation};
use holdfast_store::{Committed, Tx};
use holdfast_testkit::packages::CrateBuilder;
use holdfast_types::{Endpoint, Scopes, Sha256, TokenId, TokenSecret, TrustRule};
use holdfast_web::Route;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// A server whose crate `abc` belongs to olga, otto and the team `core`, and everybody who may come.
pub(crate) struct Cast {
    pub(crate) site: Site,
    pub(crate) actors: Vec<Player>,
    registry: &'static str,
    is_restricted: bool,
    /// What stands for a capture.
    captures: Vec<(&'static str, String)>,
    user_code: String,
}

/// Somebody with a secret, or nobody.
#[derive(Clone)]
pub(crate) struct Player {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    secret: Option<String>,
}

/// Why an actor is among the others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// For what they are.
    Person,
    /// For what their secret is made for; the user behind most of them is olga, an owner.
    Secret,
}

impl Player {
    /// A request as theirs.
    pub(crate) fn with(&self, request: Ask) -> Ask {
        match &self.secret {
            None => request,
            Some(secret) if self.name == "session" => request.session(secret),
            Some(secret) => request.token(secret),
        }
    }
}

impl Cast {
    pub(crate) async fn new(registry: &'static str, is_restricted: bool) -> Cast {
        let site = Site::new().await;
        let actors = [people(&site, registry).await, secrets(&site, registry).await].concat();
        let operator = Actor::operator();
        let place = (registry.parse().unwrap(), "abc".parse().unwrap());
        if is_restricted {
            let crew = [crew()].into();
            site.holdfast.restrict_crate(&operator, &place.0, &place.1, Some(&crew)).await.unwrap();
        }
        let paul = "paul".parse().unwrap();
        let tokens = site.holdfast.list_tokens(&operator, Some(&paul)).await.unwrap();
        let key = public_key(1).parse().unwrap();
        let key = site.holdfast.add_key(&operator, &paul, key, None).await.unwrap();
        let week = Duration::from_hours(24 * 7);
        let new = NewInvitation {
            role: Role::Reader,
            teams: BTreeSet::new(),
            note: String::new(),
            expires_in: week,
        };
        let (invitation, secret) = site.holdfast.invite(&operator, new).await.unwrap();
        let role = Some(Role::Reader);
        site.holdfast.set_role(&operator, &place.0, &"paul".parse().unwrap(), role).await.unwrap();
        let captures = vec![
            ("/tokens/{id}", format!("/tokens/{}", tokens[0].0.id)),
            ("/keys/{id}", format!("/keys/{}", key.key.id().as_str())),
            ("/invitations/{id}", format!("/invitations/{}", invitation.digest)),
            ("{secret}", secret.reveal().to_owned()),
            ("{registry}", registry.to_owned()),
            ("{crate}", "abc".to_owned()),
            ("{version}", "1.0.0".to_owned()),
            ("{*path}", "3/a/abc".to_owned()),
            ("{login}", "paul".to_owned()),
            ("{principal}", "paul".to_owned()),
            ("{name}", "olga".to_owned()),
            ("{team}", "crew".to_owned()),
            ("{provider}", "none".to_owned()),
        ];
        let user_code = site.holdfast.begin_device("laptop", None).await.unwrap().user_code;
        Cast { site, actors, registry, is_restricted, captures, user_code }
    }

    /// The same from the beginning, after something was changed.
    pub(crate) async fn again(&self) -> Cast {
        Cast::new(self.registry, self.is_restricted).await
    }

    /// A request of a route that would be carried out for whoever may; a publish is of a crate.
    pub(crate) fn request(&self, route: &Route, krate: &str) -> Ask {
        let mut path = route.path.to_owned();
        for (capture, value) in &self.captures {
            path = path.replace(capture, value);
        }
        assert!(!path.contains('{'), "give `{path}` a value for its capture");
        let request = ask(route.method, &path);
        let trust = json!({ "rules": [job_rule()] });
        let twice = [("old", PASSWORD), ("new", "another long one"), ("again", "another long one")];
        match (route.method, route.path) {
            ("PUT", "/r/{registry}/api/v1/crates/new") => request.body(upload(self.registry, krate).frame()),
            (_, "/r/{registry}/api/v1/crates/{crate}/owners") if route.method != "GET" => {
                request.json(&json!({"users": ["otto"]}))
            }
            ("PUT", path) if path.ends_with("/trust") => request.json(&trust),
            ("PUT", path) if path.ends_with("/restriction") => request.json(&json!({"teams": ["core"]})),
            ("PUT", path) if path.ends_with("/{principal}") => request.json(&json!({"role": "publisher"})),
            ("PUT", path) if path.ends_with("/password") => request.json(&json!({"new": PASSWORD})),
            ("POST", "/login") => request.form(&[("login", "olga"), ("password", PASSWORD)]),
            ("POST", "/device") => request.form(&[("code", &self.user_code), ("decision", "approve")]),
            ("POST", "/register" | "/invitation/{secret}") => {
                request.form(&[("login", "new"), ("password", PASSWORD), ("again", PASSWORD)])
            }
            ("POST", "/account/password") => request.form(&twice),
            ("POST", path) if path.starts_with("/account/") => request.form(&[("label", "new")]),
            ("POST", "/logout" | "/api/v1/device/authorize" | "/api/v1/device/token") => request.form(&[]),
            ("POST", "/ktra/api/v1/change_password/{name}") => {
                request.json(&json!({"old_password": PASSWORD, "new_password": "another long one"}))
            }
            ("POST", path) if path.starts_with("/ktra/") => request.json(&json!({"password": PASSWORD})),
            ("POST", "/api/v1/trusted_publishing/tokens") => request.json(&json!({"jwt": "none"})),
            ("POST", "/api/v1/tokens/bound") => {
                let name =
                    json!({"registry": self.registry, "operation": "yank", "name": "abc", "vers": "1.0.0"});
                request.json(&name)
            }
            ("POST", "/api/v1/keys") => request.json(&json!({"key": public_key(2)})),
            ("POST", "/api/v1/tokens") => request.json(&json!({"label": "new"})),
            ("POST", "/api/v1/users") => request.json(&json!({"login": "new"})),
            ("POST", "/api/v1/invitations") => request.json(&json!({})),
            ("POST", _) => request.json(&json!({"name": "new"})),
            ("PATCH", "/api/v1/users/{login}") => request.json(&json!({"disabled": true})),
            ("PATCH", _) => request.json(&json!({"anonymous_read": self.registry == "open"})),
            _ => request,
        }
    }
}

/// What is published: the next version of `abc`, or another crate.
fn upload(registry: &str, krate: &str) -> CrateBuilder {
    let version = if krate == "abc" { "1.1.0" } else { "1.0.0" };
    CrateBuilder::new(krate, version).own_index(&own_index(registry))
}

fn crew() -> holdfast_types::TeamName {
    "crew".parse().unwrap()
}

async fn people(site: &Site, registry: &str) -> Vec<Player> {
    let guest = site.user("gina", Role::Guest).await;
    let reader = site.user("rita", Role::Reader).await;
    let publisher = site.user("paul", Role::Publisher).await;
    let mate = site.user("mike", Role::Publisher).await;
    let member = site.user("tina", Role::Publisher).await;
    let owner = site.user("olga", Role::Publisher).await;
    let maintainer = site.user("mara", Role::Maintainer).await;
    let disabled = site.user("dora", Role::Publisher).await;
    site.user("otto", Role::Publisher).await;
    site.publish(&owner, registry, &CrateBuilder::new("abc", "1.0.0")).await.expect(200);
    let trust = format!("/api/v1/registries/{registry}/crates/abc/trust");
    put(&trust).token(&owner).json(&json!({ "rules": [job_rule()] })).send(site).await.expect(204);
    let operator = Actor::operator();
    site.holdfast.disable_user(&operator, &"dora".parse().unwrap()).await.unwrap();
    for (team, login) in [("core", "tina"), ("crew", "mike"), ("crew", "paul")] {
        let team = team.parse().unwrap();
        // The second time it is there.
        let _ = site.holdfast.add_team(&operator, &team).await;
        site.holdfast.add_member(&operator, &team, &login.parse().unwrap()).await.unwrap();
    }
    delete("/api/v1/teams/crew/members/paul").token(ADMIN).send(site).await.expect(204);
    let owners = format!("/r/{registry}/api/v1/crates/abc/owners");
    put(&owners).token(&owner).json(&json!({"users": ["otto", "team:core"]})).send(site).await.expect(200);
    let kind = Kind::Person;
    let people = [
        ("anonymous", None),
        ("disabled", Some(disabled)),
        ("guest", Some(guest)),
        ("reader", Some(reader)),
        ("publisher", Some(publisher)),
        ("mate", Some(mate)),
        ("owner", Some(owner)),
        ("member", Some(member)),
        ("maintainer", Some(maintainer)),
        ("admin", Some(ADMIN.to_owned())),
    ];
    people.into_iter().map(|(name, secret)| Player { name, kind, secret }).collect()
}

async fn secrets(site: &Site, registry: &str) -> Vec<Player> {
    use Endpoint::{Admin, ChangeOwners, PublishNew, PublishUpdate, Read, Yank};
    let expired = site.token("olga", &[], &[], Some(Duration::from_hours(1))).await;
    site.outside.advance(Duration::from_hours(2));
    let revoked = site.token("olga", &[], &[], None).await;
    delete("/api/v1/tokens/current").token(&revoked).send(site).await.expect(204);
    site.password("olga").await;
    let package = Sha256::of(&upload(registry, "abc").package());
    let publish = Act::Publish("1.1.0".parse().unwrap(), package);
    let kind = Kind::Secret;
    let secrets = [
        ("expired", expired),
        ("revoked", revoked),
        ("ending", site.token("olga", &[], &[], Some(Duration::from_hours(1))).await),
        ("read", site.token("olga", &[Read], &[], None).await),
        ("read-other", site.token("olga", &[Read], &["other"], None).await),
        ("other", site.token("olga", &[], &["other"], None).await),
        ("new", site.token("olga", &[PublishNew], &[], None).await),
        ("update", site.token("olga", &[PublishUpdate], &[], None).await),
        ("yank", site.token("olga", &[Yank], &[], None).await),
        ("owners", site.token("olga", &[ChangeOwners], &[], None).await),
        ("manage", site.token("olga", &[Admin], &[], None).await),
        ("admin's", site.token("admin", &[Admin], &[], None).await),
        ("session", site.session("olga").await),
        ("job", job(site, registry, "abc", PublishUpdate).await),
        ("job-other", job(site, registry, "other", PublishUpdate).await),
        ("job-read", job(site, registry, "", Read).await),
        ("for-publish", bound(site, registry, publish).await),
        ("for-owners", bound(site, registry, Act::Owners).await),
    ];
    secrets.into_iter().map(|(name, secret)| Player { name, kind, secret: Some(secret) }).collect()
}

/// By which the crates of the cast trust jobs.
fn job_rule() -> serde_json::Value {
    json!({"provider": "github", "owner": "acme", "repository": "abc", "workflow": "release.yml"})
}

/// A token of olga's for one act.
async fn bound(site: &Site, registry: &str, act: Act) -> String {
    let token = site.token("olga", &[], &[], None).await;
    let olga = site.holdfast.authenticate(&token.parse().unwrap(), None).await.unwrap();
    let (registry, krate) = (registry.parse().unwrap(), "abc".parse().unwrap());
    let (_, secret) = site.holdfast.bind_token(&olga, &registry, &krate, &act).await.unwrap();
    secret.reveal().to_owned()
}

/// A token of a CI job, as an exchange would have made it.
async fn job(site: &Site, registry: &str, krate: &str, endpoint: Endpoint) -> String {
    let secret = TokenSecret::from_entropy(site.holdfast.outside().entropy());
    let registry: holdfast_types::RegistryName = registry.parse().unwrap();
    let rule: TrustRule = serde_json::from_value(job_rule()).unwrap();
    let crates = krate.parse().map(|name| Trusting { registry: registry.clone(), name, rule: rule.digest() });
    let token = Token {
        id: TokenId::from_entropy(site.holdfast.outside().entropy()),
        holder: Holder::Job(Job { name: "job:ci.example".to_owned(), crates: crates.into_iter().collect() }),
        label: "trusted publishing".to_owned(),
        digest: secret.digest(),
        scopes: Scopes {
            endpoints: [endpoint].into(),
            crates: BTreeSet::new(),
            registries: [registry].into(),
        },
        purpose: Purpose::Access,
        bound: None::<Bound>,
        parent: None,
        derived: false,
        former: None,
        created_at: site.holdfast.outside().now(),
        expires_at: Some(site.holdfast.outside().now().plus(Duration::from_mins(30))),
    };
    let mut tx = Tx::new(site.holdfast.store());
    tx.create(&token).await.unwrap();
    assert!(matches!(tx.commit().await.unwrap(), Committed::Yes));
    secret.reveal().to_owned()
}
