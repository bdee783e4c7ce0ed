//! Single records out of a log, by their sequences.
use crate::log::record::{self, Kind};
use crate::log::{Frame, Log, ReadError, Start};
use crate::model::Arrival;
use std::net::SocketAddr;
use std::sync::Arc;

/// Bytes of frames read for one page: a record lies in a frame of up to 1 MiB.
const BYTES_MAX: usize = 64 << 20;

/// How an uplink arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    /// The sender's address.
    pub address: Option<SocketAddr>,
    /// Topic or path, without access tokens.
    pub topic: String,
    /// MQTT client id, "" if none.
    pub client: String,
    /// `CoAP` Content-Format, where one was given.
    pub content_format: Option<u16>,
    /// The payload's first bytes, as many as `intake.keep_raw` says.
    pub raw: Vec<u8>,
    /// The payload's full length in bytes.
    pub raw_len: u64,
    /// The payload names no device but its sender.
    pub alone: bool,
    /// The route's pattern or name; "" in logs of before it was kept.
    pub route: String,
    /// Version of the profile; "" of one that needs no file.
    pub version: String,
}

impl Arrived {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let arrival = Arrival::parse(bytes).ok()?;
        Some(Self {
            address: arrival.address,
            topic: arrival.topic.to_owned(),
            client: arrival.client.to_owned(),
            content_format: arrival.content_format,
            raw: arrival.raw.to_vec(),
            raw_len: arrival.raw_len,
            alone: arrival.alone,
            route: arrival.route.to_owned(),
            version: arrival.version.to_owned(),
        })
    }
}

/// One record.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) kind: Kind,
    pub(super) body: Vec<u8>,
    pub(super) arrived: Option<Arrived>,
}

/// What a look gave.
#[derive(Clone, Debug)]
pub(super) enum Look {
    Found(Box<Kept>),
    /// Retention or damage took it.
    Gone,
    /// Enough has been read for one page.
    Spent,
}

/// A log, and the frame that was looked at last: neighbours often lie in one.
pub(super) struct Archive<'l> {
    log: &'l Log,
    frame: Option<Arc<Frame>>,
    bytes: usize,
}

impl<'l> Archive<'l> {
    pub(super) const fn new(log: &'l Log) -> Self {
        Self {
            log,
            frame: None,
            bytes: 0,
        }
    }

    /// The record of this sequence. Blocks on the disk.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn look(&mut self, sequence: u64) -> Result<Look, ReadError> {
        if self.bytes >= BYTES_MAX {
            return Ok(Look::Spent);
        }
        self.hold(sequence)?;
        let found = self.frame.as_ref().and_then(|frame| find(frame, sequence));
        Ok(found.map_or(Look::Gone, |kept| Look::Found(Box::new(kept))))
    }

    /// The records of the uplink that brought this one, in their order; none: none did, or it is not to
    /// be read. Blocks on the disk.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn beside(&mut self, sequence: u64) -> Result<Vec<(u64, Kept)>, ReadError> {
        if self.bytes >= BYTES_MAX {
            return Ok(Vec::new());
        }
        self.hold(sequence)?;
        let found = self.frame.as_ref().map(|frame| beside(frame, sequence));
        Ok(found.unwrap_or_default())
    }

    fn hold(&mut self, sequence: u64) -> Result<(), ReadError> {
        let holds = |frame: &Arc<Frame>| (frame.first..=frame.last).contains(&sequence);
        if !self.frame.as_ref().is_some_and(holds) {
            self.frame = self.read(sequence)?;
        }
        Ok(())
    }

    fn read(&mut self, sequence: u64) -> Result<Option<Arc<Frame>>, ReadError> {
        let Ok(mut reader) = self.log.reader(Start::At(sequence)) else {
            return Ok(None);
        };
        let frames = match reader.read(1) {
            Ok(frames) => frames,
            Err(ReadError::Damaged { .. } | ReadError::Cursor(_)) => return Ok(None),
            Err(error @ ReadError::Io { .. }) => return Err(error),
        };
        let frame = frames.into_iter().next();
        self.bytes += frame.as_ref().map_or(0, |frame| frame.body.len());
        Ok(frame)
    }
}

/// A record of a frame. What says how its uplink arrived may lie before it.
fn find(frame: &Frame, sequence: u64) -> Option<Kept> {
    let mut arrived = None;
    for (at, record) in frame.records() {
        match record.arrived {
            record::Arrived::Not => arrived = None,
            record::Arrived::Here(bytes) => arrived = Some(bytes),
            record::Arrived::Before => {}
        }
        if at == sequence {
            return Some(Kept {
                kind: record.kind,
                body: record.body.to_vec(),
                arrived: arrived.and_then(Arrived::parse),
            });
        }
    }
    None
}

/// The records of a frame that came by the same uplink as the one at `sequence`.
fn beside(frame: &Frame, sequence: u64) -> Vec<(u64, Kept)> {
    let mut found = Vec::new();
    let (mut arrival, mut has) = (None, false);
    for (at, record) in frame.records() {
        if !matches!(record.arrived, record::Arrived::Before) {
            if has {
                break;
            }
            found.clear();
            arrival = match record.arrived {
                record::Arrived::Here(bytes) => Some(bytes),
                record::Arrived::Not | record::Arrived::Before => None,
            };
        }
        has |= at == sequence;
        if arrival.is_some() {
            found.push((at, record));
        }
    }
    if !has {
        return Vec::new();
    }
    let arrived = arrival.and_then(Arrived::parse);
    let kept = found.into_iter().map(|(at, record)| {
        let kept = Kept {
            kind: record.kind,
            body: record.body.to_vec(),
            arrived: arrived.clone(),
        };
        (at, kept)
    });
    kept.collect()
}
