//! Object stores behind URLs: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AwsCredential, Checksum};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder};
use object_store::signer::Signer;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig, StaticCredentialProvider};

use crate::address::Address;
use crate::aws::Ambient;
use crate::error::OpenError;
use crate::objects::{Objects, Presigning};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(2);

/// How long idle connections are kept; stores end them after a minute or so.
const IDLE: Duration = Duration::from_secs(30);

/// What a store may keep silent for, and how long a failed request is repeated. There is no limit on a whole
/// request: a large file to a slow client takes as long as it takes.
struct Patience {
    silence: Duration,
    repeated: Duration,
    retries: usize,
}

/// Somebody waits for the answer.
const READS: Patience =
    Patience { silence: Duration::from_secs(3), repeated: Duration::from_secs(6), retries: 3 };

/// A part of an upload is sent before the store answers at all.
const WRITES: Patience =
    Patience { silence: Duration::from_secs(30), repeated: Duration::from_mins(1), retries: 5 };

/// The two faces of one store, for reads and for writes.
struct Pair<S> {
    reads: Arc<S>,
    writes: Arc<S>,
}

impl<S: ObjectStore + Signer> Pair<S> {
    fn build(build: impl Fn(&Patience) -> object_store::Result<S>) -> object_store::Result<Pair<S>> {
        Ok(Pair { reads: Arc::new(build(&READS)?), writes: Arc::new(build(&WRITES)?) })
    }

    fn objects(self, address: Address, presign: Option<Duration>) -> Objects {
        let signer: Arc<dyn Signer> = Arc::clone(&self.reads) as _;
        let presigning = presign.map(|lifetime| Presigning { signer, lifetime });
        Objects::new(self.reads, self.writes, address.root, presigning)
    }
}

/// `s3://BUCKET/PREFIX`.
pub(crate) fn s3(url: &str) -> Result<Objects, OpenError> {
    install_tls();
    let mut address = Address::parse(url)?;
    let (presign, endpoint) = (address.take_presign()?, address.take_endpoint()?);
    let (region, profile) = (address.take("region"), address.take("profile"));
    let keys = match (address.take("access_key_id"), address.take("secret_access_key")) {
        (None, None) => None,
        (Some(key_id), Some(secret_key)) => Some(AwsCredential { key_id, secret_key, token: None }),
        _ => {
            let reason = "give both of `access_key_id` and `secret_access_key`, or neither";
            return Err(address.wrong(reason.to_owned()));
        }
    };
    let path_style = address.take_flag("path_style")?.unwrap_or(endpoint.is_some());
    let checksum = address.take_flag("checksum")?.unwrap_or(true);
    address.finish()?;
    let wrong = |error: object_store::Error| address.wrong(error.to_string());

    let client = http_client().map_err(|error| address.wrong(error.to_string()))?;
    let ambient = Arc::new(Ambient::new(client, profile));
    let region = region
        .or_else(|| ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| ambient.variable(name)));
    let region = match (region, &endpoint) {
        (Some(region), _) => region,
        // Most stores that are not Amazon's take any.
        (None, Some(_)) => "us-east-1".to_owned(),
        (None, None) => {
            return Err(address.wrong("it names no region; add `region=REGION`, or set `AWS_REGION`".into()));
        }
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&address.bucket)
        .with_region(region)
        .with_virtual_hosted_style_request(!path_style)
        // One name at a time, which every store understands.
        .with_disable_bulk_delete(true);
    if checksum {
        builder = builder.with_checksum_algorithm(Checksum::SHA256);
    }
    if let Some(mut endpoint) = endpoint {
        if !path_style {
            let host = format!("{}.{}", address.bucket, endpoint.host_str().unwrap_or_default());
            endpoint.set_host(Some(&host)).map_err(|error| address.wrong(error.to_string()))?;
        }
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
    }
    builder = match keys {
        Some(fixed) => builder.with_credentials(Arc::new(StaticCredentialProvider::new(fixed))),
        None => builder.with_credentials(ambient),
    };
    let build = |patience: &Patience| {
        builder.clone().with_client_options(options(patience)).with_retry(retry(patience)).build()
    };
    let pair = Pair::build(build).map_err(wrong)?;
    Ok(pair.objects(address, presign))
}

/// `gs://BUCKET/PREFIX`. Credentials come from `credentials=FILE`, `GOOGLE_APPLICATION_CREDENTIALS`, or the
/// instance.
pub(crate) fn gs(url: &str) -> Result<Objects, OpenError> {
    install_tls();
    let mut address = Address::parse(url)?;
    let (presign, endpoint) = (address.take_presign()?, address.take_endpoint()?);
    let credentials = address.take("credentials");
    let unsigned = address.take_flag("unsigned")?.unwrap_or(false);
    address.finish()?;
    let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(&address.bucket);
    if unsigned {
        let nobody = GcpCredential { bearer: String::new() };
        builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(nobody)));
    }
    if let Some(file) = credentials {
        builder = builder.with_application_credentials(file);
    }
    if let Some(endpoint) = endpoint {
        builder = builder.with_base_url(endpoint.as_str().trim_end_matches('/'));
    }
    let build = |patience: &Patience| {
        builder.clone().with_client_options(options(patience)).with_retry(retry(patience)).build()
    };
    let pair = Pair::build(build).map_err(|error| address.wrong(error.to_string()))?;
    Ok(pair.objects(address, presign))
}

/// `az://CONTAINER/PREFIX?account=ACCOUNT`. Credentials come from `access_key=KEY`, the environment, workload
/// identity, or the instance.
pub(crate) fn az(url: &str) -> Result<Objects, OpenError> {
    install_tls();
    let mut address = Address::parse(url)?;
    let (presign, endpoint) = (address.take_presign()?, address.take_endpoint()?);
    let (account, key) = (address.take("account"), address.take("access_key"));
    address.finish()?;
    let mut builder = MicrosoftAzureBuilder::from_env().with_container_name(&address.bucket);
    if let Some(account) = account {
        builder = builder.with_account(account);
    }
    if let Some(key) = key {
        builder = builder.with_access_key(key);
    }
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/').to_owned());
    }
    let build = |patience: &Patience| {
        builder.clone().with_client_options(options(patience)).with_retry(retry(patience)).build()
    };
    let pair = Pair::build(build).map_err(|error| address.wrong(error.to_string()))?;
    Ok(pair.objects(address, presign))
}

fn options(patience: &Patience) -> ClientOptions {
    // Plain HTTP is for endpoints that somebody has written down as such.
    ClientOptions::new()
        .with_allow_http(true)
        .with_connect_timeout(CONNECT)
        .with_timeout_disabled()
        .with_read_timeout(patience.silence)
        .with_pool_idle_timeout(IDLE)
}

fn retry(patience: &Patience) -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(50),
        max_backoff: Duration::from_secs(2),
        base: 2.0,
    };
    RetryConfig { backoff, max_retries: patience.retries, retry_timeout: patience.repeated }
}

/// For credentials.
fn http_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().connect_timeout(CONNECT).timeout(READS.repeated).build()
}

/// Where two libraries of the process bring a provider of cryptography each, somebody must choose. An error
/// says that somebody has.
fn install_tls() {
    rustls::crypto::ring::default_provider().install_default().ok();
}
