//! How large a world is looked at.

use thiserror::Error;

/// How many servers there are, and how often what may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Servers, all of them voters: 1 to 5.
    pub servers: u8,
    /// Values, each proposed at most once: 0 to 3.
    pub values: u8,
    /// Elections that may begin, over all servers: 0 to 6.
    pub elections: u8,
    /// Restarts, over all servers: 0 to 7.
    pub restarts: u8,
}

/// Why a state has no room for such worlds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BoundsError {
    /// Servers.
    #[error("--servers {0}: a state has room for 1 to {MOST_SERVERS} servers")]
    Servers(u8),
    /// Values.
    #[error("--values {0}: a state has room for 0 to {MOST_VALUES} values")]
    Values(u8),
    /// Elections.
    #[error("--elections {0}: a state has room for 0 to {MOST_ELECTIONS} elections")]
    Elections(u8),
    /// Restarts.
    #[error("--restarts {0}: a state has room for 0 to {MOST_RESTARTS} restarts")]
    Restarts(u8),
}

pub(super) const MOST_SERVERS: u8 = 5;
pub(super) const MOST_VALUES: u8 = 3;
pub(super) const MOST_ELECTIONS: u8 = 6;
pub(super) const MOST_RESTARTS: u8 = 7;

impl Bounds {
    /// Whether a state has room for such worlds.
    pub fn check(self) -> Result<(), BoundsError> {
        let Self { servers, values, elections, restarts } = self;
        if !(1..=MOST_SERVERS).contains(&servers) {
            return Err(BoundsError::Servers(servers));
        }
        if values > MOST_VALUES {
            return Err(BoundsError::Values(values));
        }
        if elections > MOST_ELECTIONS {
            return Err(BoundsError::Elections(elections));
        }
        if restarts > MOST_RESTARTS {
            return Err(BoundsError::Restarts(restarts));
        }
        Ok(())
    }

    /// The highest epoch: everybody begins in epoch 1, and an election opens the next one.
    pub(super) fn last_epoch(self) -> u64 {
        u64::from(self.elections) + 1
    }
}
