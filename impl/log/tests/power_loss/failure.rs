//! Why a run or a recovery did not go on.

use kraftig_log::LogError;
use kraftig_log::disk::DiskError;
use kraftig_log::quorum_state::QuorumStateError;

/// Why something did not go on.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The power is off.
    Power,
    /// What had to be there is not, or cannot be read.
    Lost(String),
}

impl From<DiskError> for Failure {
    fn from(error: DiskError) -> Self {
        let text = error.to_string();
        if text.contains("the power") { Self::Power } else { Self::Lost(text) }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Disk(error) => error.into(),
            error => Self::Lost(error.to_string()),
        }
    }
}

impl From<QuorumStateError> for Failure {
    fn from(error: QuorumStateError) -> Self {
        match error {
            QuorumStateError::Disk(error) => error.into(),
            error => Self::Lost(error.to_string()),
        }
    }
}
