//! Moving and saving everything: what comes out is what went in, whatever happens on the way.

mod damaging;
mod meanwhile;
mod saving;
mod whole;

use crate::house::{House, krate, main, v};
use holdfast_blobs::Blobs;
use holdfast_package::testing::Dependency;
use holdfast_registry::entity::{RegistryKind, Role};
use holdfast_registry::{
    Actor, Browser, Depth, Files, Holdfast, Imported, NewInvitation, NewRegistry, NewUser, Outside, Parts,
    PasswordCost, Progress, Result, Resume, Settings, Totals, Yank,
};
use holdfast_store::{Key, Memory, Store};
use holdfast_testkit::FakeOutside;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

/// A database and a storage, with or without a server in them.
struct Place {
    memory: Arc<Memory>,
    blobs: Blobs,
    holdfast: Holdfast,
}

impl Place {
    /// Nothing.
    async fn empty() -> Place {
        let memory = Arc::new(Memory::new());
        Place::over(&memory, memory.clone(), Blobs::open("memory:").await.unwrap())
    }

    /// What `store` makes of `memory`.
    fn over(memory: &Arc<Memory>, store: Arc<dyn Store>, blobs: Blobs) -> Place {
        let outside: Arc<dyn Outside> = FakeOutside::new(2);
        let parts = Parts {
            store,
            blobs: blobs.clone(),
            search: None,
            outside,
            settings: Settings::default(),
            providers: Vec::new(),
        };
        Place { memory: memory.clone(), blobs, holdfast: Holdfast::new(parts) }
    }

    async fn import(&self, export: &[u8], resume: Resume) -> Result<Imported> {
        let input = Cursor::new(export.to_vec());
        self.holdfast.import(&Actor::operator(), input, resume, &Progress::default()).await
    }

    /// Every document but leases and those about imports, and every counter that is not zero.
    fn everything(&self) -> (BTreeMap<Key, String>, BTreeMap<Key, i64>) {
        everything(&self.memory)
    }

    async fn assert_clean(&self) {
        let findings = self.holdfast.fsck(&Actor::operator(), Depth::Digests).await.unwrap();
        assert_eq!(findings.problems, Vec::<String>::new());
    }
}

fn everything(memory: &Memory) -> (BTreeMap<Key, String>, BTreeMap<Key, i64>) {
    let (documents, counters) = memory.everything();
    let documents = documents.into_iter();
    let documents =
        documents.filter(|doc| doc.key.part != "lease" && !doc.body.contains("\"action\":\"import\""));
    (
        documents.map(|doc| (doc.key, doc.body)).collect(),
        counters.into_iter().filter(|(_, count)| *count != 0).collect(),
    )
}

async fn export(holdfast: &Holdfast, files: Files) -> (Vec<u8>, Totals) {
    holdfast.export(&Actor::operator(), Vec::new(), files, &Progress::default()).await.unwrap()
}

/// A server with a past, in which every kind of thing has been made, changed and removed.
async fn old_house() -> (House, Arc<Memory>) {
    let memory = Arc::new(Memory::new());
    let cheap = PasswordCost { memory_kib: 8, passes: 1, lanes: 1 };
    let settings = Settings { password_cost: cheap, ..Settings::default() };
    let house = House::over(memory.clone(), Blobs::open("memory:").await.unwrap(), settings).await;
    let holdfast = &house.holdfast;
    for (team, members) in [("core", vec!["bob", "alice"]), ("docs", vec![])] {
        holdfast.add_team(&house.root, &v(team)).await.unwrap();
        for member in members {
            holdfast.add_member(&house.root, &v(team), &v(member)).await.unwrap();
        }
    }
    house.have(&["foo@1.0.0", "foo@1.1.0", "foo@2.0.0-rc.1", "bar@0.1.0", "gone@1.0.0"]).await;
    house.outside.advance(Duration::from_hours(24 * 40));
    let dependent =
        krate("baz", "1.0.0+build").dependency(Dependency::new("foo", "1")).readme("# Baz \u{1f980}");
    house.publish(&house.bob, &dependent).await.unwrap();
    house.yank("foo@1.1.0", Yank::Yes).await;
    holdfast.add_owners(&house.alice, &main(), &v("foo"), &[v("team:core"), v("bob")]).await.unwrap();
    holdfast.remove_owners(&house.bob, &main(), &v("foo"), &[v("alice")]).await.unwrap();
    holdfast.remove_version(&house.root, &main(), &v("foo"), &v("1.0.0")).await.unwrap();
    holdfast.remove_crate(&house.root, &main(), &v("gone")).await.unwrap();
    let kind = RegistryKind::Hosted;
    for name in ["second", "third"] {
        let new = NewRegistry { name: v(name), kind, anonymous_read: true };
        holdfast.create_registry(&house.root, new).await.unwrap();
    }
    house.publish_at(holdfast, &house.alice, "second", &krate("foo", "9.0.0")).await.unwrap();
    holdfast.remove_registry(&house.root, &v("third")).await.unwrap();
    house.add("eve", Role::Reader).await;
    holdfast.remove_user(&house.root, &v("eve")).await.unwrap();
    holdfast.disable_user(&house.root, &v("rita")).await.unwrap();
    for (version, times) in [("1.1.0", 3), ("2.0.0-rc.1", 1)] {
        for _ in 0..times {
            holdfast.download(&house.root, &main(), &v("foo"), &v(version)).await.unwrap();
        }
    }
    holdfast.flush_counters().await.unwrap();
    house.scoped("alice", &["publish-update"], &["foo*"]).await;
    holdfast.flush_token_uses().await.unwrap();
    let password = "correct horse".parse().unwrap();
    holdfast.set_password(&house.root, &v("alice"), password).await.unwrap();
    let browser = Browser { agent: "Firefox".to_owned(), address: None };
    holdfast.sign_in("alice", "correct horse".parse().unwrap(), browser).await.unwrap();
    let teams = [v("core")].into();
    let expires_in = Duration::from_hours(24);
    let new = NewInvitation { role: Role::Reader, teams, note: "for Eve".to_owned(), expires_in };
    holdfast.invite(&house.root, new).await.unwrap();
    holdfast.restrict_crate(&house.bob, &main(), &v("baz"), Some(&[v("docs")].into())).await.unwrap();
    holdfast.set_role(&house.root, &v("second"), &v("team:docs"), Some(Role::Maintainer)).await.unwrap();
    let robot = NewUser { login: v("robot"), role: Role::Guest, service: true, keeper: Some(v("core")) };
    holdfast.add_user(&house.root, robot).await.unwrap();
    let key = "k3.public.AmDwjlyf8jAV3gm5Z7Kz9xAOcsKslt_Vwp5v-emjFzBHLCtcANzTaVEghTNEMj9PkQ";
    holdfast.add_key(&house.root, &v("alice"), v(key), None).await.unwrap();
    holdfast.link_identity(&house.root, &v("alice"), "https://id.example", "17").await.unwrap();
    // A refusal is a line in the audit log.
    house.publish(&house.alice, &krate("foo", "3.0.0")).await.unwrap_err();
    (house, memory)
}
