//! S3's protocol, spoken by moto.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::moto::{Moto, ask};
use crate::{Missing, Process, Server};

struct S3 {
    moto: Moto,
    places: AtomicU32,
}

pub(crate) fn start() -> Result<Box<dyn Server>, Missing> {
    Ok(Box::new(S3 { moto: Moto::start()?, places: AtomicU32::new(0) }))
}

impl Server for S3 {
    /// A new bucket, and a prefix in it.
    fn place(&self) -> String {
        let number = self.places.fetch_add(1, Ordering::Relaxed);
        let address = self.moto.address();
        let made = ask(address, "PUT", &format!("/holdfast-{number}")).expect("moto answers");
        assert!(made.starts_with("HTTP/1.1 200"), "no bucket was made: {made}");
        format!(
            "s3://holdfast-{number}/some/prefix?region=us-east-1&endpoint=http://{address}&path_style=true\
             &access_key_id=test&secret_access_key=test"
        )
    }

    fn process(&self) -> &Process {
        self.moto.process()
    }
}
