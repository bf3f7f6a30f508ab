//! What somebody signed in with, in a few words: browsers say far more about themselves than tells them apart.

/// How long the name of a program that is no known browser may be.
const LONGEST_CHARS: usize = 30;

/// Marks of browsers. Most say that they are others too, so the first that is found counts.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Marks of systems, in the same way: Android says that it is Linux, and iOS that it is like macOS.
const SYSTEMS: &[(&str, &str)] = &[
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("FreeBSD", "FreeBSD"),
    ("Linux", "Linux"),
];

/// A `User-Agent` for people: `Firefox on Linux`, or the name of a program that is no known browser.
pub(super) fn short(agent: &str) -> String {
    let first = |marks: &[(&str, &'static str)]| {
        marks.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    match (first(BROWSERS), first(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) => program(agent),
    }
}

/// The name before the first version (RFC 9110, section 10.1.5).
fn program(agent: &str) -> String {
    let name: String = agent
        .trim_start()
        .chars()
        .take_while(|c| !c.is_whitespace() && *c != '/')
        .take(LONGEST_CHARS)
        .collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn few_words() {
        const WEBKIT: &str = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
        let mozilla = |system: &str, rest: &str| format!("Mozilla/5.0 ({system}) {rest}");
        let webkit = |system: &str, rest: &str| mozilla(system, &format!("{WEBKIT} {rest}"));
        let (windows, linux) = ("Windows NT 10.0; Win64; x64", "X11; Linux x86_64");
        let mac = "Macintosh; Intel Mac OS X 10_15_7";
        let phone = "iPhone; CPU iPhone OS 18_1 like Mac OS X";
        for (agent, expected) in [
            (mozilla("X11; Linux x86_64; rv:140.0", "Gecko/20100101 Firefox/140.0"), "Firefox on Linux"),
            (mozilla("Android 15; Mobile; rv:140.0", "Gecko/140.0 Firefox/140.0"), "Firefox on Android"),
            (webkit(phone, "FxiOS/140.0 Mobile/15E148 Safari/605.1.15"), "Firefox on iOS"),
            (webkit(windows, "Chrome/140.0.0.0 Safari/537.36"), "Chrome on Windows"),
            (webkit("Linux; Android 10; K", "Chrome/140.0.0.0 Mobile Safari/537.36"), "Chrome on Android"),
            (webkit("X11; CrOS x86_64 14541.0.0", "Chrome/140.0.0.0 Safari/537.36"), "Chrome on ChromeOS"),
            (webkit(linux, "HeadlessChrome/140.0.0.0 Safari/537.36"), "Chrome on Linux"),
            (webkit(windows, "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"), "Edge on Windows"),
            (webkit(mac, "Chrome/140.0.0.0 Safari/537.36 OPR/122.0.0.0"), "Opera on macOS"),
            (webkit(mac, "Version/18.1 Safari/605.1.15"), "Safari on macOS"),
            (
                webkit("iPad; CPU OS 18_1 like Mac OS X", "Version/18.1 Mobile Safari/604.1"),
                "Safari on iPadOS",
            ),
            ("Firefox/140.0".to_owned(), "Firefox"),
            ("curl/8.5.0".to_owned(), "curl"),
            ("Wget/1.21 (linux-gnu)".to_owned(), "Wget"),
            (" cargo 1.91.0".to_owned(), "cargo"),
            (mozilla("compatible; Something/1.0", ""), "Mozilla"),
            ("<b>/1".to_owned(), "<b>"),
            ("ä".repeat(500), &*"ä".repeat(30)),
            ("/1.0".to_owned(), "unknown"),
            (String::new(), "unknown"),
        ] {
            assert_eq!(short(&agent), expected, "{agent}");
        }
    }
}
