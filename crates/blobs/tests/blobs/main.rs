//! Everything that a user of the crate can see, on every kind of storage.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod buckets;
mod durability;
#[cfg(feature = "faults")]
mod faults;
mod round_trip;
mod support;
mod sweeping;
