//! What an active controller appends: records, batch by batch, and changes of the voters in their places among them.

use bytes::Bytes;
use kraftig_spec::controller::{
    ApiError, Decision, MAX_RECORDS_PER_BATCH, MetadataVersion, Record,
};
use kraftig_spec::types::Offset;
use kraftig_wire::ErrorCode;
use kraftig_wire::batch::HEADER_SIZE;
use tokio::sync::oneshot;

use super::super::{ControllerError, Reply, records};
use super::{Active, Controller};
use crate::quorum::{Acknowledge, ChangeError, ChangeVoters, NotLeader};

/// Most bytes that a record takes in its batch beside its value: three lengths of up to five, five and three bytes, and four
/// bytes that say nothing.
const BESIDE_RECORD: usize = 17;

/// A change of the voters, and who waits for it.
pub(super) type VotersChange =
    (ChangeVoters, Acknowledge, oneshot::Sender<Result<(), ChangeError>>);

/// What is being appended.
pub(super) enum InFlight {
    /// Records that are meant for this offset.
    Records(Offset, oneshot::Receiver<Result<Offset, NotLeader>>),
    /// A change of the voters: the log may end elsewhere after it.
    Voters(oneshot::Receiver<Option<Offset>>),
}

/// What became of it.
#[derive(Clone, Copy)]
pub(super) enum Appended {
    Records { expected: Offset, base: Result<Offset, NotLeader> },
    Voters { end: Option<Offset> },
}

impl Controller {
    /// Gathers the records of a decision, counts them at once, and keeps its answer until they are committed.
    pub(super) fn decided<R: Send + 'static>(
        &mut self,
        decision: Result<Decision<R>, ApiError>,
        reply: Option<Reply<R>>,
    ) {
        let gathered = decision.map_err(ControllerError::from).and_then(|decision| {
            self.gather(&decision.records, decision.atomic).map(|()| decision.response)
        });
        let Some(reply) = reply else {
            return;
        };
        // Whoever asked may be gone; the decision stands.
        match gathered {
            Err(error) => drop(reply.send(Err(error))),
            // Without records the answer still tells of what was decided before.
            Ok(response) => self.when_committed(|outcome| {
                drop(reply.send(outcome.map(|()| response)));
            }),
        }
    }

    fn gather(&mut self, decided: &[Record], atomic: bool) -> Result<(), ControllerError> {
        let Some(active) = &mut self.active else {
            return Err(ControllerError::not_controller());
        };
        let too_large = || {
            ControllerError::new(
                ErrorCode::POLICY_VIOLATION,
                "Unable to perform excessively large batch operation.",
            )
        };
        let most_bytes = self.options.max_batch_bytes;
        let mut metadata = active.metadata.clone();
        let mut offset = active.next_offset;
        let mut batches: Vec<Vec<Bytes>> = Vec::new();
        let mut room = 0;
        for record in decided {
            // Which version a record has depends on no record of its own batch.
            let version = metadata.image().metadata_version().unwrap_or(MetadataVersion::LATEST);
            let impossible = |why: &dyn std::fmt::Display| {
                tracing::error!("a decision is dropped, it cannot be recorded: {why}");
                ControllerError { code: ErrorCode::UNKNOWN_SERVER_ERROR, message: None }
            };
            let bytes = records::encode(record, version).map_err(|error| impossible(&error))?;
            metadata.replay(record, offset, active.epoch).map_err(|error| impossible(&error))?;
            offset = offset.plus(1);
            let size = bytes.len() + BESIDE_RECORD;
            if size > room || batches.last().is_some_and(|it| it.len() == MAX_RECORDS_PER_BATCH) {
                room = most_bytes.saturating_sub(HEADER_SIZE);
                if size > room || atomic && !batches.is_empty() {
                    return Err(too_large());
                }
                batches.push(Vec::new());
            }
            room -= size;
            batches.last_mut().expect("there is one with room").push(bytes);
        }
        active.metadata = metadata;
        active.next_offset = offset;
        active.gathered.extend(batches);
        Ok(())
    }

    pub(super) fn append_gathered(&mut self) {
        let Some(active) = &mut self.active else {
            return;
        };
        if active.in_flight.is_some() {
            return;
        }
        if !active.gathered.is_empty() {
            let base = active.gathered_base;
            active.gathered_base = active.next_offset;
            let appended = self.quorum.append(active.epoch, std::mem::take(&mut active.gathered));
            active.in_flight = Some(InFlight::Records(base, appended));
        } else if let Some((change, when, reply)) = active.changes.pop_front() {
            let end = self.quorum.change_voters(change, when, reply);
            active.in_flight = Some(InFlight::Voters(end));
        }
    }

    pub(super) fn appended(&mut self, appended: &Appended) {
        let Some(active) = &mut self.active else { return };
        active.in_flight = None;
        match *appended {
            Appended::Voters { end: Some(end) } => {
                (active.next_offset, active.gathered_base) = (end, end);
            }
            Appended::Voters { end: None } => {}
            Appended::Records { expected, base: Ok(base) } if base == expected => {}
            Appended::Records { expected, base: Ok(base) } => {
                // The records name offsets (a broker's epoch is one), so they are wrong at any other place.
                tracing::error!("records for offset {expected} were appended at {base}: resigning");
                self.quorum.resign();
                self.renounce();
            }
            // What the quorum says next is that leadership is lost.
            Appended::Records { base: Err(NotLeader), .. } => self.renounce(),
        }
    }
}

/// The outcome of the append that is under way.
pub(super) async fn appended(active: &mut Option<Active>) -> Appended {
    match active.as_mut().and_then(|active| active.in_flight.as_mut()) {
        Some(InFlight::Records(expected, appended)) => {
            let base = appended.await.unwrap_or(Err(NotLeader));
            Appended::Records { expected: *expected, base }
        }
        Some(InFlight::Voters(end)) => Appended::Voters { end: end.await.ok().flatten() },
        None => std::future::pending().await,
    }
}
