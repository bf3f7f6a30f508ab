//! Where a server under test keeps its things: in its own folder, or on a database and an object store that the
//! run of the tests names.

use holdfast_servers::Kind;
use std::sync::OnceLock;

/// The database of the next server, on the engine of `HOLDFAST_TEST_ENGINE`; `None` for the default.
///
/// One database server serves all tests of a process. It ends with the process.
pub(crate) fn database() -> Option<String> {
    static SHARED: OnceLock<Box<dyn holdfast_servers::Server>> = OnceLock::new();
    if is_for_one_process() {
        return Some("redb:{data}/holdfast.redb".to_owned());
    }
    Some(shared(&SHARED, &engine()?))
}

/// Whether the engine of `HOLDFAST_TEST_ENGINE` lets no other process in.
pub(crate) fn is_for_one_process() -> bool {
    engine().as_deref() == Some("redb")
}

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment which engine to use")]
fn engine() -> Option<String> {
    std::env::var("HOLDFAST_TEST_ENGINE").ok()
}

/// The storage of the next server, on the store of `HOLDFAST_TEST_STORAGE`; `None` for the default.
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment which store to use")]
pub(crate) fn storage() -> Option<String> {
    static SHARED: OnceLock<Box<dyn holdfast_servers::Server>> = OnceLock::new();
    Some(shared(&SHARED, &std::env::var("HOLDFAST_TEST_STORAGE").ok()?))
}

fn shared(server: &'static OnceLock<Box<dyn holdfast_servers::Server>>, name: &str) -> String {
    let kind = Kind::ALL.iter().find(|kind| kind.scheme() == name);
    let kind = kind.unwrap_or_else(|| panic!("there is no server of the kind `{name}`"));
    let start = || kind.try_start().unwrap_or_else(|missing| panic!("{name} is not here: {missing}"));
    server.get_or_init(start).place()
}
