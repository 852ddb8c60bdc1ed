//! Standard output and error of a tool.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

/// Standard output. A reader that goes away (`| head`) is no reason to stop half way, nor to panic: what comes
/// after is dropped. Any other failure to write ends in status 1.
pub(crate) struct Output {
    error: Option<io::Error>,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self { error: None }
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, text: impl Display) {
        if self.error.is_none() {
            self.error = writeln!(io::stdout(), "{text}").err();
        }
    }

    /// Writes a line to standard error, as far as anybody listens there.
    #[expect(clippy::unused_self, reason = "one way to speak for both streams")]
    pub(crate) fn warn(&self, text: impl Display) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// The status to end with: 1 after a failure, which is said on standard error.
    pub(crate) fn finish(mut self, result: Result<ExitCode, Failure>) -> ExitCode {
        if let Err(error) = io::stdout().flush() {
            self.error.get_or_insert(error);
        }
        let lost = self.error.take().filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
        match (result, lost) {
            (Err(Failure(message)), _) => {
                self.warn(message);
                ExitCode::FAILURE
            }
            (Ok(_), Some(error)) => {
                self.warn(format!("Cannot write the output: {error}"));
                ExitCode::FAILURE
            }
            (Ok(code), None) => code,
        }
    }
}

/// Why a command did not do what it was asked for: the message for its user.
pub(crate) struct Failure(pub(crate) String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// The failure with this message.
pub(crate) fn fail<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure(message.into()))
}
