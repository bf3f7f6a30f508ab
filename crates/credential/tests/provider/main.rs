//! The built provider, asked as cargo asks it, against a server whose answers each test scripts. Every secret in
//! these tests has the word `secret` in it, and none may be seen in what the user gets to read.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod changes;
mod conversation;
mod jobs;
mod login;
mod logout;
mod reads;
mod server;
mod trouble;
