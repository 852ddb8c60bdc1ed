//! Snapshots as the driver handles them: read for others, completed, named, and cleaned up after.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use kraftig_log::snapshot::SealedSnapshot;
use kraftig_spec::quorum::{
    self, Answer, Batch, Chunk, Error, Event, FetchSnapshot, ReadFrom, Request, Response, Role,
    SnapshotAnswer,
};
use kraftig_spec::types::NodeId;

use super::super::voters::named_by;
use super::{Driver, QuorumError, Retention, World};

impl<W: World> Driver<W> {
    /// Takes the request of another node for a part of a snapshot, and answers with at most `max_bytes` of it.
    pub fn fetch_snapshot(
        &mut self,
        fetch: FetchSnapshot,
        max_bytes: usize,
        reply: W::Reply,
    ) -> Result<(), QuorumError> {
        let request = Request::FetchSnapshot(fetch);
        let outcome = self.step_alone(Event::Requested { request })?;
        if let Some(mut response) = outcome.response {
            let chunk = self.with_chunk(&mut response, max_bytes)?;
            self.world.answer(reply, response.map(|_| Bytes::new()), chunk);
        }
        if outcome.wake { self.wake() } else { Ok(()) }
    }

    /// Gives a snapshot of what was told to be committed its name, if it is later than the latest.
    pub fn snapshot(&mut self, snapshot: SealedSnapshot) -> Result<(), QuorumError> {
        let id = snapshot.id();
        if quorum::snapshot_id(&self.state, id.end) == Some(id) {
            snapshot.publish()?;
            self.step(Event::SnapshotTaken { snapshot: id })?;
        }
        Ok(())
    }

    /// Lets the oldest snapshots and the log before the next ones go, as far as the retention has no room for them. A full
    /// disk has none for the `leader-epoch-checkpoint` of the shorter log: nothing goes then.
    pub fn clean(&mut self) -> Result<(), QuorumError> {
        if !self.has_room_for(0)? {
            return Ok(());
        }
        let Retention { bytes, ms } = self.retention;
        let now_ms = self.world.unix_ms();
        let mut all = match self.snapshots.all() {
            Ok(all) => VecDeque::from(all),
            // The node does without an old one, and without what it would spare.
            Err(error) => {
                tracing::warn!(
                    "the log and the snapshots of the metadata stay as they are: {error}"
                );
                return Ok(());
            }
        };
        while all.len() > 1 {
            let size = self.storage.size() + all.iter().map(|snapshot| snapshot.size).sum::<u64>();
            let is_old = |timestamp| {
                ms.is_some_and(|ms| now_ms.saturating_sub(timestamp) > ms.cast_signed())
            };
            if !(bytes.is_some_and(|bytes| size > bytes) || is_old(all[0].timestamp_ms)) {
                break;
            }
            if self.step(Event::Clean { to: all[1].id })?.refused {
                break;
            }
            all.pop_front();
        }
        Ok(())
    }

    /// Adds the part of a snapshot that the core lets another node have; gives its bytes.
    fn with_chunk(
        &mut self,
        response: &mut Response<ReadFrom>,
        max_bytes: usize,
    ) -> Result<Bytes, QuorumError> {
        let max_bytes = max_bytes.min(self.fetch_bytes);
        let Answer::FetchSnapshot(answer) = &mut response.answer else { return Ok(Bytes::new()) };
        if response.error != Error::None {
            return Ok(Bytes::new());
        }
        let position = answer.position.unsigned_abs();
        match self.snapshots.serve(answer.snapshot)? {
            None => response.error = Error::SnapshotNotFound,
            Some(file) if position >= file.len() => response.error = Error::PositionOutOfRange,
            Some(file) => {
                let chunk = file.read(position, max_bytes)?;
                let (size, bytes) = (file.len().cast_signed(), chunk.len() as i64);
                answer.chunk = Some(Chunk { size, bytes });
                return Ok(chunk);
            }
        }
        Ok(Bytes::new())
    }

    /// Whether these would be the last bytes of the snapshot that is being loaded, and it is none with them: then the
    /// answer becomes one of this very epoch that there is none, so that the core ends the download whatever it said else.
    pub(super) fn is_unfit_end(
        &mut self,
        from: NodeId,
        request: &Request,
        response: &mut Response<Vec<Batch<Bytes>>>,
        last: &Bytes,
    ) -> Result<bool, QuorumError> {
        let Role::Follower { download: Some(download), .. } = self.state.role() else {
            return Ok(false);
        };
        let Answer::FetchSnapshot(answer) = &mut response.answer else { return Ok(false) };
        let SnapshotAnswer { snapshot, position, chunk, .. } = *answer;
        let is_asked =
            quorum::requests(&self.state).iter().any(|(to, asked)| *to == from && asked == request);
        let is_end = is_asked
            && response.error == Error::None
            && (snapshot, position) == (download.snapshot, download.position)
            && chunk.is_some_and(|Chunk { size, bytes }| bytes > 0 && position + bytes == size);
        if !is_end {
            return Ok(false);
        }
        if let Some(header) = self.snapshots.complete(snapshot, position.unsigned_abs(), last)?
            && let Ok(voters) = named_by(&header)
        {
            answer.voters = voters.map(|voters| voters.set());
            return Ok(false);
        }
        answer.chunk = None;
        response.error = Error::SnapshotNotFound;
        (response.epoch, response.leader) = (self.state.election().epoch, None);
        Ok(true)
    }

    /// Leaves a leader alone whose snapshot is damaged, so that it is not fetched without a pause: for half of the fetch
    /// timeout, before which nobody takes the leader for gone.
    pub(super) fn rest_after_unfit_end(&mut self, leader: NodeId) {
        let half = Duration::from_millis(self.state.config().timeouts.fetch_ms / 2);
        self.peers.rest_until(leader, self.world.now() + half);
    }
}
