//! What an operator may set about serving.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Settings of the web; the binary fills them from its options.
#[derive(Clone)]
pub struct WebSettings {
    /// The address under which clients reach the server, without a slash at the end; `None` takes it from
    /// each request.
    pub public_url: Option<String>,
    /// Whether the forwarded headers of a peer are believed.
    pub is_trusted_proxy: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// How long a request may take, and how long an upload may stand still.
    pub request_timeout: Duration,
    /// How long an upload may take as a whole.
    pub upload_timeout: Duration,
    /// How many uploads may be under way at a time.
    pub max_uploads: usize,
}

impl Default for WebSettings {
    fn default() -> WebSettings {
        WebSettings {
            public_url: None,
            is_trusted_proxy: Arc::new(|_| false),
            request_timeout: Duration::from_secs(30),
            upload_timeout: Duration::from_mins(10),
            max_uploads: 64,
        }
    }
}

impl fmt::Debug for WebSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSettings").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}
