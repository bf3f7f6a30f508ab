//! Opens a page in the user's browser, where that works.

use std::process::{Command, Stdio};

use http::Uri;

/// Tries to open a page. Failing is fine: the user has been told the address. The address is the server's word, so
/// nothing but a web page is opened.
pub(crate) fn open(address: &str) {
    let Some(address) = page(address) else { return };
    let (program, arguments): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    let mut command = Command::new(program);
    command.args(arguments).arg(address);
    // Its output would end up between cargo's lines.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok();
}

/// The address as a program may get it: of a web page, and never to be taken for an option.
fn page(address: &str) -> Option<String> {
    let uri = address.parse::<Uri>().ok()?;
    matches!(uri.scheme_str(), Some("http" | "https")).then(|| uri.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_pages_are_opened() {
        assert_eq!(page("https://h/device?code=AB-CD").as_deref(), Some("https://h/device?code=AB-CD"));
        for other in ["file:///etc/passwd", "--help", "javascript:alert(1)", "/bin/sh", "https://h/\n", ""] {
            assert_eq!(page(other), None, "{other}");
        }
    }
}
