//! The text of the pages.

use crate::base_url::BaseUrl;
use holdfast_types::RegistryName;
use std::fmt::Write as _;

/// The style sheet, for light and dark.
pub(super) const STYLE: &str = include_str!("style.css");

/// How to use some registries; without any, how to find out.
pub(super) fn page(base: &BaseUrl, names: &[RegistryName]) -> String {
    let title = match names {
        [one] => format!("Registry {one}"),
        _ => "Cargo registry".to_owned(),
    };
    let mut main = String::new();
    for name in names {
        section(&mut main, base, name);
    }
    if names.is_empty() {
        main.push_str(NONE_OPEN);
    }
    main.push_str(TOKENS);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<link rel=\"stylesheet\" href=\"{}/style.css\">\n</head>\n<body>\n\
         <header><a href=\"{}/\">Holdfast</a></header>\n<main>\n<h1>{title}</h1>\n{main}</main>\n</body>\n</html>\n",
        escaped(base.as_str()),
        escaped(base.as_str()),
    )
}

fn section(main: &mut String, base: &BaseUrl, name: &RegistryName) {
    let index = escaped(&base.index(name));
    let variable = name.as_str().to_ascii_uppercase().replace('-', "_");
    // Writing to a string does not fail.
    let _ = write!(
        main,
        "<section>\n<h2>Use <code>{name}</code></h2>\n\
         <p>Put this into <code>~/.cargo/config.toml</code>, or into <code>.cargo/config.toml</code> of a project:</p>\n\
         <pre><code>[registries.{name}]\nindex = \"{index}\"\ncredential-provider = [\"cargo:token\"]\n</code></pre>\n\
         <p>Then give cargo your token once:</p>\n\
         <pre><code>cargo login --registry {name}\n</code></pre>\n\
         <p>After that:</p>\n\
         <pre><code>cargo add --registry {name} SOME_CRATE\ncargo publish --registry {name}\n</code></pre>\n\
         <p>In CI, set these variables instead:</p>\n\
         <pre><code>CARGO_REGISTRIES_{variable}_INDEX={index}\n\
         CARGO_REGISTRIES_{variable}_CREDENTIAL_PROVIDER=cargo:token\n\
         CARGO_REGISTRIES_{variable}_TOKEN=…\n</code></pre>\n</section>\n"
    );
}

const NONE_OPEN: &str = "<section>\n<p>The registries of this server need a login. The page of a registry, with \
     the lines for cargo's configuration, is at <code>/r/NAME/me</code>; whoever runs the server knows its name.</p>\n\
     </section>\n";

const TOKENS: &str = "<section>\n<h2>Get a token</h2>\n\
     <p>An admin makes tokens on the server:</p>\n\
     <pre><code>holdfast token create --user YOU --name laptop\n</code></pre>\n\
     <p>A token can be held to what it is for, and can end by itself. This one publishes new versions of some \
     crates for 30 days:</p>\n\
     <pre><code>holdfast token create --user YOU --name ci --scope publish-update --crate 'acme-*' --expires 30d\n</code></pre>\n\
     <p>The token is shown once. <code>cargo login</code> asks for it and keeps it; <code>cargo logout</code> \
     forgets it.</p>\n</section>\n";

/// Text as it may stand in HTML and in its attributes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_means_something() {
        assert_eq!(escaped("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
    }
}
