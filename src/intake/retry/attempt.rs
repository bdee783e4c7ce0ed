//! A rejected uplink, decoded once more.
use super::Fate;
use crate::codecs::{Fault, Reason};
use crate::intake::again::Found;
use crate::intake::pending::Pending;
use crate::log::record::Kind;
use crate::model::{Reject, Source};
use prost::Message;

/// A rejected uplink, decoded once more.
pub(super) struct Attempt {
    pub(super) pending: Pending,
    /// Readings of it are there already.
    pub(super) there: bool,
    /// What became of its parts, where parts of it are wanted.
    pub(super) parts: Vec<Found>,
    pub(super) source: Source,
    pub(super) by_credentials: bool,
}

impl Attempt {
    /// What would be rejected now.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let parts = self.pending.parts.iter();
        let decoded = parts.filter_map(|part| {
            let reject = Reject::decode(self.pending.bytes_at(&part.body)).ok()?;
            let mut fault = Fault::part(part.reason, reject.part, reject.sentence);
            if self.by_credentials && part.reason == Reason::UnknownDevice {
                fault.sentence.push_str("; the access token that it came with is not kept: give the device this name as an alias");
            }
            Some(fault)
        });
        decoded.collect()
    }

    pub(super) fn reports(&self) -> Vec<Vec<u8>> {
        let records = self.pending.records.iter();
        let reports = records.filter(|record| record.kind == Kind::Report);
        reports
            .map(|record| self.pending.bytes_at(&record.body).to_vec())
            .collect()
    }

    /// What becomes of each open reject, as far as decoding tells.
    pub(super) fn fates(&self, open: &[(u64, &Reject)], whole: bool) -> Vec<Fate> {
        let faults = self.faults();
        let first = faults.first().cloned();
        let nothing = |part: &str| {
            Fault::part(
                Reason::NoReadings,
                part,
                "no reading is made of it any more",
            )
        };
        if whole {
            let fate = match first {
                _ if !self.pending.records.is_empty() => Fate::Recovered(0),
                _ if self.there => Fate::Before(0),
                first => Fate::Rejected(first.unwrap_or_else(|| nothing(""))),
            };
            return vec![fate; open.len()];
        }
        let fate = |((_, reject), found): (&(u64, &Reject), &Found)| match found {
            Found::Taken => Fate::Recovered(0),
            Found::There => Fate::Before(0),
            Found::Nothing => {
                let own = faults.iter().find(|fault| fault.part == reject.part);
                // A fault of the whole uplink, such as a route that is gone, has no part.
                let own = own.or_else(|| first.as_ref().filter(|fault| fault.part.is_empty()));
                Fate::Rejected(own.cloned().unwrap_or_else(|| nothing(&reject.part)))
            }
        };
        open.iter().zip(&self.parts).map(fate).collect()
    }
}
