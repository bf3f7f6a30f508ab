//! Names and versions from hell, in every position of every address.

use super::{assert_untouched, server};
use holdfast_testkit::{Http, Server};

/// What no crate, version or registry is called, as it stands in an address.
const HELL: &[&str] = &[
    "..",
    ".",
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%2f..%2fetc%2fpasswd",
    "..%5c..%5cwindows",
    "%00",
    "a%00b",
    "alpha%00",
    "%0d%0aX-Injected:%20yes",
    "%ff%fe",
    "%c0%ae%c0%ae",
    "%e2%80%ae",
    "%d0%b0lpha",
    "caf%c3%a9",
    "%F0%9F%A6%80",
    "%",
    "%zz",
    "%2",
    "%25",
    "con",
    "nul",
    "-",
    "_",
    "1alpha",
    "alpha%20",
    "%20alpha",
    "alpha;x=1",
    "alpha,beta",
    "*",
    "'%20OR%201=1--",
    "%22",
    "%3Cscript%3E",
    "{crate}",
    "$(id)",
    "config.json",
    "new",
    "99999999999999999999.0.0",
    "1.0.0+%2f",
    "1.0.0-",
    "0x1.0.0",
];

/// Addresses with a hole.
const HOLES: &[(&str, &str)] = &[
    ("GET", "/r/@/index/config.json"),
    ("GET", "/r/@/index/al/ph/alpha"),
    ("GET", "/r/main/index/@"),
    ("GET", "/r/main/index/@/ph/alpha"),
    ("GET", "/r/main/index/al/@/alpha"),
    ("GET", "/r/main/index/al/ph/@"),
    ("GET", "/r/@/dl/alpha/1.0.0/download"),
    ("GET", "/r/main/dl/@/1.0.0/download"),
    ("GET", "/r/main/dl/alpha/@/download"),
    ("GET", "/r/@/api/v1/crates"),
    ("GET", "/r/main/api/v1/crates/@"),
    ("GET", "/r/main/api/v1/crates/@/versions"),
    ("GET", "/r/main/api/v1/crates/@/owners"),
    ("GET", "/r/main/api/v1/crates/@/downloads"),
    ("GET", "/r/main/api/v1/crates/@/reverse_dependencies"),
    ("GET", "/r/main/api/v1/crates/alpha/@"),
    ("GET", "/r/main/api/v1/crates/alpha/@/dependencies"),
    ("GET", "/r/main/api/v1/crates/@/1.0.0/download"),
    ("DELETE", "/r/main/api/v1/crates/@/1.0.0/yank"),
    ("DELETE", "/r/main/api/v1/crates/alpha/@/yank"),
    ("PUT", "/r/main/api/v1/crates/@/1.0.0/unyank"),
    ("PUT", "/r/main/api/v1/crates/alpha/@/unyank"),
    ("PUT", "/r/main/api/v1/crates/@/owners"),
    ("DELETE", "/r/main/api/v1/crates/@/owners"),
    ("GET", "/api/v1/users/@"),
    ("DELETE", "/api/v1/users/@"),
    ("GET", "/api/v1/teams/@/members"),
    ("PUT", "/api/v1/teams/@/members/@"),
    ("DELETE", "/api/v1/tokens/@"),
    ("GET", "/api/v1/registries/@"),
    ("PATCH", "/api/v1/registries/@"),
    ("DELETE", "/api/v1/registries/@"),
    ("DELETE", "/api/v1/registries/main/crates/@"),
    ("DELETE", "/api/v1/registries/main/crates/alpha/@"),
    ("GET", "/@"),
];

/// Fills the hole of every address, also with what is too long for any name.
fn with_hell(mut ask: impl FnMut(&str, &str)) {
    let long = "a".repeat(5000);
    for (method, address) in HOLES {
        for name in HELL.iter().copied().chain([long.as_str()]) {
            // Clients and proxies take dots out of a path, so these come to other addresses than meant.
            ask(method, &address.replace('@', name));
        }
    }
}

#[test]
fn nothing_from_hell_is_found() {
    let server = server();
    let mut http = server.http();
    with_hell(|method, path| {
        let body: &[u8] = if method == "GET" { b"" } else { b"{\"users\":[\"admin\"]}" };
        let answer = http.send(method, path, &[], body);
        // Some of these are addresses of something else, such as `/r/main/index/config.json`.
        let is_fine = matches!(answer.status, 200 | 204 | 304 | 400..=499) && answer.status != 410;
        assert!(is_fine, "{method} {path}: {} with `{}`", answer.status, answer.text());
        assert_eq!(answer.header("x-injected"), None, "{method} {path}");
        if path.starts_with("/r/main/index/") && !path.ends_with("config.json") {
            assert!(matches!(answer.status, 400 | 404), "{method} {path}: {}", answer.status);
        }
        if answer.status >= 400 && path.contains("/api/") {
            answer.sentence();
        }
    });
    assert_untouched(&server);
}

#[test]
fn who_is_not_logged_in_learns_nothing_from_hell() {
    let server = server();
    let mut http = server.anonymous();
    with_hell(|method, path| {
        let answer = http.send(method, path, &[], b"");
        let is_public = path.matches('/').count() == 1;
        assert!(answer.status < 500, "{method} {path}: {} with `{}`", answer.status, answer.text());
        assert!(
            is_public || answer.status >= 400 || path == "/api/v1/registries/.",
            "{method} {path}: {}",
            answer.status
        );
    });
    assert_untouched(&server);
}

#[test]
fn queries_from_hell_find_nothing_and_fail_nothing() {
    let server = server();
    server.publish("alpha", "1.0.0");
    let mut http = server.http();
    let queries = [
        "q=%00",
        "q=%ff",
        "q=",
        "q",
        "q=%22",
        "q=%22%22%22",
        "q=((((",
        "q=a+AND+NOT",
        "q=name:alpha",
        "q=*",
        "q=%27%20OR%201=1",
        "q=/[a-z]*/",
        "q=[a+TO+z]",
        "per_page=0",
        "per_page=-1",
        "per_page=99999999999999",
        "per_page=x",
        "page=0",
        "page=-1",
        "page=18446744073709551615",
        "page=9999&per_page=100",
        "sort=nonsense",
        "q=a&q=b&q=c",
        "q=%F0%9F%A6%80",
        "&&&=&",
        "offset=18446744073709551615",
    ];
    let long = format!("q={}", "a%20".repeat(10_000));
    for query in queries.into_iter().chain([long.as_str()]) {
        let answer = http.get(&format!("/r/main/api/v1/crates?{query}"));
        assert!(matches!(answer.status, 200 | 400..=499), "{query}: {} {}", answer.status, answer.text());
        answer.json();
    }
    server.assert_unharmed();
}

/// Sends bytes that are no request, and makes sure that the connection ends or answers with a 4xx.
fn is_turned_away(server: &Server, bytes: &[u8]) {
    let mut http = Http::connect(server.address());
    // The server may close before it has everything.
    http.write(bytes).ok();
    http.end_sending();
    let answer = String::from_utf8_lossy(&http.rest().unwrap()).into_owned();
    let is_refusal =
        answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.0 4");
    assert!(
        is_refusal,
        "{:?} was answered with `{answer}`",
        String::from_utf8_lossy(&bytes[..bytes.len().min(80)])
    );
}

#[test]
fn what_is_no_http_is_turned_away() {
    let server = server();
    let many_headers = format!("GET /livez HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(10_000));
    let long_header = format!("GET /livez HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "b".repeat(1 << 20));
    let long_path = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1 << 20));
    let requests: [&[u8]; 16] = [
        b"",
        b"\r\n\r\n",
        b"\0\0\0\0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /r/main/index/<script> HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /r/main/api/v1/crates?q=\" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /r/main/index/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PUT /r/main/api/v1/crates/new HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"PUT /r/main/api/v1/crates/new HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"PUT /r/main/api/v1/crates/new HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        many_headers.as_bytes(),
        long_header.as_bytes(),
        long_path.as_bytes(),
    ];
    for request in requests {
        is_turned_away(&server, request);
    }
    assert_untouched(&server);
}

#[test]
fn hosts_from_hell_do_not_get_into_answers() {
    let server = server();
    for host in [
        "",
        "a b",
        "x/../y",
        "evil.example/path",
        "user@evil.example",
        "x\"y",
        "[::1",
        "x:notaport",
        "x:99999",
    ] {
        let mut http = Http::connect(server.address());
        let head = format!(
            "GET /r/main/index/config.json HTTP/1.1\r\nHost: {host}\r\nAuthorization: {}\r\n\r\n",
            server.token()
        );
        http.write(head.as_bytes()).unwrap();
        let answer = http.answer().unwrap();
        assert!(matches!(answer.status, 200 | 400..=499), "`{host}`: {} {}", answer.status, answer.text());
        if answer.status == 200 {
            let url = answer.json()["dl"].as_str().unwrap().to_owned();
            assert!(
                !url.contains(['"', ' ', '@']) && !url.contains("evil.example/path"),
                "`{host}` gave {url}"
            );
        }
    }
    server.assert_unharmed();
}

#[test]
fn tokens_from_hell_are_refused_and_never_logged() {
    let server = server();
    let secret = "hf_this-secret-must-not-be-in-any-log";
    let long = "x".repeat(10_000);
    for token in ["", " ", "Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", "Token x", secret, "\u{7f}", &long]
    {
        for (method, path) in
            [("GET", "/r/main/index/config.json"), ("PUT", super::NEW), ("GET", "/api/v1/me")]
        {
            let mut http = server.anonymous().with_token(token);
            let answer = http.send(method, path, &[], b"");
            assert!(matches!(answer.status, 400..=499), "`{token}` {method} {path}: {}", answer.status);
        }
    }
    let log = server.log();
    assert!(!log.contains(secret) && !log.contains("YWRtaW46"), "the log tells a token:\n{log}");
    assert_untouched(&server);
}
