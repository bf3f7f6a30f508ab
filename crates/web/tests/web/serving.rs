//! Connections: on real sockets.

use crate::site::{ADMIN, Site, get, own_index};
use holdfast_registry::entity::Role;
use holdfast_testkit::Http;
use holdfast_testkit::packages::CrateBuilder;
use holdfast_web::{ServeOptions, Threads, serve};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Running {
    site: Site,
    address: SocketAddr,
    end: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<Threads>>,
}

impl Running {
    async fn new(options: ServeOptions) -> Running {
        let site = Site::new().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let web = site.web.clone();
        let serving =
            tokio::spawn(serve(vec![listener], web, options, async move { ended.await.unwrap_or(()) }));
        Running { site, address, end, serving }
    }

    async fn blocking<T: Send + 'static>(&self, ask: impl FnOnce(Http) -> T + Send + 'static) -> T {
        let address = self.address;
        tokio::task::spawn_blocking(move || ask(Http::connect(address).with_token(ADMIN))).await.unwrap()
    }

    async fn wait_for_uploads(&self, count: usize) {
        let line = format!("holdfast_uploads {count}\n");
        while !get("/metrics").send(&self.site).await.text().contains(&line) {
            tokio::task::yield_now().await;
        }
    }

    async fn finish(self) {
        // Some tests have ended it already.
        let _ = self.end.send(());
        drop(self.serving.await.unwrap().unwrap());
    }
}

fn frame() -> Vec<u8> {
    CrateBuilder::new("abc", "1.0.0").own_index(&own_index("main")).frame()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_takes_many_requests() {
    let running = Running::new(ServeOptions::default()).await;
    running
        .blocking(|mut http| {
            http.publish("main", &frame()).expect_status(200);
            for _ in 0..3 {
                let file =
                    http.try_send("GET", "/r/main/index/3/a/abc", &[], &[]).unwrap().expect_status(200);
                assert_eq!(file.header("content-length"), Some(file.body.len().to_string().as_str()));
                assert!(file.header("date").is_some());
                let etag = file.header("etag").unwrap();
                let same =
                    http.try_send("GET", "/r/main/index/3/a/abc", &[("If-None-Match", etag)], &[]).unwrap();
                same.expect_status(304);
            }
            let upgrade = [
                ("Connection", "Upgrade, HTTP2-Settings"),
                ("Upgrade", "h2c"),
                ("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"),
            ];
            http.try_send("GET", "/r/main/index/3/a/abc", &upgrade, &[]).unwrap().expect_status(200);
            http.try_send("HEAD", "/r/main/dl/abc/1.0.0/download", &[("Connection", "close")], &[])
                .unwrap_err();
        })
        .await;
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_finishes_what_is_begun() {
    let running = Running::new(ServeOptions::default()).await;
    let (begun, goes_on) = std::sync::mpsc::channel::<()>();
    let address = running.address;
    let upload = tokio::task::spawn_blocking(move || {
        let mut http = Http::connect(address).with_token(ADMIN);
        let frame = frame();
        let head = http.head("PUT", "/r/main/api/v1/crates/new", &[], frame.len());
        http.write(&[head.as_bytes(), &frame[..100]].concat()).unwrap();
        goes_on.recv().unwrap();
        http.write(&frame[100..]).unwrap();
        let answer = http.answer().unwrap();
        (answer.status, answer.header("connection").map(str::to_owned), http.rest().unwrap())
    });
    let mut idle = running
        .blocking(|mut http| {
            http.get("/livez").expect_status(200);
            http
        })
        .await;
    let idle = tokio::task::spawn_blocking(move || idle.rest().unwrap());
    running.wait_for_uploads(1).await;
    running.end.send(()).unwrap();
    assert_eq!(idle.await.unwrap(), b"", "an idle connection is closed at once");
    assert!(!running.serving.is_finished());
    begun.send(()).unwrap();
    let (status, connection, rest) = upload.await.unwrap();
    assert_eq!((status, connection.as_deref(), rest.len()), (200, Some("close"), 0));
    drop(running.serving.await.unwrap().unwrap());
    let refused = tokio::task::spawn_blocking(move || Http::try_connect(address).is_err()).await.unwrap();
    assert!(refused, "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_does_not_wait_for_ever() {
    let options = ServeOptions { shutdown_timeout: Duration::from_millis(50), ..ServeOptions::default() };
    let running = Running::new(options).await;
    let mut http = running
        .blocking(|mut http| {
            let head = http.head("PUT", "/r/main/api/v1/crates/new", &[], 1000);
            http.write(head.as_bytes()).unwrap();
            http
        })
        .await;
    running.wait_for_uploads(1).await;
    running.finish().await;
    http.end_sending();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_stand_still_are_cut() {
    let options = ServeOptions { idle_timeout: Duration::from_millis(100), ..ServeOptions::default() };
    let running = Running::new(options).await;
    running
        .blocking(|mut http| {
            http.write(b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow").unwrap();
            assert_eq!(http.rest().unwrap(), b"", "a head that does not end");
        })
        .await;
    running
        .blocking(|mut http| {
            http.get("/livez").expect_status(200);
            assert_eq!(http.rest().unwrap(), b"", "a connection without a next request");
        })
        .await;
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_that_stop_leave_nothing() {
    let running = Running::new(ServeOptions::default()).await;
    running
        .blocking(|mut http| {
            let frame = frame();
            let head = http.head("PUT", "/r/main/api/v1/crates/new", &[], frame.len());
            http.write(&[head.as_bytes(), &frame[..frame.len() / 2]].concat()).unwrap();
        })
        .await;
    running.wait_for_uploads(0).await;
    running.blocking(|mut http| http.get("/r/main/index/3/a/abc").expect_status(404)).await;
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_expects_100_is_answered_early() {
    let running = Running::new(ServeOptions::default()).await;
    let address = running.address;
    let (refused, published) = tokio::task::spawn_blocking(move || {
        let expect = [("Expect", "100-continue")];
        let mut nobody = Http::connect(address);
        let head = nobody.head("PUT", "/r/main/api/v1/crates/new", &expect, 5_000_000);
        nobody.write(head.as_bytes()).unwrap();
        let refused = nobody.answer().unwrap();
        let mut admin = Http::connect(address).with_token(ADMIN);
        let frame = frame();
        let head = admin.head("PUT", "/r/main/api/v1/crates/new", &expect, frame.len());
        admin.write(head.as_bytes()).unwrap();
        admin.write(&frame).unwrap();
        (refused, admin.answer().unwrap())
    })
    .await
    .unwrap();
    assert_eq!(refused.status, 401);
    assert!(!refused.sentence().is_empty());
    assert_eq!(published.status, 200, "{}", published.text());
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_refused_upload_gets_its_answer() {
    let running = Running::new(ServeOptions::default()).await;
    let address = running.address;
    let answer = tokio::task::spawn_blocking(move || {
        Http::connect(address).send("PUT", "/r/main/api/v1/crates/new", &[], &vec![7; 5_000_000])
    })
    .await
    .unwrap();
    assert_eq!(answer.status, 401);
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_connections_than_allowed_wait() {
    let running = Running::new(ServeOptions { max_connections: 1, ..ServeOptions::default() }).await;
    let mut first = running
        .blocking(|mut http| {
            http.get("/livez").expect_status(200);
            http
        })
        .await;
    let second = running
        .blocking(|mut http| {
            http.write(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            http
        })
        .await;
    first.end_sending();
    let status = tokio::task::spawn_blocking(move || {
        let mut second = second;
        second.answer().unwrap().status
    })
    .await
    .unwrap();
    assert_eq!(status, 200);
    drop(first);
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn raw_bytes_from_hell() {
    let running = Running::new(ServeOptions::default()).await;
    for request in [
        &b"GET /r/main/index/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"GET /r/main/index/\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://other.example/r/open/index/config.json HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nAuthorization: \xff\r\n\r\n",
        b"PUT /r/main/api/v1/crates/new HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"PUT /r/main/api/v1/crates/new HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"nonsense\r\n\r\n",
    ] {
        let request = request.to_vec();
        let answer = running
            .blocking(move |mut http| {
                http.write(&request).unwrap();
                http.end_sending();
                http.rest().unwrap()
            })
            .await;
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(!text.starts_with("HTTP/1.1 5"), "{text}");
    }
    let huge = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(200_000));
    let answer = running
        .blocking(move |mut http| {
            // The server may stop reading before the end.
            let _ = http.write(huge.as_bytes());
            http.rest().unwrap_or_default()
        })
        .await;
    assert!(!String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 5"));
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_know_where_a_request_came_from() {
    let running = Running::new(ServeOptions::default()).await;
    running
        .blocking(|mut http| {
            http.send("PUT", "/r/main/api/v1/crates/new", &[], b"\x05\0\0\0{").expect_status(400)
        })
        .await;
    let log = get("/api/v1/audit?limit=1").token(ADMIN).send(&running.site).await.ok_json();
    assert_eq!(log[0]["address"], "127.0.0.1");
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_goes_over_to_the_library_and_loses_nothing() {
    let running = Running::new(ServeOptions::default()).await;
    running
        .blocking(|mut http| {
            http.try_send("GET", "/r/main/index/config.json", &[], &[]).unwrap().expect_status(200);
            let head = http.head("GET", "/r/main/index/3/a/abc", &[], 0);
            for piece in head.as_bytes().chunks(5) {
                http.write(piece).unwrap();
            }
            assert_eq!(http.answer().unwrap().status, 404);
            let frame = frame();
            let put = http.head("PUT", "/r/main/api/v1/crates/new", &[], frame.len());
            // All at once: the lane answers the first, and hands on the rest.
            http.write(&[head.as_bytes(), put.as_bytes(), &frame, head.as_bytes()].concat()).unwrap();
            let statuses = [(); 3].map(|()| http.answer().unwrap().status);
            assert_eq!(statuses, [404, 200, 200]);
        })
        .await;
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_reader_hears_of_a_shutdown() {
    let running = Running::new(ServeOptions::default()).await;
    let mut http = running
        .blocking(|mut http| {
            http.get("/r/open/index/config.json").expect_status(200);
            http
        })
        .await;
    let begun = std::time::Instant::now();
    running.finish().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "nobody waits for the timeout");
    assert_eq!(tokio::task::spawn_blocking(move || http.rest().unwrap()).await.unwrap(), b"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_takes_no_answers_is_cut() {
    let options = ServeOptions {
        idle_timeout: Duration::from_millis(100),
        max_connections: 1,
        ..ServeOptions::default()
    };
    let running = Running::new(options).await;
    let noise: Vec<u8> = (0..400_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let package = CrateBuilder::new("big", "1.0.0").file("noise.bin", &noise);
    running.site.publish(ADMIN, "open", &package).await.expect(200);
    for lane in [true, false] {
        let deaf = running
            .blocking(move |mut http| {
                if !lane {
                    http.get("/livez").expect_status(200);
                }
                let head = http.head("GET", "/r/open/dl/big/1.0.0/download", &[], 0);
                http.write(head.repeat(50).as_bytes()).unwrap();
                http
            })
            .await;
        // There is room for one connection only.
        running.blocking(|mut http| http.get("/livez").expect_status(200)).await;
        drop(deaf);
    }
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_crate_is_hidden_in_the_lane_too() {
    let running = Running::new(ServeOptions::default()).await;
    let reader = running.site.user("rita", Role::Reader).await;
    running.site.password("admin").await;
    let cookie = format!("__Host-holdfast={}", running.site.session("admin").await);
    let address = running.address;
    running
        .blocking(move |mut http| {
            http.publish("main", &frame()).expect_status(200);
            let restriction = "/api/v1/registries/main/crates/abc/restriction";
            http.put(restriction, b"{\"teams\": []}").expect_status(204);
            let file = http.get("/r/main/index/3/a/abc").expect_status(200);
            let etag = file.header("etag").unwrap();
            let as_reader = ("Authorization", reader.as_str());
            let mut other = Http::connect(address).with_token(&reader);
            for path in ["/r/main/index/3/a/abc", "/r/main/dl/abc/1.0.0/download"] {
                other.get(path).expect_status(404);
                other.send("GET", path, &[("If-None-Match", etag)], &[]).expect_status(404);
                let mut browser = Http::connect(address);
                browser.send("GET", path, &[("Cookie", &cookie)], &[]).expect_status(401);
                browser.send("GET", path, &[("Cookie", &cookie), as_reader], &[]).expect_status(404);
            }
        })
        .await;
    running.finish().await;
}
