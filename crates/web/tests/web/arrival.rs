//! Coming by a link of another site, as browsers do that keep a `SameSite=Strict` cookie back then.

use crate::site::{Answer, Ask, Site, ask, get};
use holdfast_registry::Settings;
use holdfast_registry::entity::Role;
use holdfast_web::{ROUTES, WebSettings};

/// A link of another site, followed in the same window or a new one.
const FOLLOWED: [(&str, &str); 3] =
    [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];

fn with(request: Ask, headers: &[(&'static str, &str)]) -> Ask {
    headers.iter().fold(request, |request, (name, value)| request.header(name, value))
}

/// Where a small page goes on to.
fn goes_on_to(answer: &Answer) -> Option<&str> {
    let (_, rest) = answer.text().split_once("<meta http-equiv=\"refresh\" content=\"0;url=")?;
    Some(rest.split('"').next().unwrap())
}

#[tokio::test]
async fn whoever_is_signed_in_stays_so() {
    let site = Site::new().await;
    site.user("alice", Role::Publisher).await;
    site.password("alice").await;
    let session = site.session("alice").await;
    let code = site.holdfast.begin_device("laptop", None).await.unwrap().user_code;
    let path = format!("/device?code={code}");
    let small = with(get(&path), &FOLLOWED).send(&site).await.expect(200);
    assert_eq!(goes_on_to(&small), Some(&*path));
    assert!(small.text().contains(&format!("<a href=\"{path}\">")), "for browsers that do not go on");
    assert_eq!(small.header("referrer-policy"), Some("no-referrer"), "the code leaks nowhere");
    assert_eq!(small.header("cache-control"), Some("private, no-store"));
    assert!(small.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    assert!(small.header("set-cookie").is_none() && !small.text().contains("laptop"));
    // The second step, as the browser takes it: with the cookie, and without one where nobody is signed in.
    let page = get(&path).session(&session).send(&site).await.expect(200);
    assert!(page.text().contains("laptop") && goes_on_to(&page).is_none());
    let stranger = with(get(&path), &[("sec-fetch-site", "same-origin"), FOLLOWED[1], FOLLOWED[2]]);
    assert!(stranger.send(&site).await.expect(303).header("location").unwrap().starts_with("/login?to="));
}

#[tokio::test]
async fn nothing_else_takes_the_detour() {
    let site = Site::new().await;
    let [site_header, mode, dest] = FOLLOWED;
    for headers in [
        &[][..],
        &[mode, dest],
        &[("sec-fetch-site", "none"), mode, dest],
        &[("sec-fetch-site", "same-site"), mode, dest],
        &[("sec-fetch-site", "same-origin"), mode, dest],
        &[site_header, ("sec-fetch-mode", "cors"), dest],
        &[site_header, mode, ("sec-fetch-dest", "iframe")],
        &[site_header, mode, dest, ("cookie", "__Host-holdfast=hf_x")],
    ] {
        with(get("/account"), headers).send(&site).await.expect(303);
    }
    with(ask("POST", "/device"), &FOLLOWED).send(&site).await.expect(401);
    with(ask("HEAD", "/account"), &FOLLOWED).send(&site).await.expect(303);
}

/// A new page shows up here: does it matter who is signed in?
#[tokio::test]
async fn every_page_is_reached_by_links() {
    let site = Site::new().await;
    let mut others = Vec::new();
    for route in ROUTES.iter().filter(|route| route.method == "GET" && !route.path.starts_with("/api/")) {
        let path = route.path.replace("{secret}", "hf_x").replace(['{', '}'], "");
        let answer = with(get(&path), &FOLLOWED).send(&site).await;
        match goes_on_to(&answer) {
            Some(address) => assert_eq!(address, path),
            None => others.push(route.path),
        }
    }
    others.retain(|path| !path.starts_with("/r/"));
    let expected =
        ["/login/{provider}", "/login/{provider}/callback", "/style.css", "/livez", "/readyz", "/metrics"];
    assert_eq!(others, expected);
}

#[tokio::test]
async fn the_same_address_is_all_that_it_leads_to() {
    let public_url = Some("https://host.example/crates".to_owned());
    let mounted = Site::with(WebSettings { public_url, ..WebSettings::default() }, Settings::default()).await;
    let plain = Site::new().await;
    for (site, path, expected) in [
        (&mounted, "/crates/device?code=ABCD-EFGH", Some("/crates/device?code=ABCD-EFGH")),
        (&mounted, "/device?code=ABCD-EFGH", Some("/crates/device?code=ABCD-EFGH")),
        (&plain, "/login?to=//evil.example", Some("/login?to=//evil.example")),
        (
            &plain,
            "/account?a=b&amp;url=https://evil.example",
            Some("/account?a=b&amp;amp;url=https://evil.example"),
        ),
        (&plain, "/account?'%22%3E;url=//evil", Some("/account?'%22%3E;url=//evil")),
        (&plain, "/invitation/x\"'{&", Some("/invitation/x&quot;'{&amp;")),
        (&plain, "//account", Some("/account")),
        (&plain, "//evil.example/account", None),
        (&plain, "/\\evil.example/account", None),
        (&plain, "https://evil.example/account?x", Some("/account?x")),
    ] {
        let answer = with(get(path), &FOLLOWED).header("host", "evil.example").send(site).await;
        assert_eq!(goes_on_to(&answer), expected, "{path}");
    }
}
