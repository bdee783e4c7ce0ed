//! Every byte of a payload, and what became of it.
use super::frame::hex;
use crate::codecs::{Fault, Sent};
use crate::profiles::map::show;
use crate::profiles::{Spot, Trace, Traced};
use std::ops::Range;

/// Most pieces that are kept; what is behind is not shown.
const PIECES_MAX: usize = 4_096;
/// Bytes that are written out of one that was ignored.
const SHOWN_BYTES_MAX: usize = 32;

/// What a walk has seen so far.
#[derive(Debug, Default)]
pub(super) struct Tracer {
    pieces: Vec<(Range<usize>, Traced)>,
}

impl Tracer {
    fn note(&mut self, range: Range<usize>, sent: String, became: &str) -> Option<&mut Traced> {
        if self.pieces.len() >= PIECES_MAX {
            return None;
        }
        let traced = Traced {
            spot: Spot::Bytes(range.clone()),
            sent,
            became: became.to_owned(),
            sample: None,
            note: String::new(),
        };
        self.pieces.push((range, traced));
        self.pieces.last_mut().map(|(_, traced)| traced)
    }

    /// Bytes that are a name, a time, a length, ..; said once, however often they are looked at.
    pub(super) fn became(&mut self, range: Range<usize>, sent: &Sent<'_>, became: &str) {
        let known = |(at, traced): &(Range<usize>, Traced)| *at == range && traced.became == became;
        if !self.pieces.iter().any(known) {
            self.note(range, show(sent), became);
        }
    }

    /// Bytes that are a sample's value.
    pub(super) fn sample(&mut self, range: Range<usize>, sent: &Sent<'_>, metric: &str, at: usize) {
        if let Some(traced) = self.note(range, show(sent), metric) {
            traced.sample = Some(at);
        }
    }

    /// Bytes whose value the profile passes over.
    pub(super) fn skipped(&mut self, range: Range<usize>, sent: &Sent<'_>, metric: &str) {
        if let Some(traced) = self.note(range, show(sent), "") {
            traced.note = format!("`{metric}`: the profile skips this value");
        }
    }

    /// Bytes that are a bad part. What they are is written out at the end.
    pub(super) fn refused(&mut self, range: Range<usize>, fault: &Fault) {
        if let Some(traced) = self.note(range, String::new(), "") {
            traced.note = format!("{}: {}", fault.part, fault.sentence);
        }
    }

    /// The bytes of a payload within the payload.
    pub(super) fn inner(&mut self, range: Range<usize>) {
        self.note(range, String::new(), "inner");
    }

    /// The key of an item.
    pub(super) fn key(&mut self, range: Range<usize>, digits: &str, known: bool) {
        if let Some(traced) = self.note(range, digits.to_owned(), if known { "key" } else { "" })
            && !known
        {
            traced.note.push_str("no item of the profile has this key");
        }
    }

    /// The pieces in order, the bytes between them included. `places`: where each sample went since.
    pub(super) fn finish(mut self, bytes: &[u8], places: &[usize]) -> Trace {
        self.pieces
            .sort_by_key(|(range, _)| (range.start, range.end));
        let mut pieces = Vec::with_capacity(self.pieces.len());
        let mut seen = 0;
        let shown = |range: Range<usize>| {
            let bytes = bytes.get(range).unwrap_or_default();
            let mut text = hex(bytes.iter().copied().take(SHOWN_BYTES_MAX));
            if bytes.len() > SHOWN_BYTES_MAX {
                text.push_str("..");
            }
            text
        };
        let ignored = |range: Range<usize>| Traced {
            spot: Spot::Bytes(range.clone()),
            sent: shown(range),
            became: String::new(),
            sample: None,
            note: String::new(),
        };
        for (range, mut traced) in self.pieces {
            if range.start > seen {
                pieces.push(ignored(seen..range.start));
            }
            seen = seen.max(range.end);
            if traced.sent.is_empty() && matches!(traced.became.as_str(), "" | "inner") {
                traced.sent = shown(range);
            }
            traced.sample = traced
                .sample
                .map(|at| places.get(at).copied().unwrap_or(at));
            pieces.push(traced);
        }
        if seen < bytes.len() {
            pieces.push(ignored(seen..bytes.len()));
        }
        Trace { pieces }
    }
}
