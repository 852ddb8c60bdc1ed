//! What the driver tells: its controller, and those who look at it.

use std::sync::Arc;

use kraftig_spec::quorum::LogSummary;
use kraftig_spec::types::{Offset, SnapshotId};

use super::super::replicas::{QuorumDescription, ReplicaDescription};
use super::super::role_name;
use super::{Driver, QuorumError, QuorumEvent, QuorumStatus, World};

/// About how much of the log is told to the controller at once.
const COMMITTED_BYTES: usize = 1 << 20;

impl<W: World> Driver<W> {
    /// The quorum as this node sees it if it leads.
    pub fn describe(&mut self) -> Option<QuorumDescription> {
        if !self.state.is_leader() {
            return None;
        }
        let now_ms = self.world.unix_ms();
        let local = self.state.config().local;
        let itself = ReplicaDescription {
            replica: local,
            end: Some(self.state.log().end),
            last_fetch_ms: Some(now_ms),
            last_caught_up_ms: Some(now_ms),
        };
        let (voters, observers) = self.replicas.describe(&itself, self.state.voters(), now_ms);
        Some(QuorumDescription {
            leader: local.id,
            epoch: self.state.election().epoch,
            high_watermark: self.state.high_watermark(),
            names_voters: self.state.names_voters(),
            voters,
            observers,
        })
    }

    /// Tells the controller of a snapshot that is on the disk.
    pub(super) fn tell_snapshot(
        &mut self,
        id: SnapshotId,
        at_start: bool,
    ) -> Result<(), QuorumError> {
        let file = self.snapshots.open(id)?;
        self.delivered = id.end;
        self.world.tell(QuorumEvent::Snapshot { id, file, at_start });
        Ok(())
    }

    /// Tells the controller of what is committed and was not told yet.
    pub(super) fn tell_committed(&mut self, to: Offset) -> Result<(), QuorumError> {
        // Who is told knows then whether that is all.
        self.show_status();
        let LogSummary { start, latest, .. } = *self.state.log();
        if self.delivered < start.end {
            self.tell_snapshot(latest, false)?;
        }
        while self.delivered < to {
            let batches = self.storage.committed(self.delivered, to, COMMITTED_BYTES)?;
            let Some(last) = batches.last() else { break };
            self.delivered = last.last_offset.plus(1);
            self.world.tell(QuorumEvent::Committed(batches));
        }
        Ok(())
    }

    /// Shows who votes now, if others do than before.
    pub fn show_voters(&mut self) {
        let voters = self.storage.voters();
        if !self.shown_voters.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, voters)) {
            let voters = voters.clone();
            self.world.voters(&voters);
            self.shown_voters = Some(voters);
        }
    }

    /// Shows what the quorum is doing now.
    pub(super) fn show_status(&mut self) {
        let state = &self.state;
        self.world.status(QuorumStatus {
            epoch: state.election().epoch,
            leader: state.election().leader,
            high_watermark: state.high_watermark(),
            start: state.log().start.end,
            end: state.log().end,
            refused: self.refused,
            role: role_name(state.role()),
            local: Some(state.config().local),
            voted: state.election().voted,
            flushed: state.log().flushed,
            disk_full: state.is_disk_full(),
            was_voter: self.storage.was_voter(),
        });
    }
}
