//! The server's side: answers by script, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use holdfast_servers::{Act, Front, Request};
use serde_json::{Value, json};

/// A server, and what came.
pub(crate) struct Server {
    front: Front,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers each request, told by its method, its path and its body, with a status and a document.
    pub(crate) fn answering(mut script: impl FnMut(&str, &str) -> (u16, Value) + Send + 'static) -> Server {
        Server::acting(move |request| {
            let body = String::from_utf8_lossy(&request.body);
            let (status, document) = script(route(request), &body);
            Act::Answer(status, document.to_string())
        })
    }

    /// Does with each request what is said.
    pub(crate) fn acting(mut script: impl FnMut(&Request) -> Act + Send + 'static) -> Server {
        let (front, seen) = (Front::alone(), Arc::new(Mutex::new(Vec::new())));
        let remembered = Arc::clone(&seen);
        front.script(move |request| {
            remembered.lock().unwrap().push(request.clone());
            script(request)
        });
        Server { front, seen }
    }

    /// A server that must not be asked.
    pub(crate) fn silent() -> Server {
        Server::answering(|route, _| panic!("nobody should ask {route}"))
    }

    /// `host:port`.
    pub(crate) fn host(&self) -> String {
        self.front.address().to_string()
    }

    /// The address of its registry.
    pub(crate) fn index(&self) -> String {
        format!("sparse+http://{}/base/r/main/index/", self.host())
    }

    /// The requests so far: method and path, authorization, body.
    pub(crate) fn seen(&self) -> Vec<(String, String, String)> {
        let seen = self.seen.lock().unwrap();
        let told = |request: &Request| {
            let authorization = request.header("authorization").unwrap_or_default().to_owned();
            let body = String::from_utf8_lossy(&request.body).into_owned();
            (route(request).to_owned(), authorization, body)
        };
        seen.iter().map(told).collect()
    }

    /// The paths of the requests so far.
    pub(crate) fn routes(&self) -> Vec<String> {
        self.seen().into_iter().map(|(route, _, _)| route).collect()
    }
}

/// The first line without the version of HTTP.
fn route(request: &Request) -> &str {
    request.line.trim_end_matches(" HTTP/1.1")
}

/// A refusal of the token endpoint.
pub(crate) fn declined(code: &str) -> (u16, Value) {
    (400, json!({"error": code}))
}

/// A grant of the token endpoint.
pub(crate) fn granted(access: &str, refresh: &str) -> (u16, Value) {
    (
        200,
        json!({"access_token": access, "token_type": "Bearer", "expires_in": 600, "refresh_token": refresh}),
    )
}
