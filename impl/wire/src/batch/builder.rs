//! Batches that a node writes itself: metadata records and control records.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    ATTRIBUTES_AT, CONTROL_BIT, CRC_AT, HEADER_SIZE, LOG_OVERHEAD, MAGIC, put_varint, put_varlong,
};

/// Builds one uncompressed batch, record by record. All records have the batch's time; there is no producer.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    base_offset: i64,
    leader_epoch: i32,
    timestamp: i64,
    attributes: i16,
    count: i32,
    buf: BytesMut,
}

impl BatchBuilder {
    /// An empty batch for `base_offset`, appended by the leader of `leader_epoch` at `timestamp`, in
    /// milliseconds.
    pub fn new(base_offset: i64, leader_epoch: i32, timestamp: i64) -> Self {
        let mut buf = BytesMut::with_capacity(256);
        buf.put_bytes(0, HEADER_SIZE);
        Self { base_offset, leader_epoch, timestamp, attributes: 0, count: 0, buf }
    }

    /// The same for control records.
    pub fn new_control(base_offset: i64, leader_epoch: i32, timestamp: i64) -> Self {
        Self { attributes: CONTROL_BIT, ..Self::new(base_offset, leader_epoch, timestamp) }
    }

    /// Adds a record.
    pub fn push(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) {
        let mut body =
            BytesMut::with_capacity(24 + key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len));
        body.put_u8(0);
        put_varlong(&mut body, 0);
        put_varint(&mut body, self.count);
        for part in [key, value] {
            match part {
                Some(bytes) => {
                    put_varlong(&mut body, bytes.len() as i64);
                    body.put_slice(bytes);
                }
                None => put_varint(&mut body, -1),
            }
        }
        put_varint(&mut body, 0);
        put_varlong(&mut self.buf, body.len() as i64);
        self.buf.put_slice(&body);
        self.count += 1;
    }

    /// How many records have been added.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// The size of the batch so far, in bytes.
    pub fn size(&self) -> usize {
        self.buf.len()
    }

    /// The batch.
    ///
    /// # Panics
    /// Where the batch is longer than 2 GiB: its writer has to end it before.
    pub fn build(mut self) -> Bytes {
        let length =
            i32::try_from(self.buf.len() - LOG_OVERHEAD).expect("a batch of less than 2 GiB");
        let mut header = &mut self.buf[..HEADER_SIZE];
        header.put_i64(self.base_offset);
        header.put_i32(length);
        header.put_i32(self.leader_epoch);
        header.put_i8(MAGIC);
        header.put_u32(0);
        header.put_i16(self.attributes);
        header.put_i32(self.count - 1);
        header.put_i64(self.timestamp);
        header.put_i64(self.timestamp);
        header.put_i64(-1);
        header.put_i16(-1);
        header.put_i32(-1);
        header.put_i32(self.count);
        let crc = crc32c::crc32c(&self.buf[ATTRIBUTES_AT..]);
        self.buf[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
        self.buf.freeze()
    }
}
