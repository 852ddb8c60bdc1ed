//! `FetchSnapshotRequest`, key 59, versions 0-1. Written by `kraftig-wire-generator`; do not edit.

use crate::error::At as _;

use bytes::BufMut as _;

/// `FetchSnapshotRequest` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchSnapshotRequest {
    /// `ReplicaId`, versions 0+.
    pub replica_id: i32,
    /// `MaxBytes`, versions 0+.
    pub max_bytes: i32,
    /// `Topics`, versions 0+.
    pub topics: Vec<TopicSnapshot>,
    /// `ClusterId`, versions 0+, nullable in 0+, tag 0.
    pub cluster_id: Option<crate::Str>,
}

impl Default for FetchSnapshotRequest {
    fn default() -> Self {
        Self { replica_id: -1, max_bytes: i32::MAX, topics: Vec::new(), cluster_id: None }
    }
}

impl FetchSnapshotRequest {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let replica_id = r.i32().at("ReplicaId")?;
        let max_bytes = r.i32().at("MaxBytes")?;
        let topics = r.array(true, |r| TopicSnapshot::read(r, message_version)).at("Topics")?;
        let mut cluster_id = None;
        r.tags(|r, tag| {
            match tag {
                0 => {
                    r.once(&mut cluster_id, |r| r.nullable_string(true).at("ClusterId"))?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self { replica_id, max_bytes, topics, cluster_id: cluster_id.unwrap_or_default() })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.replica_id);
        buf.put_i32(self.max_bytes);
        crate::write::array(buf, true, &self.topics, |buf, v| v.write(buf, message_version))
            .at("Topics")?;
        let tag_cluster_id = self.cluster_id.is_some();
        crate::write::uvarint(buf, u32::from(tag_cluster_id));
        if tag_cluster_id {
            crate::write::tag(buf, 0, |buf| {
                crate::write::nullable(
                    buf,
                    true,
                    crate::write::Null::Short,
                    true,
                    self.cluster_id.as_ref(),
                    |buf, v| crate::write::string(buf, true, v),
                )
            })
            .at("ClusterId")?;
        }

        Ok(())
    }
}

/// `TopicSnapshot` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TopicSnapshot {
    /// `Name`, versions 0+.
    pub name: crate::Str,
    /// `Partitions`, versions 0+.
    pub partitions: Vec<PartitionSnapshot>,
}

impl TopicSnapshot {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let name = r.string(true).at("Name")?;
        let partitions =
            r.array(true, |r| PartitionSnapshot::read(r, message_version)).at("Partitions")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { name, partitions })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        crate::write::string(buf, true, &self.name).at("Name")?;
        crate::write::array(buf, true, &self.partitions, |buf, v| v.write(buf, message_version))
            .at("Partitions")?;
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

/// `PartitionSnapshot` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PartitionSnapshot {
    /// `Partition`, versions 0+.
    pub partition: i32,
    /// `CurrentLeaderEpoch`, versions 0+.
    pub current_leader_epoch: i32,
    /// `SnapshotId`, versions 0+.
    pub snapshot_id: SnapshotId,
    /// `Position`, versions 0+.
    pub position: i64,
    /// `ReplicaDirectoryId`, versions 1+, tag 0.
    pub replica_directory_id: crate::Uuid,
}

impl PartitionSnapshot {
    fn read(r: &mut crate::Reader, message_version: i16) -> Result<Self, crate::DecodeError> {
        let partition = r.i32().at("Partition")?;
        let current_leader_epoch = r.i32().at("CurrentLeaderEpoch")?;
        let snapshot_id = SnapshotId::read(r, message_version).at("SnapshotId")?;
        let position = r.i64().at("Position")?;
        let mut replica_directory_id = None;
        r.tags(|r, tag| {
            match tag {
                0 if message_version >= 1 => {
                    r.once(&mut replica_directory_id, |r| r.uuid().at("ReplicaDirectoryId"))?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            partition,
            current_leader_epoch,
            snapshot_id,
            position,
            replica_directory_id: replica_directory_id.unwrap_or_default(),
        })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i32(self.partition);
        buf.put_i32(self.current_leader_epoch);
        self.snapshot_id.write(buf, message_version).at("SnapshotId")?;
        buf.put_i64(self.position);
        let tag_replica_directory_id =
            message_version >= 1 && (!self.replica_directory_id.is_zero());
        crate::write::uvarint(buf, u32::from(tag_replica_directory_id));
        if tag_replica_directory_id {
            crate::write::tag(buf, 0, |buf| {
                buf.put_slice(&self.replica_directory_id.0);
                Ok(())
            })
            .at("ReplicaDirectoryId")?;
        }

        Ok(())
    }
}

/// `SnapshotId` of Kafka's protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SnapshotId {
    /// `EndOffset`, versions 0+.
    pub end_offset: i64,
    /// `Epoch`, versions 0+.
    pub epoch: i32,
}

impl SnapshotId {
    fn read(r: &mut crate::Reader, _message_version: i16) -> Result<Self, crate::DecodeError> {
        let end_offset = r.i64().at("EndOffset")?;
        let epoch = r.i32().at("Epoch")?;
        r.tags(|_, _| Ok(false))?;
        Ok(Self { end_offset, epoch })
    }

    fn write(
        &self,
        buf: &mut bytes::BytesMut,
        _message_version: i16,
    ) -> Result<(), crate::EncodeError> {
        buf.put_i64(self.end_offset);
        buf.put_i32(self.epoch);
        crate::write::uvarint(buf, 0);

        Ok(())
    }
}

impl crate::Message for FetchSnapshotRequest {
    const NAME: &'static str = "FetchSnapshotRequest";
    const MIN_VERSION: i16 = 0;
    const MAX_VERSION: i16 = 1;
    const FLEXIBLE_SINCE: i16 = 0;

    fn decode(r: &mut crate::Reader, version: i16) -> Result<Self, crate::DecodeError> {
        crate::message::decode(r, version, Self::read)
    }

    fn encode(&self, buf: &mut bytes::BytesMut, version: i16) -> Result<(), crate::EncodeError> {
        crate::message::encode(self, buf, version, Self::write)
    }
}

impl crate::Request for FetchSnapshotRequest {
    const KEY: i16 = 59;
    type Response = super::fetch_snapshot_response::FetchSnapshotResponse;
}
