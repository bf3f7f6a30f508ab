//! A site: three replicas, their database and their storage, and what is published to them.

use holdfast_servers::{Kind, Server as Database};
use holdfast_testkit::packages::CrateBuilder;
use holdfast_testkit::{Answer, Http, Server, ServerBuilder};
use holdfast_types::Sha256;
use std::io;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use tempfile::TempDir;

/// How many replicas a site has.
pub(crate) const REPLICAS: usize = 3;

const TOKEN: &str = "the-token-of-all-replicas-0123456789";

/// A server that several sites use; it ends with the last of them.
type Shared = Arc<Box<dyn Database>>;

/// Replicas on one database and one storage.
pub(crate) struct Site {
    // Dropped in this order: the replicas before what they stand on.
    pub(crate) replicas: Vec<Server>,
    pub(crate) kind: Kind,
    pub(crate) folder: TempDir,
    // Held until the site is gone.
    servers: Vec<Shared>,
}

impl Site {
    /// A site on a new place of the database server that this process's tests share; `None` when that is
    /// missing. The files are in a shared folder, but beside Redis they are in a bucket.
    pub(crate) fn open(kind: Kind) -> Option<Site> {
        Site::open_with(kind, |builder| builder)
    }

    /// The same with other options.
    pub(crate) fn open_with(kind: Kind, change: impl Fn(ServerBuilder) -> ServerBuilder) -> Option<Site> {
        let database = shared(kind)?;
        let bucket = if kind == Kind::Redis { Some(shared(Kind::S3)?) } else { None };
        let storage = bucket.as_ref().map(|bucket| bucket.place());
        let url = database.place();
        let mut site = Site::on(kind, &url, storage.as_deref(), change);
        site.servers = [Some(database), bucket].into_iter().flatten().collect();
        Some(site)
    }

    /// A site on a database, with its files in a storage or, without one, in a folder of the site.
    pub(crate) fn on(
        kind: Kind,
        database: &str,
        storage: Option<&str>,
        change: impl Fn(ServerBuilder) -> ServerBuilder,
    ) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let files = format!("file:{}", folder.path().join("blobs").display());
        let builder = Server::builder().database(database).storage(storage.unwrap_or(&files)).token(TOKEN);
        let builder = change(builder);
        // All at once: the first start of a database has a race of its own.
        let replicas = thread::scope(|scope| {
            let starting: Vec<_> = (0..REPLICAS).map(|_| scope.spawn(|| builder.clone().start())).collect();
            starting.into_iter().map(|replica| replica.join().unwrap()).collect()
        });
        Site { replicas, kind, folder, servers: Vec::new() }
    }

    /// The addresses of the replicas.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.replicas.iter().map(Server::address).collect()
    }

    /// A connection of the admin to the replica with this number, counted in a circle.
    pub(crate) fn http(&self, replica: usize) -> Http {
        self.replicas[replica % REPLICAS].http()
    }

    /// A new user with a token: its secret and its id. Ready to be used with every replica.
    pub(crate) fn user(&self, login: &str, role: &str) -> (String, String) {
        let body = format!("{{\"login\":{login:?},\"role\":{role:?}}}");
        post(&mut self.http(0), "/api/v1/users", &body).expect_status(201);
        let body = format!("{{\"user\":{login:?},\"label\":\"test\"}}");
        let token = post(&mut self.http(0), "/api/v1/tokens", &body).expect_status(201).json();
        let text = |field: &str| token[field].as_str().unwrap().to_owned();
        (text("token"), text("id"))
    }

    /// Makes sure that every replica lives and that all that is stored fits together.
    pub(crate) fn assert_unharmed(&self) {
        for replica in &self.replicas {
            replica.assert_unharmed();
        }
        self.replicas[0].cli().assert_clean();
    }

    /// A number of something: few as a rule, more in a full run, few again where the server is a slow stand-in.
    pub(crate) fn count(&self, few: usize, many: usize) -> usize {
        let is_slow = matches!(self.kind, Kind::Dynamodb | Kind::Mongodb);
        if is_full_run() && !is_slow { many } else { few }
    }
}

impl Deref for Site {
    type Target = [Server];

    fn deref(&self) -> &[Server] {
        &self.replicas
    }
}

impl DerefMut for Site {
    fn deref_mut(&mut self) -> &mut [Server] {
        &mut self.replicas
    }
}

/// Whether the tests shall take their time.
#[expect(clippy::disallowed_methods, reason = "the environment says whether this is the full suite")]
pub(crate) fn is_full_run() -> bool {
    std::env::var_os("HOLDFAST_FULL").is_some()
}

/// The server of a kind that the tests of this process share while any of them needs it.
fn shared(kind: Kind) -> Option<Shared> {
    type Running = Vec<(Kind, Weak<Box<dyn Database>>)>;
    static RUNNING: Mutex<Running> = Mutex::new(Vec::new());
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let found = running.iter().filter(|(known, _)| *known == kind).find_map(|(_, server)| server.upgrade());
    found.or_else(|| {
        let server = Arc::new(kind.start()?);
        running.retain(|(known, _)| *known != kind);
        running.push((kind, Arc::downgrade(&server)));
        Some(server)
    })
}

/// A version to be published.
#[derive(Clone)]
pub(crate) struct Release {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) frame: Vec<u8>,
    pub(crate) package: Vec<u8>,
}

impl Release {
    /// A version whose bytes depend on `content`.
    pub(crate) fn new(name: &str, version: &str, content: impl AsRef<[u8]>) -> Release {
        let builder = CrateBuilder::new(name, version).file("content.bin", content.as_ref());
        let (frame, package) = (builder.frame(), builder.package());
        Release { name: name.to_owned(), version: version.to_owned(), frame, package }
    }

    /// The path of its crate's index file.
    pub(crate) fn index_path(&self) -> String {
        index_path(&self.name)
    }

    /// The path of its bytes.
    pub(crate) fn download_path(&self) -> String {
        format!("/r/main/dl/{}/{}/download", self.name, self.version)
    }

    /// The digest of its bytes, as the index has it.
    pub(crate) fn checksum(&self) -> String {
        Sha256::of(&self.package).to_string()
    }

    /// Publishes it, which must succeed.
    #[track_caller]
    pub(crate) fn publish(&self, mut http: Http) {
        http.publish("main", &self.frame).expect_status(200);
    }

    /// Makes sure that this is all of its crate in the index, and that its bytes are those that were sent.
    #[track_caller]
    pub(crate) fn assert_alone(&self, http: &mut Http) {
        let lines = http.get(&self.index_path()).expect_status(200).index_lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0]["vers"], self.version.as_str());
        assert_eq!(lines[0]["cksum"], self.checksum(), "the index names other bytes of {}", self.name);
        self.assert_downloads(http);
    }

    /// Makes sure that its bytes are those that were sent.
    #[track_caller]
    pub(crate) fn assert_downloads(&self, http: &mut Http) {
        let bytes = http.get(&self.download_path()).expect_status(200).body;
        assert!(bytes == self.package, "{} has other bytes", self.download_path());
    }
}

/// The path of the index file of a crate whose name has four letters or more.
pub(crate) fn index_path(name: &str) -> String {
    format!("/r/main/index/{}/{}/{name}", &name[..2], &name[2..4])
}

/// One request on a connection of its own, which is refused, broken, or answered.
pub(crate) fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &[u8],
) -> Result<Answer, (Step, io::Error)> {
    let mut http = Http::try_connect(address).map_err(|error| (Step::Connecting, error))?.with_token(TOKEN);
    http.try_send(method, path, &[], body).map_err(|error| (Step::Talking, error))
}

/// How far a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing was sent.
    Connecting,
    /// The server may have heard of it.
    Talking,
}

/// `POST path` with JSON.
#[track_caller]
pub(crate) fn post(http: &mut Http, path: &str, body: &str) -> Answer {
    http.send("POST", path, &[("Content-Type", "application/json")], body.as_bytes())
}

/// `PATCH path` with JSON.
#[track_caller]
pub(crate) fn patch(http: &mut Http, path: &str, body: &str) -> Answer {
    http.send("PATCH", path, &[("Content-Type", "application/json")], body.as_bytes())
}
