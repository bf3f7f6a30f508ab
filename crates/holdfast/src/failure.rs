//! How a command fails: sentences for the person at the terminal, and an exit code.

use std::process::ExitCode;

use crate::options::{OptionError, OptionErrors};
use crate::terminal::Terminal;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The command did what it was asked.
    Success,
    /// It could not.
    Failure,
    /// It was not asked properly.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::from(0),
            Exit::Failure => Self::from(1),
            Exit::Usage => Self::from(2),
        }
    }
}

/// One thing that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, without a final period.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Everything that is wrong; nothing when the reader of the output went away.
    pub problems: Vec<Problem>,
    /// How the process ends.
    pub exit: Exit,
}

impl Failure {
    /// One problem.
    pub fn new(message: impl Into<String>) -> Self {
        Self::of(vec![Problem { message: message.into(), hint: None }])
    }

    /// An error of another part, with what caused it.
    pub fn because(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        Self::new(message)
    }

    /// Several problems, reported together.
    pub fn of(problems: Vec<Problem>) -> Self {
        Self { problems, exit: Exit::Failure }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(problem) = self.problems.last_mut() {
            problem.hint = Some(hint.into());
        }
        self
    }

    /// The output has no reader any more, as in `holdfast user list | head -1`.
    pub(crate) fn reader_gone() -> Self {
        Self { problems: Vec::new(), exit: Exit::Success }
    }

    /// Tells the person at the terminal.
    pub fn report(&self, terminal: &mut Terminal<'_>) -> Exit {
        for problem in &self.problems {
            terminal.error(&problem.message);
            if let Some(hint) = &problem.hint {
                terminal.hint(hint);
            }
        }
        self.exit
    }
}

impl From<holdfast_registry::Error> for Failure {
    fn from(error: holdfast_registry::Error) -> Self {
        Self::because(&error)
    }
}

impl From<&OptionError> for Problem {
    fn from(error: &OptionError) -> Self {
        Self { message: error.to_string(), hint: error.hint() }
    }
}

impl From<OptionErrors> for Failure {
    fn from(errors: OptionErrors) -> Self {
        let usage = errors.0.iter().all(OptionError::is_usage);
        let exit = if usage { Exit::Usage } else { Exit::Failure };
        Self { problems: errors.0.iter().map(Problem::from).collect(), exit }
    }
}
