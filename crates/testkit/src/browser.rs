//! A real browser, for pages as people see them: `WebDriver`'s words (W3C) as far as tests need them.

use crate::http::Http;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use holdfast_servers::{Chromedriver, seen_within};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The name that the standard gives to the number of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Nothing but what a test asks for, from nowhere but this machine.
const ARGUMENTS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    // Its channel is closed when the driver is gone, and the browser goes too.
    "--remote-debugging-pipe",
    "--window-size=1000,1100",
];

/// A window of a new browser that remembers nothing. Dropping it closes the window.
pub struct Browser {
    http: Http,
    session: String,
    _driver: Chromedriver,
}

impl Browser {
    /// Opens a window. `None` when there is no browser, which is said; a full run panics then.
    #[track_caller]
    pub fn open() -> Option<Browser> {
        let driver = Chromedriver::start()?;
        let mut http = Http::connect(driver.address());
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": ARGUMENTS },
            "timeouts": { "pageLoad": 30_000 },
        } } });
        let session = match call(&mut http, "POST", "/session", &wanted) {
            Ok(session) => session,
            Err(error) => panic!("no browser was started: {error}; {}", driver.process().log()),
        };
        let session = session["sessionId"].as_str().expect("a session has an id");
        Some(Browser { http, session: format!("/session/{session}"), _driver: driver })
    }

    /// Goes to an address, and waits until its page is there.
    #[track_caller]
    pub fn go(&mut self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// The address of the page.
    #[track_caller]
    pub fn url(&mut self) -> String {
        let url = self.ask("GET", "/url", &Value::Null).unwrap_or_else(|error| panic!("{error}"));
        url.as_str().expect("an address is text").to_owned()
    }

    /// Waits until the address of the page fulfils `is_there`.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let found = seen_within(holdfast_servers::PATIENCE, || Some(self.url()).filter(|url| is_there(url)));
        let Some(found) = found else { panic!("{what} is not here, but {}: {}", self.url(), self.text()) };
        found
    }

    /// The text that a person reads on the page.
    #[track_caller]
    pub fn text(&mut self) -> String {
        self.text_of("body")
    }

    /// The text of the first element that a selector of style sheets finds.
    #[track_caller]
    pub fn text_of(&mut self, selector: &str) -> String {
        let path = format!("{}/text", self.find(selector));
        let text = self.ask("GET", &path, &Value::Null).unwrap_or_else(|error| panic!("{error}"));
        text.as_str().expect("a text is text").to_owned()
    }

    /// Types into a field.
    #[track_caller]
    pub fn fill(&mut self, selector: &str, text: &str) {
        let path = format!("{}/value", self.find(selector));
        self.post(&path, &json!({ "text": text }));
    }

    /// Clicks.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let path = format!("{}/click", self.find(selector));
        self.post(&path, &json!({}));
    }

    /// What the browser keeps of the page's site, by name.
    #[track_caller]
    pub fn cookie(&mut self, name: &str) -> Option<Value> {
        let cookies = self.ask("GET", "/cookie", &Value::Null).unwrap_or_else(|error| panic!("{error}"));
        cookies.as_array()?.iter().find(|cookie| cookie["name"] == name).cloned()
    }

    /// Writes what is to be seen into a PNG file.
    #[track_caller]
    pub fn photograph(&mut self, file: &Path) {
        let script = json!({ "script": "return document.documentElement.scrollHeight", "args": [] });
        let height = self.post("/execute/sync", &script).as_u64().unwrap_or(0).clamp(400, 4000);
        self.post("/window/rect", &json!({ "width": 1000, "height": height + 160 }));
        let image = self.ask("GET", "/screenshot", &Value::Null).unwrap_or_else(|error| panic!("{error}"));
        let bytes = STANDARD.decode(image.as_str().expect("an image comes as text"));
        let bytes = bytes.expect("WebDriver gives images in base64");
        fs::create_dir_all(file.parent().expect("a file is in a folder")).expect("the folder can be made");
        fs::write(file, bytes).expect("the folder takes files");
    }

    /// The path of an element, which may come a little later.
    #[track_caller]
    fn find(&mut self, selector: &str) -> String {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = seen_within(holdfast_servers::PATIENCE, || self.ask("POST", "/element", &wanted).ok());
        let Some(found) = found else { panic!("no `{selector}` at {}: {}", self.url(), self.text()) };
        format!("/element/{}", found[ELEMENT].as_str().expect("an element has a number"))
    }

    #[track_caller]
    fn post(&mut self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, body).unwrap_or_else(|error| panic!("{error}"))
    }

    fn ask(&mut self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let path = format!("{}{path}", self.session);
        call(&mut self.http, method, &path, body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.ask("DELETE", "", &Value::Null).ok();
    }
}

fn call(http: &mut Http, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let headers = [("Content-Type", "application/json; charset=utf-8")];
    let answer = http.send(method, path, &headers, text.as_bytes());
    let value = answer.json()["value"].take();
    if answer.status == 200 { Ok(value) } else { Err(format!("`{method} {path}`: {value}")) }
}
