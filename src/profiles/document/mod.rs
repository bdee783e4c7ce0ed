//! JSON and CBOR layouts: paths into a document.
//!
//! ```text
//!  [[value]], [time], when, .. --read--> Scope: a tree of paths, a slot for each
//!  payload --one walk along the tree--> slots: slices of it --record--> samples, notes, faults
//! ```
//! `serde_json` checks the syntax and hands out slices, so that nothing is copied and the digits stay
//! recoverable. Rejected: `serde_json::Value`, which allocates for each key, asked for or not, and
//! loses duplicates. CBOR is written out as JSON first, as profile `cbor` does: one reading of the
//! paths, at about twice the payload's size in memory.
mod path;
mod read;
mod record;
mod scope;
mod text;
mod trace;
mod tree;

use super::inner::Inner;
use super::reading::Reading;
use super::{Around, Trace};
use crate::codecs::json::{literals, utf8};
use crate::codecs::{Decoded, Fault, Group, Reason, Sample, cbor};
use crate::model::settings::Section;
use record::Outside;
use scope::Scope;
use text::Text;

/// A checked layout of documents.
#[derive(Debug)]
pub(super) struct Layout {
    cbor: bool,
    scope: Scope,
}

impl Layout {
    /// Reads every key of the file's top level that a layout has. Mistakes go to the section's
    /// problems.
    pub(super) fn read(top: &mut Section<'_>, reading: Reading<'_>, cbor: bool) -> Self {
        Self {
            cbor,
            scope: read::top(top, reading),
        }
    }

    /// Every `[inner]` and `[each.inner]`.
    pub(super) fn inners(&self) -> Vec<&Inner> {
        self.scope.inners()
    }

    /// How many values it names, those of records included.
    pub(super) fn values(&self) -> usize {
        self.scope.values()
    }

    /// Decodes a payload into `out`, which is empty.
    ///
    /// # Errors
    /// Not UTF-8, not JSON or CBOR, nothing in it that the profile names, or too much.
    pub(super) fn decode<'a>(
        &'a self,
        payload: &'a [u8],
        around: Around<'a>,
        out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        if self.cbor {
            let json = cbor::to_json(payload)?;
            return self.decode_owned(&json, None, around, out);
        }
        let json = utf8(payload)?;
        let knows = |name: &str| (around.profile_of)(name).is_some();
        let mut text = Text::new(around.limits, &knows);
        match self.document(json, &mut text, around, out) {
            // Not a JSON number, but one reading of many: the others are taken.
            Err(fault) if fault.reason == Reason::NotFinite => {
                let (copy, places) = literals(json);
                self.decode_owned(&copy, Some(&places), around, out)
            }
            done => done,
        }
    }

    /// Decodes a text that does not live as long as what it says.
    fn decode_owned(
        &self,
        json: &str,
        places: Option<&[(usize, &'static str)]>,
        around: Around<'_>,
        out: &mut Decoded<'_>,
    ) -> Result<(), Fault> {
        let mut decoded = Decoded {
            trace: out.trace.take(),
            ..Decoded::default()
        };
        let knows = |name: &str| (around.profile_of)(name).is_some();
        let mut text = Text::new(around.limits, &knows);
        text.literals = places.map(|places| (json.as_ptr().addr(), places));
        match self.document(json, &mut text, around, &mut decoded) {
            Err(fault) if fault.reason == Reason::NotFinite && places.is_none() => {
                let (copy, places) = literals(json);
                out.trace = decoded.trace;
                return self.decode_owned(&copy, Some(&places), around, out);
            }
            done => done?,
        }
        decoded.move_to(out);
        Ok(())
    }

    fn document<'a>(
        &'a self,
        json: &'a str,
        text: &mut Text<'a, '_>,
        around: Around<'_>,
        out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        self.read_all(json, text, around, out)?;
        if out.samples.is_empty() && out.faults.is_empty() && out.notes.is_empty() {
            return Err(Fault::whole(
                Reason::NoReadings,
                "the payload has nothing at any path that the profile names",
            ));
        }
        gather(out);
        Ok(())
    }

    fn read_all<'a>(
        &'a self,
        json: &'a str,
        text: &mut Text<'a, '_>,
        around: Around<'_>,
        out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        if json.trim_ascii().is_empty() {
            return Err(Fault::whole(Reason::NoReadings, "the payload is empty"));
        }
        self.scope.read(json, Outside::default(), text, out)?;
        for (inner, sent, group) in std::mem::take(&mut text.inners) {
            inner.decode(sent.as_bytes(), group, around, out);
        }
        Ok(())
    }

    /// Every leaf of a document: what it became, or that it was ignored.
    pub(super) fn trace(&self, payload: &[u8], around: Around<'_>) -> Trace {
        let written;
        let json = if self.cbor {
            written = cbor::to_json(payload);
            written.as_deref().unwrap_or_default()
        } else {
            utf8(payload).unwrap_or_default()
        };
        let (copy, places) = literals(json);
        // Without NaN the copy is the text.
        let json = copy.as_str();
        let mut uses = Vec::new();
        let knows = |name: &str| (around.profile_of)(name).is_some();
        let mut text = Text::new(around.limits, &knows);
        text.literals = Some((json.as_ptr().addr(), &places));
        text.uses = Some(&mut uses);
        let mut out = Decoded::default();
        // What is wrong is said by decoding.
        let _ = self.read_all(json, &mut text, around, &mut out);
        let mut order: Vec<usize> = (0..out.samples.len()).collect();
        order.sort_by_key(|at| out.samples.get(*at).and_then(|s| device(&out.groups, s)));
        let place = |sample| order.iter().position(|at| *at == sample).unwrap_or(sample);
        trace::trace(json, &uses, place)
    }
}

/// Brings the samples of each device together, where records of several alternate.
fn gather(out: &mut Decoded<'_>) {
    let of = |sample: &Sample<'_>| device(&out.groups, sample);
    if out.samples.is_sorted_by_key(of) {
        return;
    }
    if let Some(trace) = &mut out.trace {
        let mut order: Vec<usize> = (0..out.samples.len()).collect();
        order.sort_by_key(|at| out.samples.get(*at).and_then(of));
        trace.moved(|sample| order.iter().position(|at| *at == sample).unwrap_or(sample));
    }
    let of = |sample: &Sample<'_>| device(&out.groups, sample);
    out.samples.sort_by_key(of);
}

fn device(groups: &[Group<'_>], sample: &Sample<'_>) -> Option<u32> {
    let group = usize::try_from(sample.group).ok()?;
    groups.get(group)?.device
}

#[cfg(test)]
mod tests;
