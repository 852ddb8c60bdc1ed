//! The codecs of a batch's records. What is decompressed never grows past the caller's limit: a few bytes can
//! say gigabytes.

use std::fmt;
use std::io::{self, Read, Write};

use bytes::Bytes;

use super::BatchError;

/// How the records of a batch are compressed: bits 0 to 2 of its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Gzip (RFC 1952).
    Gzip,
    /// Snappy, in blocks as xerial's Java library frames them, or bare.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard (KIP-110).
    Zstd,
}

/// What a stream of xerial's `SnappyOutputStream` starts with; two versions of four bytes follow.
const XERIAL_MAGIC: &[u8] = &[0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const XERIAL_HEADER: usize = 16;
/// Version 1, readable from version 1 on.
const XERIAL_VERSIONS: &[u8] = &[0, 0, 0, 1, 0, 0, 0, 1];
/// How much that library, and so Kafka, puts into a block.
const XERIAL_BLOCK: usize = 32 * 1024;
/// Three bytes of Snappy become at most 64.
const SNAPPY_RATIO: usize = 22;

impl Compression {
    /// The bits of it in a batch's attributes.
    pub(super) fn attributes(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    pub(super) fn from_attributes(attributes: i16) -> Result<Self, BatchError> {
        match attributes & super::CODEC_BITS {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            other => Err(BatchError::Codec(other as u8)),
        }
    }

    /// The bytes that `body` was made of, or an error once they are more than `limit`.
    pub(super) fn decompress(self, body: Bytes, limit: usize) -> Result<Bytes, BatchError> {
        match self {
            Self::None if body.len() > limit => Err(BatchError::TooLarge { limit }),
            Self::None => Ok(body),
            Self::Gzip => self.read(flate2::read::MultiGzDecoder::new(&body[..]), limit),
            Self::Snappy => self.snappy(&body, limit),
            Self::Lz4 => self.read(lz4_flex::frame::FrameDecoder::new(&body[..]), limit),
            Self::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(&body[..]);
                self.read(decoder.map_err(|error| self.error(&error))?, limit)
            }
        }
    }

    /// `data` in this codec, as Kafka's own clients write it. `level` is gzip's or Zstandard's; the others have
    /// none.
    pub(super) fn compress(self, data: &[u8], level: Option<i32>) -> Result<Vec<u8>, BatchError> {
        let compressed = match self {
            Self::None => Ok(data.to_vec()),
            Self::Gzip => {
                let level = level.and_then(|level| u32::try_from(level).ok());
                let level =
                    level.map_or_else(flate2::Compression::default, flate2::Compression::new);
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(data).and_then(|()| encoder.finish())
            }
            Self::Snappy => {
                let mut out = [XERIAL_MAGIC, XERIAL_VERSIONS].concat();
                let mut encoder = snap::raw::Encoder::new();
                data.chunks(XERIAL_BLOCK)
                    .try_for_each(|chunk| {
                        let block = encoder.compress_vec(chunk)?;
                        out.extend_from_slice(&(block.len() as u32).to_be_bytes());
                        out.extend_from_slice(&block);
                        Ok::<_, snap::Error>(())
                    })
                    .map(|()| out)
                    .map_err(io::Error::other)
            }
            Self::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(data).and_then(|()| encoder.finish().map_err(io::Error::other))
            }
            Self::Zstd => {
                zstd::stream::encode_all(data, level.unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL))
            }
        };
        compressed.map_err(|error| self.error(&error))
    }

    fn error(self, error: &dyn fmt::Display) -> BatchError {
        BatchError::Compressed(self, error.to_string())
    }

    fn read(self, decoder: impl Read, limit: usize) -> Result<Bytes, BatchError> {
        let mut out = Vec::new();
        let mut decoder = decoder.take((limit as u64).saturating_add(1));
        decoder.read_to_end(&mut out).map_err(|error| self.error(&error))?;
        if out.len() > limit {
            return Err(BatchError::TooLarge { limit });
        }
        Ok(Bytes::from(out))
    }

    fn snappy(self, body: &[u8], limit: usize) -> Result<Bytes, BatchError> {
        let mut out = Vec::new();
        if !body.starts_with(XERIAL_MAGIC) {
            self.snappy_block(body, &mut out, limit)?;
            return Ok(Bytes::from(out));
        }
        let mut rest =
            body.get(XERIAL_HEADER..).ok_or_else(|| self.error(&"the header is cut off"))?;
        while !rest.is_empty() {
            let cut_off = || self.error(&"a block is cut off");
            let (length, after) = rest.split_first_chunk().ok_or_else(cut_off)?;
            let length = u32::from_be_bytes(*length) as usize;
            let block = after.get(..length).ok_or_else(cut_off)?;
            self.snappy_block(block, &mut out, limit)?;
            rest = &after[length..];
        }
        Ok(Bytes::from(out))
    }

    /// Appends one bare block to `out`.
    fn snappy_block(self, block: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), BatchError> {
        let length = snap::raw::decompress_len(block).map_err(|error| self.error(&error))?;
        if length > limit - out.len() {
            return Err(BatchError::TooLarge { limit });
        }
        if length > block.len().saturating_mul(SNAPPY_RATIO) {
            return Err(self.error(&"the block says more bytes than it can hold"));
        }
        let start = out.len();
        out.resize(start + length, 0);
        let written = snap::raw::Decoder::new()
            .decompress(block, &mut out[start..])
            .map_err(|error| self.error(&error))?;
        out.truncate(start + written);
        Ok(())
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        })
    }
}
