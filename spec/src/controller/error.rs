//! The errors that a controller answers with, by Kafka's numbers.

/// A Kafka error that a decision of the controller can answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i16)]
#[expect(missing_docs, reason = "the names are Kafka's own and `message` says what each means")]
pub enum ErrorCode {
    UnknownServerError = -1,
    UnknownTopicOrPartition = 3,
    InvalidTopicException = 17,
    UnsupportedVersion = 35,
    TopicAlreadyExists = 36,
    InvalidPartitions = 37,
    InvalidReplicationFactor = 38,
    InvalidReplicaAssignment = 39,
    InvalidConfig = 40,
    InvalidRequest = 42,
    PolicyViolation = 44,
    TopicDeletionDisabled = 73,
    StaleBrokerEpoch = 77,
    InvalidUpdateVersion = 95,
    UnknownTopicId = 100,
    DuplicateBrokerRegistration = 101,
    BrokerIdNotRegistered = 102,
    InconsistentClusterId = 104,
    InvalidRegistration = 119,
}

impl ErrorCode {
    /// The number on the wire.
    pub fn code(self) -> i16 {
        self as i16
    }
}

/// An error as an answer carries it: Kafka's number, and the text for whoever reads it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code:?}: {}", message.as_deref().unwrap_or("no message"))]
pub struct ApiError {
    /// What went wrong.
    pub code: ErrorCode,
    /// Kafka's text for it, which tools print; `None` where Kafka sends none.
    pub message: Option<String>,
}

impl ApiError {
    /// An error with its text.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }
}
