//! Load records, 06 DI2 00 DI0 (DL/T 645-2007 annex B): what was, every so many minutes.
//!
//! ```text
//!  A0 A0 | bytes | mm hh DD MM YY | class 1 | AA | class 2 | AA | .. | class 6 | AA | check sum | E5
//! ```
//! The number of bytes counts from the time up to the check sum, which is taken from the first A0 on. A class
//! that is not recorded is empty. E0 E0 instead of A0 A0: the meter itself says that the record is wrong.
//! Records of one class (DI2 = 01 to 06) leave the separators of the others before it or do not.
//!
//! Values have the record's time and no label: they are what an earlier reading would have been.
use super::bcd;
use super::freeze::separator;
use super::item::{
    self, ACTIVE_DEMAND, ACTIVE_POWER, Item, MINUTE, Quantity, REACTIVE_DEMAND, REACTIVE_POWER,
};
use super::labels::{Labels, phase};
use super::reader::{Reader, SEPARATOR};
use super::show;
use crate::codecs::Reason;
use crate::codecs::frames::checksum;

/// DI3.
pub(super) const GROUP: u8 = 0x06;
const CLASSES: u8 = 6;
const START: [u8; 2] = [0xa0; 2];
const WRONG: [u8; 2] = [0xe0; 2];
const END: u8 = 0xe5;
/// Start and number of bytes; check sum and end.
const HEAD: usize = 3;
const TAIL: usize = 2;

/// Reads the records of `06 class 00 which`; `false`: nothing that is known.
pub(super) fn read([_, class, zero, which]: [u8; 4], reader: &mut Reader<'_, '_>) -> bool {
    if class > CLASSES || zero != 0 || which > 2 {
        return false;
    }
    while let [first, second, len, ..] = *reader.data.rest() {
        let whole = HEAD + usize::from(len) + TAIL;
        let Some(record) = reader.data.rest().get(..whole) else {
            break;
        };
        let starts = [START, WRONG].contains(&[first, second]);
        let [before @ .., sum, end] = record else {
            break;
        };
        if !starts || *end != END {
            break;
        }
        let own = checksum(before);
        if own != *sum || [first, second] == WRONG {
            let (reason, what) = if own == *sum {
                (
                    Reason::Malformed,
                    "the meter says that it is wrong".to_owned(),
                )
            } else {
                let what = format!("its check sum is {sum:02x}; its bytes give {own:02x}");
                (Reason::BadChecksum, what)
            };
            skip(whole, reason, &what, reader);
            continue;
        }
        record_of(class, usize::from(len), reader);
    }
    let left = reader.data.left();
    if left > 0 && !reader.is_cut {
        skip(left, Reason::Malformed, "no load record", reader);
    }
    reader.leftover();
    true
}

fn skip(len: usize, reason: Reason, what: &str, reader: &mut Reader<'_, '_>) {
    if let Some(field) = reader.data.take(len) {
        let place = reader.data.place(field, 0);
        reader.fault(reason, format!("load record at byte {place}: {what}"));
        reader.show(field, "load record", None, what);
    }
}

/// A record whose checks hold.
fn record_of(class: u8, len: usize, reader: &mut Reader<'_, '_>) {
    plain(HEAD, &format!("load record of {len} bytes"), reader);
    let end = reader.data.left().saturating_sub(len);
    let time = reader.data.rest().get(..MINUTE).and_then(bcd::minute);
    let Some(time) = time.filter(|_| len >= MINUTE) else {
        skip(len, Reason::Malformed, "no time", reader);
        plain(TAIL, "check sum and end of a record", reader);
        return;
    };
    plain(MINUTE, &show::time(Some(&time)), reader);
    let group = reader.open(Some(time));
    let answer = std::mem::replace(&mut reader.group, group);
    // Of one class alone, without the separators of the others before it.
    let mut next = match reader.data.rest().first() {
        Some(&SEPARATOR) | None => 1,
        Some(_) => class.max(1),
    };
    while reader.data.left() > end {
        let items = items(next);
        if reader.data.rest().first() == Some(&SEPARATOR) {
            separator(reader);
            next = next.saturating_add(1);
        } else if !block(&items, end, reader) {
            let left = reader.data.left().saturating_sub(end);
            skip(
                left,
                Reason::Malformed,
                "its data is none of its classes",
                reader,
            );
        }
    }
    reader.group = answer;
    plain(TAIL, "check sum and end of a record", reader);
}

/// Reads all of a class; `false`: it does not fit before `end`, or there is none.
fn block(items: &[Item], end: usize, reader: &mut Reader<'_, '_>) -> bool {
    let width: usize = items.iter().map(Item::width).sum();
    let fits = width > 0 && reader.data.left() >= end + width;
    if fits {
        for item in items {
            reader.item(item);
        }
    }
    fits
}

fn plain(len: usize, became: &str, reader: &mut Reader<'_, '_>) {
    if let Some(field) = reader.data.take(len) {
        reader.show(field, became, None, "");
    }
}

/// What a class records.
fn items(class: u8) -> Vec<Item> {
    match class {
        1 => {
            let mut items: Vec<Item> = [0x01, 0x02]
                .iter()
                .flat_map(|kind| item::all([0x02, *kind, 0xff, 0x00]))
                .collect();
            items.extend(item::named([0x02, 0x80, 0x00, 0x02]));
            items
        }
        2 => {
            let of = |quantity: Quantity| {
                (0..=3).filter_map(move |number| {
                    Some(Item::Number(quantity, Labels::of_phase(phase(number)?)))
                })
            };
            of(ACTIVE_POWER).chain(of(REACTIVE_POWER)).collect()
        }
        3 => item::all([0x02, 0x06, 0xff, 0x00]),
        4 => energies(1..=4),
        5 => energies(5..=8),
        6 => [ACTIVE_DEMAND, REACTIVE_DEMAND]
            .map(|quantity| Item::Number(quantity, Labels::default()))
            .to_vec(),
        _ => Vec::new(),
    }
}

fn energies(kinds: std::ops::RangeInclusive<u8>) -> Vec<Item> {
    let item = |kind| item::named([0x00, kind, 0x00, 0x00]);
    kinds.filter_map(item).collect()
}
