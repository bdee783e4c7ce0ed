//! What a profile says of one record of a document: the document itself, or one of an `[[each]]`.
use super::record::{Outside, Record};
use super::text::Text;
use super::tree::{Slot, Tree};
use crate::codecs::{Decoded, Fault};
use crate::profiles::inner::Inner;
use crate::profiles::map::Map;
use crate::profiles::rules::{Condition, EventRule, Naming};
use crate::profiles::step::Step;
use crate::profiles::time::TimeRule;

/// Where something is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Slot(usize),
    /// The record's key in the object that it is a member of.
    Key,
}

/// `[device]`.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) source: Source,
    pub(super) via: Option<usize>,
    pub(super) naming: Naming,
    /// `[device.or]`: where the first names nobody.
    pub(super) or: Option<(Source, Naming)>,
}

/// `[[value]]`.
#[derive(Debug)]
pub(super) struct ValueAt {
    pub(super) slot: usize,
    pub(super) map: Map,
    pub(super) when: Box<[Condition<usize>]>,
    pub(super) labels: Box<[(&'static str, Source)]>,
}

/// `[[event]]`.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) rule: EventRule,
    pub(super) when: Box<[Condition<usize>]>,
    pub(super) detail: Box<[(Box<str>, usize)]>,
}

/// Slot and rule of the time that steps count from.
pub(super) type Base = (usize, TimeRule);

/// `[[each]]`: where the records lie, in the record around them, and what one of them is.
#[derive(Debug)]
pub(super) struct Each {
    pub(super) slot: usize,
    /// Members of an object rather than elements of an array.
    pub(super) members: bool,
    pub(super) when: Box<[Condition<usize>]>,
    pub(super) base: Option<Base>,
    pub(super) step: Option<Step<usize>>,
    pub(super) scope: Scope,
}

/// What a record may have.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) tree: Tree,
    pub(super) device: Option<Device>,
    pub(super) time: Option<Base>,
    pub(super) values: Box<[ValueAt]>,
    pub(super) events: Box<[Event]>,
    pub(super) each: Box<[Each]>,
    pub(super) inner: Option<(usize, Inner)>,
}

/// Slots that need no allocation.
const FEW: usize = 24;

impl Scope {
    /// How many values it has, those of its records included.
    pub(super) fn values(&self) -> usize {
        let records = self.each.iter().map(|each| each.scope.values());
        self.values.len() + records.sum::<usize>()
    }

    /// Its inner payloads, those of its records included.
    pub(super) fn inners(&self) -> Vec<&Inner> {
        let own = self.inner.iter().map(|(_, inner)| inner);
        let records = self.each.iter().flat_map(|each| each.scope.inners());
        own.chain(records).collect()
    }

    /// Reads one record into `out`.
    ///
    /// # Errors
    /// Not JSON, or more readings than the limit.
    pub(super) fn read<'a>(
        &'a self,
        json: &'a str,
        outside: Outside<'a>,
        text: &mut Text<'a, '_>,
        out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        let count = self.tree.slots();
        let mut few = [Slot::Empty; FEW];
        let mut many = Vec::new();
        let slots = if let Some(few) = few.get_mut(..count) {
            few
        } else {
            many.resize(count, Slot::Empty);
            many.as_mut_slice()
        };
        self.tree.walk(json, slots)?;
        Record::new(self, slots, outside).read(text, out)
    }
}
