//! People with passwords, and a browser without a window for them.

use holdfast_testkit::{Answer, Cargo, Http, Server, ServerBuilder, credential_provider};
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use tempfile::TempDir;

/// A server on which signing in costs little.
pub(crate) fn quick() -> ServerBuilder {
    Server::builder().env("HOLDFAST_PASSWORD_MEMORY", "64KiB").env("HOLDFAST_PASSWORD_PASSES", "1")
}

/// The same with providers of sign-in. The folder holds their file.
pub(crate) fn with_providers(text: &str) -> (ServerBuilder, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("providers.toml");
    fs::write(&file, text).unwrap();
    (quick().env("HOLDFAST_PROVIDERS", file.to_str().unwrap()), folder)
}

/// Adds somebody with a password.
#[track_caller]
pub(crate) fn add(server: &Server, login: &str, role: &str, password: &str) {
    let mut admin = server.http();
    admin.post_json("/api/v1/users", &json!({ "login": login, "role": role })).expect_status(201);
    let path = format!("/api/v1/users/{login}/password");
    admin.put_json(&path, &json!({ "new": password })).expect_status(204);
}

/// A cargo that has the credential provider and no token.
pub(crate) fn cargo(server: &Server) -> Cargo {
    let config = format!(
        "[registry]\ndefault = \"main\"\nglobal-credential-providers = [\"cargo:token\", {:?}]\n\n\
         [registries.main]\nindex = {:?}\n",
        credential_provider().to_str().unwrap(),
        server.index("main"),
    );
    let cargo = Cargo::with_config(&config).env("HOLDFAST_CREDENTIAL_STORE", "file");
    cargo.env("HOLDFAST_NO_BROWSER", "1")
}

/// Somebody before a browser that has no window.
pub(crate) struct Person {
    http: Http,
    cookies: Vec<(String, String)>,
}

impl Person {
    /// Somebody who has not signed in.
    pub(crate) fn new(server: &Server) -> Person {
        Person { http: server.anonymous(), cookies: Vec::new() }
    }

    /// Somebody who has signed in with a password, or what the form said.
    pub(crate) fn sign_in(server: &Server, login: &str, password: &str) -> Result<Person, Answer> {
        let mut person = Person::new(server);
        let answer = person.post("/login", &[("login", login), ("password", password), ("to", "/account")]);
        if answer.status == 303 { Ok(person) } else { Err(answer) }
    }

    /// The value of the session's cookie.
    pub(crate) fn session(&self) -> &str {
        let cookie = self.cookies.iter().find(|(name, _)| name == "__Host-holdfast");
        &cookie.expect("nobody is signed in").1
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[])
    }

    /// Sends a form from a page of the server.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send("POST", path, fields)
    }

    fn send(&mut self, method: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = pairs.join("; ");
        let headers = [
            ("Cookie", cookies.as_str()),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Sec-Fetch-Site", "same-origin"),
        ];
        let form: Vec<_> =
            fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let answer = self.http.send(method, path, &headers, form.join("&").as_bytes());
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }
}

/// A text as it stands in an address or a form.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() {
            all.push(char::from(byte));
        } else {
            write!(all, "%{byte:02X}").unwrap();
        }
        all
    })
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "tokens of other systems tell the real time")]
pub(crate) fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}
