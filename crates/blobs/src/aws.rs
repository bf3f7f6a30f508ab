//! Credentials of AWS from where the process runs: environment, shared configuration, web identity, container,
//! instance. The metadata engine for DynamoDB finds them in the same way.

use std::sync::Arc;

use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use reqsign_aws_v4::{Credential, DefaultCredentialProvider};
use reqsign_core::{Context, OsEnv, ProvideCredential, SigningCredential};
use reqsign_file_read_tokio::TokioFileRead;
use reqsign_http_send_reqwest::ReqwestHttpSend;
use tokio::sync::Mutex;

/// The credentials that are good now, fetched again two minutes before they end.
#[derive(Debug)]
pub(crate) struct Ambient {
    context: Context,
    provider: DefaultCredentialProvider,
    last: Mutex<Option<(Credential, Arc<AwsCredential>)>>,
}

impl Ambient {
    /// Nothing is fetched yet.
    pub(crate) fn new(http: reqwest::Client, profile: Option<String>) -> Ambient {
        let context = Context::new()
            .with_env(OsEnv)
            .with_file_read(TokioFileRead)
            .with_http_send(ReqwestHttpSend::new(http));
        let builder = DefaultCredentialProvider::builder();
        let provider = match profile {
            Some(profile) => builder.with_profile(profile).build(),
            None => builder.build(),
        };
        Ambient { context, provider, last: Mutex::new(None) }
    }

    /// A variable of the environment that belongs to AWS.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.context.env_var(name)
    }
}

#[async_trait::async_trait]
impl CredentialProvider for Ambient {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut last = self.last.lock().await;
        if let Some((credential, ready)) = &*last
            && credential.is_valid()
        {
            return Ok(Arc::clone(ready));
        }
        let found = self.provider.provide_credential(&self.context).await;
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Generic {
            store: "S3",
            source,
        };
        let credential = found.map_err(|error| failed(error.into()))?.ok_or_else(|| {
            failed("there are no credentials of AWS in the environment, the shared configuration, or the instance".into())
        })?;
        let ready = Arc::new(AwsCredential {
            key_id: credential.access_key_id.clone(),
            secret_key: credential.secret_access_key.clone(),
            token: credential.session_token.clone(),
        });
        *last = Some((credential, Arc::clone(&ready)));
        Ok(ready)
    }
}
