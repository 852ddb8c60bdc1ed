//! What other nodes ask: answered by the core at once, but for fetches that wait for something to fetch.

use std::time::Duration;

use bytes::Bytes;
use kraftig_spec::quorum::{
    self, Answer, Error, Event, Fetch, FetchAnswer, ReadFrom, Request, Response,
};

use super::{Driver, QuorumError, World};

/// How long a fetch may wait for something to fetch. Whoever would wait longer asks again.
const MOST_FETCH_WAIT: Duration = Duration::from_millis(500);
/// Fetches that may wait at once; the next one is answered with what there is.
const MOST_PARKED: usize = 1024;

/// A fetch that waits.
pub(super) struct Parked<R> {
    pub(super) fetch: Fetch,
    pub(super) until: Duration,
    pub(super) reply: R,
}

impl<W: World> Driver<W> {
    /// Takes what another node asks. The answer may come later: a fetch may wait, for half a second at most.
    pub fn request(
        &mut self,
        request: Request,
        wait: Duration,
        reply: W::Reply,
    ) -> Result<(), QuorumError> {
        match request {
            Request::FetchSnapshot(fetch) => self.fetch_snapshot(fetch, usize::MAX, reply),
            request => self.ask(request, wait.min(MOST_FETCH_WAIT), reply),
        }
    }

    pub(super) fn ask(
        &mut self,
        mut request: Request,
        wait: Duration,
        reply: W::Reply,
    ) -> Result<(), QuorumError> {
        if let Request::Fetch(fetch) = &mut request {
            fetch.may_park &= self.parked.len() < MOST_PARKED;
        }
        let outcome = self.step_alone(Event::Requested { request: request.clone() })?;
        if let Request::Fetch(fetch) = &request
            && outcome.response.as_ref().is_none_or(|response| response.error == Error::None)
            && let before = self.replicas.get(fetch.replica)
            && let Some(told) = quorum::fetched(&self.state, before, fetch)
        {
            self.replicas.fetched(fetch.replica, told, self.world.unix_ms());
        }
        match (outcome.response, request) {
            (Some(response), _) => {
                let response = self.with_records(&response)?;
                self.world.answer(reply, response, Bytes::new());
            }
            (None, Request::Fetch(fetch)) if outcome.parked => {
                let until = self.world.now() + wait;
                self.parked.push_back(Parked { fetch, until, reply });
            }
            // The core answers or parks every request; a dropped reply closes the connection.
            (None, _) => {}
        }
        if outcome.wake { self.wake() } else { Ok(()) }
    }

    /// The answer with what it says is to be read.
    pub(super) fn with_records(
        &mut self,
        response: &Response<ReadFrom>,
    ) -> Result<Response<Bytes>, QuorumError> {
        let read = match &response.answer {
            Answer::Fetch(FetchAnswer { records: Some(read), .. }) => {
                self.storage.read(*read, self.fetch_bytes)?
            }
            _ => Bytes::new(),
        };
        Ok(response.map(|_| read))
    }

    pub(super) fn wake(&mut self) -> Result<(), QuorumError> {
        for parked in std::mem::take(&mut self.parked) {
            let left = parked.until.saturating_sub(self.world.now());
            self.ask(Request::Fetch(parked.fetch), left, parked.reply)?;
        }
        Ok(())
    }
}
