//! Developer tasks, run as `cargo xtask TASK`: every suite, the benchmark, the rules of the house.
#![expect(clippy::disallowed_methods, reason = "a developer's tool reads its own arguments and environment")]

mod arguments;
mod bench;
mod packages;
mod processes;
mod repository;
mod servers;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask TASK

Tasks:
  test [--only SUITE]... [--list]     install what is missing, then run every suite
  bench [--only PART]... [--quick] [--reseed] [--nginx-alone] [--list]
                                      measure side by side with nginx and print a table
  tidy                                check the rules of the house (one of the tests, on its own)
";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let task = words.next();
    let words: Vec<String> = words.collect();
    let outcome = match task.as_deref() {
        Some("test") => test::run(words),
        Some("bench") => bench::run(words),
        Some("tidy") => test::run(vec!["--only".to_owned(), "tidy".to_owned()]),
        Some("help" | "--help" | "-h") => {
            eprint!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
