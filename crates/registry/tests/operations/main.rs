//! Operations on crates, as whoever does them sees them.
//!
//! Each test begins with a [`house::House`]: a server in memory after its first start, where `alice` and
//! `bob` may publish, `rita` may read and `root` may do everything. A test lets them act, and then looks at
//! what they are told, at what everybody else sees, and at every document and file that is left behind.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod caching;
mod checking;
mod choosing;
mod downloading;
mod failpoints;
mod house;
mod index_lines;
mod maintaining;
mod moving;
mod owning;
mod permissions;
mod publishing;
mod racing;
mod removing;
mod restricting;
mod searching;
mod sweeping;
mod yanking;
