//! Bytes between one connection and its socket, in both directions.
use super::packet::{self, Incoming, PacketError};
use std::io;
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// One read takes up to 250 acknowledgements. Fixed, for there may be 10,000 connections.
const INPUT_BYTES: usize = 1024;
const _: () = assert!(INPUT_BYTES > packet::INCOMING_MAX, "a packet must fit");

/// What waits to be written, and what was read.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) out: Vec<u8>,
    written: usize,
    /// TLS may hold bytes back.
    unflushed: bool,
    /// The first `filled` bytes are packets that are not taken yet.
    input: [u8; INPUT_BYTES],
    filled: usize,
    /// When bytes went out last.
    pub(super) wrote_at: Instant,
}

/// What [`Wire::exchange`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchanged {
    Read,
    Wrote,
    /// The peer has ended the connection.
    Closed,
}

impl Wire {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            out: Vec::new(),
            written: 0,
            unflushed: false,
            input: [0; INPUT_BYTES],
            filled: 0,
            wrote_at: now,
        }
    }

    /// Bytes that wait to be written.
    pub(super) fn unsent(&self) -> usize {
        self.out.len() - self.written
    }

    /// Reads or writes, whichever can be done; reads first. Cancel-safe.
    pub(super) async fn exchange(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<Exchanged> {
        let room = self.input.get_mut(self.filled..).unwrap_or_default();
        let unsent = self.out.get(self.written..).unwrap_or_default();
        tokio::select! {
            biased;
            read = reader.read(room) => {
                let read = read?;
                self.filled += read;
                Ok(if read == 0 { Exchanged::Closed } else { Exchanged::Read })
            }
            written = put(writer, unsent), if !unsent.is_empty() || self.unflushed => {
                // Nothing left to write: that was the flush.
                self.unflushed = !unsent.is_empty();
                self.written += written?;
                self.wrote_at = Instant::now();
                if self.unsent() == 0 {
                    self.out.clear();
                    self.written = 0;
                }
                Ok(Exchanged::Wrote)
            }
        }
    }

    /// Gives each whole packet of the input to `each`, with the output to answer into.
    ///
    /// # Errors
    /// Bytes that are no packet.
    pub(super) fn take_packets(
        &mut self,
        mut each: impl FnMut(Incoming, &mut Vec<u8>),
    ) -> Result<(), PacketError> {
        let mut taken = 0;
        let filled = self.input.get(..self.filled).unwrap_or_default();
        while let Some((packet, len)) = packet::parse(filled.get(taken..).unwrap_or_default())? {
            taken += len;
            each(packet, &mut self.out);
        }
        self.input.copy_within(taken..self.filled, 0);
        self.filled -= taken;
        Ok(())
    }
}

/// Writes some of `bytes`; without any, flushes. Cancel-safe.
async fn put(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    writer.write(bytes).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn a_packet_in_two_reads_is_taken_once() {
        let mut wire = Wire::new(Instant::now());
        let mut taken = Vec::new();
        for bytes in [&[0x40, 2, 0, 1, 0x40, 2, 0][..], &[2]] {
            wire.input[wire.filled..wire.filled + bytes.len()].copy_from_slice(bytes);
            wire.filled += bytes.len();
            wire.take_packets(|packet, _| taken.push(packet)).unwrap();
        }
        assert_eq!(taken, [Incoming::PubAck(1), Incoming::PubAck(2)]);
        assert_eq!(wire.filled, 0);
    }
}
