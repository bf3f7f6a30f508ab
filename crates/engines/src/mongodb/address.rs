//! The URL: what the driver takes, with our defaults, without what would weaken a promise.

use std::time::Duration;

use mongodb::error::Error;
use mongodb::options::{Acknowledgment, ClientOptions, ReadConcernLevel, ReadPreference, SelectionCriteria};

use super::failure::said;
use super::schema::Refusal;

const DATABASE: &str = "holdfast";
const CONNECTIONS: u32 = 16;

/// How long to look for a primary, and to connect to it. Elections take longer: a caller gets its error.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The driver's options, and the name of the database.
pub(super) async fn parse(url: &str) -> Result<(ClientOptions, String), Refusal> {
    let mut options = ClientOptions::parse(url).await.map_err(|error| without_password(url, &error))?;
    refuse_weak(&options)?;
    options.app_name.get_or_insert_with(|| "holdfast".into());
    options.max_pool_size.get_or_insert(CONNECTIONS);
    options.connect_timeout.get_or_insert(TIMEOUT);
    options.server_selection_timeout.get_or_insert(TIMEOUT);
    let name = options.default_database.clone().unwrap_or_else(|| DATABASE.into());
    Ok((options, name))
}

fn refuse_weak(options: &ClientOptions) -> Result<(), Refusal> {
    let weak = |reason: &str| Err(Refusal::not_durable(reason, "leave that parameter out of the URL"));
    if let Some(concern) = &options.write_concern {
        match &concern.w {
            None | Some(Acknowledgment::Majority) => {}
            Some(_) => return weak("`w` asks for less than `majority`, and a failover would undo commits"),
        }
        if concern.journal == Some(false) {
            return weak("`journal=false` acknowledges commits before they are on disk");
        }
    }
    match options.read_concern.as_ref().map(|concern| &concern.level) {
        None | Some(ReadConcernLevel::Majority | ReadConcernLevel::Linearizable) => {}
        Some(_) => return weak("`readConcernLevel` permits to read what a failover undoes"),
    }
    match &options.selection_criteria {
        None | Some(SelectionCriteria::ReadPreference(ReadPreference::Primary)) => Ok(()),
        Some(_) => weak("`readPreference` permits to read from a member that lags behind"),
    }
}

/// The driver may repeat the part of an address that it does not understand.
fn without_password(url: &str, error: &Error) -> Refusal {
    let said = said(error).to_string();
    let login = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map(|(login, _)| login);
    let password = login.and_then(|login| login.split_once(':')).map(|(_, password)| password);
    let message = match password.filter(|password| !password.is_empty()) {
        Some(password) => said.replace(password, "***"),
        None => said,
    };
    Refusal::Failed(message.into())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    #[tokio::test]
    async fn defaults_are_ours_and_may_be_changed() {
        let (options, name) = parse("mongodb://a.example,b.example:7/").await.unwrap();
        assert_eq!((name.as_str(), options.max_pool_size), ("holdfast", Some(16)));
        assert_eq!(options.server_selection_timeout, Some(TIMEOUT));
        let url = "mongodb://a.example/things?maxPoolSize=3&connectTimeoutMS=9000&w=majority&journal=true\
                   &readConcernLevel=linearizable&readPreference=primary&tls=true";
        let (options, name) = parse(url).await.unwrap();
        assert_eq!((name.as_str(), options.max_pool_size), ("things", Some(3)));
        assert_eq!(options.connect_timeout, Some(Duration::from_secs(9)));
    }

    #[tokio::test]
    async fn weak_settings_are_refused() {
        for parameter in [
            "w=1",
            "w=0",
            "w=3",
            "w=tag",
            "journal=false",
            "readConcernLevel=local",
            "readPreference=nearest",
        ] {
            let refusal = parse(&format!("mongodb://a.example/?{parameter}")).await.unwrap_err();
            assert!(matches!(refusal, Refusal::NotDurable { .. }), "{parameter}: {refusal:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_parsed_shows_no_password() {
        for url in
            ["mongodb://me:pa55:word@host:1/", "mongodb://me:pa55word@ho@st:port/", "mongodb://me:pa55word@"]
        {
            let refusal = parse(url).await.unwrap_err().of("-");
            let sentences = format!("{refusal:?}");
            assert!(!sentences.contains("pa55"), "{sentences}");
        }
    }
}
