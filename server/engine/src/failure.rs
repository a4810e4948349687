//! The error that all waiting readers of an engine receive.

use std::{fmt, sync::Arc};

/// The error that ended a generation or made an engine unusable. A clone shares the error, whose
/// sources stay reachable.
///
/// [`fmt::Display`] prints the error and its sources on one line, separated by colons. Two failures
/// are equal if they print the same.
#[derive(Clone)]
pub struct Failure(Arc<anyhow::Error>);

impl Failure {
    /// A failure caused by `error`.
    #[must_use]
    pub fn new(error: impl Into<anyhow::Error>) -> Self {
        Self(Arc::new(error.into()))
    }

    /// A failure without a cause.
    #[must_use]
    pub fn message(text: impl Into<String>) -> Self {
        Self::new(anyhow::Error::msg(text.into()))
    }

    /// The error, to inspect its sources.
    #[must_use]
    pub fn error(&self) -> &anyhow::Error {
        &self.0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Failure {}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use std::io;

    use super::Failure;

    #[test]
    fn sources_are_printed_and_preserved() {
        let cause = io::Error::new(io::ErrorKind::NotFound, "no such file");
        let failure = Failure::new(anyhow::Error::new(cause).context("cannot load the model"));
        assert_eq!(failure.to_string(), "cannot load the model: no such file");
        let cause = failure.error().downcast_ref::<io::Error>().map(io::Error::kind);
        assert_eq!(cause, Some(io::ErrorKind::NotFound));
    }
}
