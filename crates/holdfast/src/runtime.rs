//! The async runtime, built by hand so that its size follows from the command.

use std::pin::Pin;

use tokio::runtime::{Builder, Runtime};

use crate::failure::Failure;

/// For `serve`, and for commands that move everything: one worker thread a core.
pub fn for_server() -> Result<Runtime, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    built(Builder::new_multi_thread().worker_threads(cores).thread_name("holdfast"))
}

/// For the commands that do one thing and end: the main thread.
pub fn for_command() -> Result<Runtime, Failure> {
    built(&mut Builder::new_current_thread())
}

/// Does the work to its end. It is boxed because the runtime has several places that go on with it, and each would
/// hold a copy of all that a command does.
pub fn finish<T>(runtime: &Runtime, work: impl Future<Output = T>) -> T {
    let work: Pin<Box<dyn Future<Output = T> + '_>> = Box::pin(work);
    runtime.block_on(work)
}

fn built(builder: &mut Builder) -> Result<Runtime, Failure> {
    builder
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start the threads of the server: {error}")))
}
