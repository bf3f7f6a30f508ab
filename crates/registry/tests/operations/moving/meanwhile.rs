//! What others do while an export is made: it is in the export or not, and what is in it fits together.

use super::Place;
use crate::house::{House, krate, main, v};
use holdfast_blobs::Blobs;
use holdfast_registry::entity::Role;
use holdfast_registry::{Actor, Files, Holdfast, NewToken, NewUser, Progress, Resume, Settings, Yank};
use holdfast_store::{Batch, Doc, Key, Memory, Scan, Store, StoreError};
use holdfast_types::Scopes;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

type Deed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A store in which something happens right after a read, once.
struct Meddling {
    inner: Arc<dyn Store>,
    plans: Mutex<Vec<(String, Deed)>>,
}

impl Meddling {
    /// Does what was planned for after this read.
    async fn after(&self, read: &str) {
        let deed = {
            let mut plans = self.plans.lock().unwrap();
            let found = plans.iter().position(|(when, _)| when == read);
            found.map(|at| plans.remove(at).1)
        };
        if let Some(deed) = deed {
            deed.await;
        }
    }
}

#[async_trait::async_trait]
impl Store for Meddling {
    fn engine(&self) -> &'static str {
        self.inner.engine()
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Doc>>, StoreError> {
        let found = self.inner.get_many(keys).await;
        self.after(&format!("get {}", keys[0])).await;
        found
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<Doc>, StoreError> {
        let found = self.inner.scan(scan).await;
        self.after(&format!("scan {}", scan.part)).await;
        found
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.inner.commit(batch).await
    }

    async fn count(&self, deltas: &[(Key, i64)]) -> Result<(), StoreError> {
        self.inner.count(deltas).await
    }

    async fn counters(&self, scan: &Scan) -> Result<Vec<(Key, i64)>, StoreError> {
        self.inner.counters(scan).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }
}

/// Exports with something happening on the way, and gives the place where it was imported.
async fn moved(house: &House, plans: Vec<(&str, Deed)>) -> Place {
    let plans = Mutex::new(plans.into_iter().map(|(when, deed)| (when.to_owned(), deed)).collect());
    let meddling = Arc::new(Meddling { inner: house.store.clone(), plans });
    let source = Place::over(&Arc::default(), meddling.clone(), house.blobs.clone());
    let (stream, _) = super::export(&source.holdfast, Files::Included).await;
    assert!(meddling.plans.lock().unwrap().is_empty(), "a planned moment never came");
    let place = Place::empty().await;
    place.import(&stream, Resume::No).await.unwrap();
    place.assert_clean().await;
    place
}

fn deed<F: Future<Output = ()> + Send + 'static>(
    house: &Arc<House>,
    act: impl FnOnce(Arc<House>) -> F,
) -> Deed {
    Box::pin(act(house.clone()))
}

async fn versions(house: &House, place: &Place, name: &str) -> String {
    house.versions_at(&place.holdfast, name).await
}

#[tokio::test]
async fn a_crate_that_changes_is_as_it_was_at_one_moment() {
    let house = Arc::new(House::new().await);
    house.have(&["foo@1.0.0", "foo@1.1.0"]).await;
    let place = moved(
        &house,
        vec![
            ("scan version/main/foo", deed(&house, |house| async move { house.have(&["foo@2.0.0"]).await })),
            (
                "scan version/main/foo",
                deed(&house, |house| async move { house.yank("foo@1.0.0", Yank::Yes).await }),
            ),
        ],
    )
    .await;
    assert_eq!(versions(&house, &place, "foo").await, "[1.0.0] 1.1.0 2.0.0");
}

#[tokio::test]
async fn an_owner_who_is_made_meanwhile_comes_along() {
    let house = Arc::new(House::new().await);
    house.have(&["foo@1.0.0"]).await;
    let act = deed(&house, |house| async move {
        house.add("dave", Role::Publisher).await;
        house.holdfast.add_team(&house.root, &v("late")).await.unwrap();
        for member in ["dave", "bob"] {
            house.holdfast.add_member(&house.root, &v("late"), &v(member)).await.unwrap();
        }
        let owners = [v("dave"), v("team:late")];
        house.holdfast.add_owners(&house.alice, &main(), &v("foo"), &owners).await.unwrap();
        house.holdfast.remove_owners(&house.alice, &main(), &v("foo"), &[v("alice")]).await.unwrap();
    });
    let place = moved(&house, vec![("scan token-use", act)]).await;
    let operator = Actor::operator();
    let owners = place.holdfast.owners(&operator, &main(), &v("foo")).await.unwrap();
    assert_eq!(
        format!("{owners:?}"),
        format!("{:?}", house.holdfast.owners(&operator, &main(), &v("foo")).await.unwrap())
    );
    let members = place.holdfast.list_members(&operator, &v("late")).await.unwrap();
    assert_eq!(members, [v("bob"), v("dave")]);
}

#[tokio::test]
async fn whoever_is_shown_a_crate_or_given_a_role_meanwhile_comes_along() {
    let house = Arc::new(House::new().await);
    house.have(&["foo@1.0.0"]).await;
    let act = deed(&house, |house| async move {
        house.add("dave", Role::Guest).await;
        house.add("erin", Role::Guest).await;
        house.holdfast.add_team(&house.root, &v("late")).await.unwrap();
        house.holdfast.add_member(&house.root, &v("late"), &v("dave")).await.unwrap();
        let teams = [v("late")].into();
        house.holdfast.restrict_crate(&house.alice, &main(), &v("foo"), Some(&teams)).await.unwrap();
        for login in ["dave", "erin"] {
            let role = Some(Role::Publisher);
            house.holdfast.set_role(&house.root, &main(), &v(login), role).await.unwrap();
        }
    });
    // The registry was read as a whole, with its new roles, when one of them goes.
    let go = deed(&house, |house| async move {
        house.holdfast.remove_user(&house.root, &v("erin")).await.unwrap();
    });
    let place = moved(&house, vec![("scan token-use", act), ("scan registry", go)]).await;
    let dave =
        NewToken { login: v("dave"), label: "test".to_owned(), scopes: Scopes::default(), expires_in: None };
    let (_, secret) = place.holdfast.create_token(&Actor::operator(), dave).await.unwrap();
    let dave = place.holdfast.authenticate(&secret, None).await.unwrap();
    assert!(place.holdfast.describe(&dave, &main(), &v("foo")).await.is_ok());
    let record = place.holdfast.registry(&main()).await.unwrap();
    assert_eq!(record.roles.keys().map(ToString::to_string).collect::<Vec<_>>(), ["dave"]);
}

#[tokio::test]
async fn an_owner_who_comes_and_goes_is_not_left_behind() {
    let house = Arc::new(House::new().await);
    house.have(&["foo@1.0.0"]).await;
    let come = deed(&house, |house| async move {
        house.add("dave", Role::Publisher).await;
        house.holdfast.add_owners(&house.alice, &main(), &v("foo"), &[v("dave")]).await.unwrap();
    });
    // The crate was read as a whole, with its new owner, when the owner goes.
    let go = deed(&house, |house| async move {
        house.holdfast.remove_user(&house.root, &v("dave")).await.unwrap();
    });
    let place = moved(&house, vec![("scan token-use", come), ("get crate/main foo", go)]).await;
    let users = place.holdfast.list_users(&Actor::operator()).await.unwrap();
    assert!(users.iter().all(|user| user.login != v("dave")), "{users:?}");
}

/// A token or a membership without its user would be waiting for the next one of that name.
#[tokio::test]
async fn nothing_of_a_user_comes_without_the_user() {
    let house = Arc::new(House::new().await);
    house.holdfast.add_team(&house.root, &v("core")).await.unwrap();
    let secret = Arc::new(Mutex::new(None));
    let made = secret.clone();
    let act = deed(&house, |house| async move {
        house.add("dave", Role::Publisher).await;
        house.holdfast.add_member(&house.root, &v("core"), &v("dave")).await.unwrap();
        let new = NewToken {
            login: v("dave"),
            label: "late".to_owned(),
            scopes: Scopes::default(),
            expires_in: None,
        };
        let (_, token) = house.holdfast.create_token(&house.operator, new).await.unwrap();
        *made.lock().unwrap() = Some(token);
    });
    let place = moved(&house, vec![("scan user", act)]).await;
    let operator = Actor::operator();
    let new = NewUser { login: v("dave"), role: Role::Reader, service: false, keeper: None };
    place.holdfast.start(None).await.unwrap();
    place.holdfast.add_user(&operator, new).await.unwrap();
    assert!(place.holdfast.list_members(&operator, &v("core")).await.unwrap().is_empty());
    let secret = secret.lock().unwrap().take().unwrap();
    assert!(place.holdfast.authenticate(&secret, None).await.is_err());
    place.assert_clean().await;
}

/// Without a plan: whatever happens, whenever it happens.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exports_of_a_busy_server_fit_together() {
    let house = Arc::new(
        House::over(Arc::new(Memory::new()), Blobs::open("memory:").await.unwrap(), Settings::default())
            .await,
    );
    let (done, operator) = (Arc::new(AtomicBool::new(false)), Actor::operator());
    let mut busy = tokio::task::JoinSet::new();
    for worker in 0..3 {
        let (house, done) = (house.clone(), done.clone());
        busy.spawn(async move {
            for number in 0.. {
                if done.load(Ordering::SeqCst) {
                    return;
                }
                live(&house, worker, number).await;
            }
        });
    }
    for _ in 0..12 {
        let mut stream = Vec::new();
        // The first deeds may not be done yet.
        while stream.len() < 20_000 {
            let progress = Progress::default();
            let exported = house.holdfast.export(&operator, Vec::new(), Files::Included, &progress);
            stream = exported.await.unwrap().0;
        }
        let place = Place::empty().await;
        place.import(&stream, Resume::No).await.unwrap();
        place.assert_clean().await;
    }
    done.store(true, Ordering::SeqCst);
    while let Some(worker) = busy.join_next().await {
        worker.unwrap();
    }
}

/// A publisher comes, publishes, shares, yanks, and goes.
async fn live(house: &House, worker: usize, number: usize) {
    let (login, name) = (format!("dev-{worker}-{number}"), format!("crate-{worker}-{}", number % 3));
    let holdfast: &Holdfast = &house.holdfast;
    let dev = house.add(&login, Role::Publisher).await;
    let version = format!("{number}.0.0");
    if number < 3 {
        house.publish(&house.alice, &krate(&name, &version)).await.unwrap();
    } else {
        holdfast.add_owners(&house.alice, &main(), &v(&name), &[v(&login)]).await.unwrap();
        house.publish(&dev, &krate(&name, &version)).await.unwrap();
        holdfast.yank(&dev, &main(), &v(&name), &v(&version), Yank::Yes).await.unwrap();
    }
    holdfast.remove_user(&house.root, &v(&login)).await.unwrap();
}
