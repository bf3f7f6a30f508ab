//! DynamoDB's protocol, spoken by moto.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::moto::Moto;
use crate::{Missing, Process, Server};

struct Dynamodb {
    moto: Moto,
    places: AtomicU32,
}

pub(crate) fn start() -> Result<Box<dyn Server>, Missing> {
    Ok(Box::new(Dynamodb { moto: Moto::start()?, places: AtomicU32::new(0) }))
}

impl Server for Dynamodb {
    /// A table that is made when it is opened.
    fn place(&self) -> String {
        let number = self.places.fetch_add(1, Ordering::Relaxed);
        let address = self.moto.address();
        format!(
            "dynamodb://holdfast-{number}?region=eu-west-1&endpoint=http://{address}&create=true\
             &access_key_id=test&secret_access_key=test"
        )
    }

    fn process(&self) -> &Process {
        self.moto.process()
    }
}
