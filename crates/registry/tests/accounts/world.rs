//! A server in memory with its admin, a clock that obeys and a store that fails on demand.

use holdfast_blobs::Blobs;
use holdfast_registry::entity::{About, CrateHead, Outcome, Role, Token};
use holdfast_registry::{
    Actor, AuditFilter, Browser, DeviceAnswer, DeviceTokens, Error, Holdfast, Kind, NewToken, NewUser,
    Outside, Parts, PasswordCost, Settings,
};
use holdfast_store::faults::{Call, Fault, Faults};
use holdfast_store::{Committed, Key, Memory, Scan, Store, Tx};
use holdfast_testkit::FakeOutside;
use holdfast_types::{Login, Scopes, Timestamp, TokenId, TokenSecret};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::pin::pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The least that Argon2 can do.
pub(crate) const CHEAP: PasswordCost = PasswordCost { memory_kib: 8, passes: 1, lanes: 1 };

pub(crate) struct World {
    pub(crate) outside: Arc<FakeOutside>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) store: Arc<dyn Store>,
    /// What is behind the faults.
    pub(crate) memory: Arc<Memory>,
    pub(crate) holdfast: Holdfast,
    pub(crate) operator: Actor,
}

/// A value from its text.
pub(crate) fn v<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

impl World {
    /// A server after its first start.
    pub(crate) async fn new() -> World {
        World::with(settings()).await
    }

    /// One with settings.
    pub(crate) async fn with(settings: Settings) -> World {
        let world = World::empty(settings).await;
        world.holdfast.start(None).await.unwrap();
        world
    }

    /// A store with nothing in it.
    pub(crate) async fn unstarted(staleness: Duration) -> World {
        World::empty(Settings { staleness, ..settings() }).await
    }

    async fn empty(settings: Settings) -> World {
        let outside = FakeOutside::new(1);
        let memory = Arc::new(Memory::new());
        let faults = Arc::new(Faults::new(memory.clone()));
        let store: Arc<dyn Store> = faults.clone();
        let holdfast = process(&outside, &store, settings).await;
        World { outside, faults, store, memory, holdfast, operator: Actor::operator() }
    }

    /// Another process over the same store.
    pub(crate) async fn replica(&self) -> Holdfast {
        self.replica_with(self.holdfast.settings().clone()).await
    }

    /// One with other settings.
    pub(crate) async fn replica_with(&self, settings: Settings) -> Holdfast {
        process(&self.outside, &self.store, settings).await
    }

    /// Another process, which the faults do not reach.
    pub(crate) async fn rival(&self) -> Holdfast {
        let store: Arc<dyn Store> = self.memory.clone();
        process(&self.outside, &store, self.holdfast.settings().clone()).await
    }

    /// Does something at the last moment before the next commit.
    pub(crate) fn before_next_commit(&self, act: impl FnOnce() + Send + 'static) {
        let act = Mutex::new(Some(act));
        self.faults.fail_when(Fault::Conflict, move |call| {
            if let Call::Commit(_) = call
                && let Some(act) = act.lock().unwrap().take()
            {
                act();
            }
            false
        });
    }

    /// A new user.
    pub(crate) async fn add(&self, login: &str, role: Role) {
        let new = NewUser { login: v(login), role, service: false, keeper: None };
        self.holdfast.add_user(&self.operator, new).await.unwrap();
    }

    /// A new user with a password.
    pub(crate) async fn add_with_password(&self, login: &str, password: &str) {
        self.add(login, Role::Publisher).await;
        self.holdfast.set_password(&self.operator, &v(login), v(password)).await.unwrap();
    }

    /// The secret of a new session of a user.
    pub(crate) async fn session(&self, login: &str, password: &str) -> TokenSecret {
        self.holdfast.sign_in(login, v(password), browser()).await.unwrap().secret
    }

    /// What a device gets that a user let in.
    pub(crate) async fn device(&self, login: &str, password: &str) -> DeviceTokens {
        let user = self.at_browser(&self.session(login, password).await).await.unwrap();
        let start = self.holdfast.begin_device("a laptop", None).await.unwrap();
        self.holdfast.decide_device(&user, &start.user_code, true).await.unwrap();
        match self.holdfast.claim_device(&start.secret, None).await.unwrap() {
            DeviceAnswer::Tokens(tokens) => tokens,
            other => panic!("the device is not let in: {other:?}"),
        }
    }

    /// A user through a session that is open, `None` when it is not.
    pub(crate) async fn at_browser(&self, secret: &TokenSecret) -> Option<Actor> {
        self.holdfast.authenticate_session(secret, None).await.unwrap()
    }

    /// Changes a token behind the back of the operations.
    pub(crate) async fn change_token(&self, id: &TokenId, change: impl Fn(&mut Token)) {
        let mut tx = Tx::new(&self.store);
        let mut token = tx.get::<Token>(&Token::key_of(id)).await.unwrap().unwrap();
        change(&mut token);
        tx.put(&token).await.unwrap();
        assert_eq!(tx.commit().await.unwrap(), Committed::Yes);
    }

    /// A token without scopes for a user.
    pub(crate) async fn token(&self, login: &str) -> TokenSecret {
        self.holdfast.create_token(&self.operator, new_token(login)).await.unwrap().1
    }

    /// A user through such a token.
    pub(crate) async fn actor(&self, login: &str) -> Actor {
        let secret = self.token(login).await;
        self.holdfast.authenticate(&secret, None).await.unwrap()
    }

    /// A user through a token with scopes.
    pub(crate) async fn scoped(&self, login: &str, scopes: Scopes) -> Actor {
        let new = NewToken { scopes, ..new_token(login) };
        let (_, secret) = self.holdfast.create_token(&self.operator, new).await.unwrap();
        self.holdfast.authenticate(&secret, None).await.unwrap()
    }

    /// A crate that is owned like this, as a publish leaves it.
    pub(crate) async fn own(&self, krate: &str, owners: &[&str]) {
        let head = CrateHead {
            registry: v("main"),
            name: v(krate),
            owners: owners.iter().map(|owner| v(owner)).collect(),
            restricted_to: None,
            trusts: Vec::new(),
            trusted_only: false,
            created_at: Timestamp::from_unix_seconds(0),
            updated_millis: 1,
            max_version: Some(v("1.0.0")),
            max_yanked: false,
            version_count: 1,
            about: About::default(),
            dependencies: BTreeSet::new(),
        };
        let mut tx = Tx::new(&self.store);
        tx.put(&head).await.unwrap();
        assert_eq!(tx.commit().await.unwrap(), Committed::Yes);
    }

    /// Who owns a crate.
    pub(crate) async fn owners(&self, krate: &str) -> Vec<String> {
        let owners = self.holdfast.owners(&self.operator, &v("main"), &v(krate)).await.unwrap();
        owners.iter().map(ToString::to_string).collect()
    }

    /// The sort keys of a partition.
    pub(crate) async fn keys(&self, part: &str) -> Vec<String> {
        let docs = self.store.scan(&Scan::first(part, 10_000)).await.unwrap();
        docs.into_iter().map(|doc| doc.key.sort).collect()
    }

    /// Whether a document is there.
    pub(crate) async fn has(&self, key: Key) -> bool {
        self.store.get_many(&[key]).await.unwrap()[0].is_some()
    }

    /// The audit log as `actor action subject`, and `: reason` of a refusal.
    pub(crate) async fn log(&self) -> Vec<String> {
        let filter = AuditFilter { limit: 100_000, ..AuditFilter::default() };
        let entries = self.holdfast.audit_log(&self.operator, &filter).await.unwrap();
        let line = |outcome: &Outcome| match outcome {
            Outcome::Done => String::new(),
            Outcome::Refused(reason) => format!(": {reason}"),
        };
        entries
            .iter()
            .map(|e| format!("{} {} {}{}", e.actor, e.action, e.subject, line(&e.outcome)))
            .collect()
    }

    /// Checks that a write was refused so, and that the log says it.
    pub(crate) async fn refused<T: Debug>(
        &self,
        result: Result<T, Error>,
        kind: Kind,
        deed: &str,
        reason: &str,
    ) {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.detail().contains(reason), "`{error}` does not say `{reason}`");
        let expected = format!("{deed}: {error}");
        let log = self.log().await;
        assert!(log.contains(&expected), "the log lacks `{expected}`: {log:#?}");
    }
}

/// The default settings, with passwords that cost nearly nothing.
pub(crate) fn settings() -> Settings {
    Settings { password_cost: CHEAP, ..Settings::default() }
}

async fn process(outside: &Arc<FakeOutside>, store: &Arc<dyn Store>, settings: Settings) -> Holdfast {
    let outside: Arc<dyn Outside> = outside.clone();
    let blobs = Blobs::open("memory:").await.unwrap();
    Holdfast::new(Parts {
        store: store.clone(),
        blobs,
        search: None,
        outside,
        settings,
        providers: Vec::new(),
    })
}

/// Does what may wait for other threads in the middle of something that may not.
pub(crate) fn meanwhile(act: impl Future<Output = ()> + Send) {
    std::thread::scope(|scope| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        scope.spawn(move || runtime.block_on(act));
    });
}

/// The result of a future that waits for nothing, as none does over a store in memory without conflicts.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the memory engine does not wait"),
    }
}

/// A browser at an address of its own.
pub(crate) fn browser() -> Browser {
    Browser { agent: "Firefox".to_owned(), address: "192.0.2.1".parse().ok() }
}

/// A token without scopes and without end.
pub(crate) fn new_token(login: &str) -> NewToken {
    let login: Login = v(login);
    NewToken { login, label: "a token".to_owned(), scopes: Scopes::default(), expires_in: None }
}

/// Checks that something that is no write was refused so.
pub(crate) fn refused<T: Debug>(result: Result<T, Error>, kind: Kind, reason: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.detail().contains(reason), "`{error}` does not say `{reason}`");
}
