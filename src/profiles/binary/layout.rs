//! What a binary profile says, checked: where each value lies.
use super::field::Field;
use crate::profiles::inner::Inner;
use crate::profiles::map::Map;
use crate::profiles::rules::{Condition, EventRule, Naming};
use crate::profiles::step::Step;
use crate::profiles::time::TimeRule;

/// Places that must hold certain values, all of them.
pub(super) type When = Box<[Condition<Field>]>;

/// `[[value]]`.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) field: Field,
    /// A frame that ends before it is no mistake.
    pub(super) optional: bool,
    pub(super) when: When,
    /// Labels out of the frame.
    pub(super) labels: Box<[(&'static str, Field)]>,
    pub(super) map: Map,
}

/// `[time]`.
#[derive(Debug)]
pub(super) struct Clock {
    pub(super) field: Field,
    pub(super) rule: TimeRule,
}

/// `[device]`.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) field: Field,
    /// `via`: who carried it.
    pub(super) via: Option<Field>,
    pub(super) naming: Naming,
}

/// How a record is dated.
#[derive(Debug)]
pub(super) enum Timing {
    /// As the payload is.
    Payload,
    /// By a field of its own.
    Own(Clock),
    /// Record `i` at base + i steps.
    Steps {
        /// In the payload; `None`: the payload's time.
        base: Option<Clock>,
        step: Step<Field>,
    },
}

/// How many records there are.
#[derive(Debug)]
pub(super) enum Count {
    /// As many as the bytes give.
    Rest,
    Fixed(usize),
    Sent(Field),
}

/// `[[repeat]]`.
#[derive(Debug)]
pub(super) struct Repeat {
    pub(super) at: i32,
    /// Bytes at the end of the payload that are no records.
    pub(super) behind: usize,
    /// Of one record; at least 1.
    pub(super) size: usize,
    pub(super) count: Count,
    pub(super) when: When,
    pub(super) timing: Timing,
    pub(super) device: Option<Name>,
    pub(super) values: Box<[Value]>,
}

/// `[items]` and its `[[item]]`s.
#[derive(Debug)]
pub(super) struct Items {
    pub(super) at: i32,
    /// Bytes at the end of the payload that are no items.
    pub(super) behind: usize,
    /// How many bytes the list has; `None`: to the end.
    pub(super) bytes: Option<Field>,
    pub(super) when: When,
    /// Bytes of a key, 1 to 4.
    pub(super) key: usize,
    /// The length that follows each key, relative to the item's first byte.
    pub(super) length: Option<Field>,
    /// By key.
    pub(super) list: Box<[Item]>,
}

/// `[[item]]`.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) key: u32,
    /// Of its data; not with a length that is sent.
    pub(super) size: usize,
    pub(super) time: Option<Clock>,
    pub(super) values: Box<[Value]>,
}

/// `[[event]]`.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) rule: EventRule,
    pub(super) when: When,
    pub(super) detail: Box<[(Box<str>, Field)]>,
}

/// `[inner]`.
#[derive(Debug)]
pub(super) struct Within {
    pub(super) at: i32,
    /// `None`: to the end.
    pub(super) bytes: Option<Field>,
    pub(super) behind: usize,
    pub(super) when: When,
    pub(super) inner: Inner,
}

impl Items {
    /// The item of a key.
    pub(super) fn find(&self, key: u32) -> Option<&Item> {
        let at = self.list.binary_search_by_key(&key, |item| item.key).ok()?;
        self.list.get(at)
    }
}
