//! The URL of a table: `dynamodb://TABLE?region=…&endpoint=…&create=true`.

use percent_encoding::percent_decode_str;

/// How many requests are under way at a time unless the URL says otherwise.
const CONNECTIONS: usize = 16;

/// What a URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) table: String,
    /// Otherwise the environment's.
    pub(super) region: Option<String>,
    /// Otherwise the region's own.
    pub(super) endpoint: Option<String>,
    /// Make the table if it is not there.
    pub(super) create: bool,
    pub(super) connections: usize,
    /// Which part of the shared configuration holds the credentials.
    pub(super) profile: Option<String>,
    /// Fixed credentials, for servers that are not Amazon's. Otherwise they come from where the process runs.
    pub(super) keys: Option<Keys>,
}

/// Fixed credentials.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Address {
    /// Reads a URL, or says what is wrong with it.
    pub(super) fn parse(url: &str) -> Result<Address, String> {
        let rest = url.strip_prefix("dynamodb://").ok_or("write `dynamodb://TABLE?region=REGION`")?;
        let (table, query) = rest.split_once('?').unwrap_or((rest, ""));
        let table = table.trim_end_matches('/').to_owned();
        check_table(&table)?;
        let mut address = Address {
            table,
            region: None,
            endpoint: None,
            create: false,
            connections: CONNECTIONS,
            profile: None,
            keys: None,
        };
        let (mut id, mut secret) = (None, None);
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = percent_decode_str(value).decode_utf8().map_err(|_| not_text(name))?.into_owned();
            match name {
                "region" => address.region = Some(value),
                "endpoint" => address.endpoint = Some(check_endpoint(value)?),
                "create" => address.create = flag(name, &value)?,
                "connections" => address.connections = number(name, &value)?,
                "profile" => address.profile = Some(value),
                "access_key_id" => id = Some(value),
                "secret_access_key" => secret = Some(value),
                _ => return Err(format!("`{name}` is no parameter of it; there are {PARAMETERS}")),
            }
        }
        address.keys = match (id, secret) {
            (Some(id), Some(secret)) => Some(Keys { id, secret }),
            (None, None) => None,
            _ => return Err("give both of `access_key_id` and `secret_access_key`, or neither".into()),
        };
        Ok(address)
    }
}

const PARAMETERS: &str =
    "`region`, `endpoint`, `create`, `connections`, `profile`, `access_key_id` and `secret_access_key`";

/// The service's own rule for names.
fn check_table(table: &str) -> Result<(), String> {
    let is_allowed = |letter: u8| letter.is_ascii_alphanumeric() || b"_.-".contains(&letter);
    if (3..=255).contains(&table.len()) && table.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(format!("`{table}` is no name of a table: 3 to 255 letters, digits, `_`, `.` and `-`"))
}

fn check_endpoint(endpoint: String) -> Result<String, String> {
    let has_host = ["http://", "https://"]
        .iter()
        .any(|scheme| endpoint.strip_prefix(scheme).is_some_and(|host| !host.is_empty()));
    if has_host { Ok(endpoint) } else { Err(format!("the endpoint `{endpoint}` is no `http(s)://HOST` URL")) }
}

fn flag(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "true" | "" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("`{name}` is `true` or `false`, not `{value}`")),
    }
}

fn number(name: &str, value: &str) -> Result<usize, String> {
    let number = value.parse().ok().filter(|number| (1..=1000).contains(number));
    number.ok_or_else(|| format!("`{name}` is a number from 1 to 1000, not `{value}`"))
}

fn not_text(name: &str) -> String {
    format!("the value of `{name}` is no text once its `%` escapes are undone")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    #[test]
    fn urls_are_read() {
        let address = Address::parse("dynamodb://holdfast?region=eu-west-1").unwrap();
        assert_eq!((address.table.as_str(), address.region.as_deref()), ("holdfast", Some("eu-west-1")));
        assert_eq!((address.create, address.connections, address.keys), (false, 16, None));
        let url = "dynamodb://a.b-c_1/?endpoint=http%3A%2F%2Flocalhost:8000&create=true&connections=3\
                   &access_key_id=me&secret_access_key=a+b/c%26&profile=p";
        let address = Address::parse(url).unwrap();
        assert_eq!(address.endpoint.as_deref(), Some("http://localhost:8000"));
        assert_eq!((address.create, address.connections), (true, 3));
        assert_eq!(address.keys, Some(Keys { id: "me".into(), secret: "a+b/c&".into() }));
    }

    #[test]
    fn refusals_name_what_is_wrong() {
        let check = |url: &str, expected: &str| {
            let refusal = Address::parse(url).unwrap_err();
            assert!(refusal.contains(expected), "{url}: {refusal}");
        };
        check("dynamodb:table", "write `dynamodb://TABLE");
        check("dynamodb://", "`` is no name of a table");
        check("dynamodb://a/b", "`a/b` is no name of a table");
        check("dynamodb://table?regoin=x", "`regoin` is no parameter");
        check("dynamodb://table?create=yes", "`create` is `true` or `false`, not `yes`");
        check("dynamodb://table?connections=0", "a number from 1 to 1000");
        check("dynamodb://table?endpoint=localhost", "the endpoint `localhost`");
        check("dynamodb://table?access_key_id=x", "give both");
        check("dynamodb://table?region=%ff", "the value of `region`");
    }
}
