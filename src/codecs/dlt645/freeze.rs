//! Frozen data, 05 DI2 DI1 DI0 (DL/T 645-2007 table A.6): what the registers were at an agreed moment.
//!
//! DI2 is the kind of freeze, DI1 the data, DI0 how many freezes back. A block (DI1 = FF) has them all, of
//! which meters put AA between: no decimal number begins with it, so that either form is told by its bytes.
//! Without AA the number of tariffs follows from the length.
//!
//! The moment is the observed time where the frame, or another of the same uplink, says it; where none does,
//! the label `storage` says how far back.
use super::bcd;
use super::data::Field;
use super::frame::Frame;
use super::item::{self, ACTIVE_POWER, Item, MINUTE, REACTIVE_POWER};
use super::labels::{Labels, phase};
use super::reader::{Reader, SEPARATOR};
use super::{answer, show};
use crate::codecs::Reason;
use std::collections::BTreeMap;

/// DI3.
pub(super) const GROUP: u8 = 0x05;
/// DI1 of the moment itself, of the variables, and of everything.
const MOMENT: u8 = 0x00;
const VARIABLES: u8 = 0x10;
const BLOCK: u8 = 0xff;
const HOURLY: u8 = 0x04;
/// Parts of a block, and of one that has no more than import and export: which ones is set in the meter.
const PARTS: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, VARIABLES];
const BRIEF_PARTS: &[u8] = &[1, 2, VARIABLES];
const HOURLY_PARTS: &[u8] = &[1, 2];
/// Bytes that each tariff has in a block: 8 energies of 4 and 2 demands of 8; or 2 energies.
const PER_TARIFF: usize = 8 * 4 + 2 * 8;
const PER_TARIFF_BRIEF: usize = 2 * 4;
/// Bytes of the variables: 8 powers.
const POWERS: usize = 8 * 3;
const TARIFFS_MAX: usize = 64;

/// By DI2; the last ones are of later supplements.
const KINDS: [&str; 8] = [
    "timed",
    "instant",
    "zone_switch",
    "period_switch",
    "hourly",
    "price_switch",
    "daily",
    "step_switch",
];

/// Moments that frames of an uplink say: by meter, DI2 and DI0.
pub(super) type Moments = BTreeMap<([u8; 6], u8, u8), String>;

/// The moments that frames say.
pub(super) fn moments(payload: &[u8], frames: &[Frame]) -> Moments {
    let mut moments = Moments::new();
    for frame in frames.iter().filter(|frame| frame.control.is_reply()) {
        if let Some([GROUP, kind, MOMENT, back]) = answer::identifier(payload, frame) {
            let data: Vec<u8> = frame.meant(payload).skip(4).collect();
            if let Some(moment) = bcd::minute(&data) {
                moments.insert((frame.address, kind, back), moment);
            }
        }
    }
    moments
}

/// Reads the data of `05 kind what back`; `false`: nothing that is known.
pub(super) fn read(
    [_, kind, what, back]: [u8; 4],
    moment: Option<&String>,
    reader: &mut Reader<'_, '_>,
) -> bool {
    let Some(name) = KINDS.get(usize::from(kind)) else {
        return false;
    };
    if back == 0xff {
        return false;
    }
    if let Some(moment) = moment {
        reader.set_time(moment.clone());
    }
    let mut labels = Labels {
        freeze: name,
        storage: if moment.is_some() { 0 } else { back },
        ..Labels::default()
    };
    if what == BLOCK {
        return block(kind, &mut labels, reader);
    }
    if what == MOMENT {
        moment_alone(labels, reader);
        return true;
    }
    let items = items(kind, what, labels, TARIFFS_MAX);
    if items.is_empty() {
        return false;
    }
    reader.items(&items);
    true
}

/// What DI1 of a freeze names, with so many tariffs, the total included.
fn items(kind: u8, what: u8, labels: Labels, tariffs: usize) -> Vec<Item> {
    let of = |tariff: u8| Labels { tariff, ..labels };
    let tariffs = 0..u8::try_from(tariffs.min(TARIFFS_MAX)).unwrap_or_default();
    match (kind, what) {
        (HOURLY, 1 | 2) => {
            let energy = item::of_energy(what, 0, 0);
            energy
                .map(|(quantity, _)| Item::Number(quantity, labels))
                .into_iter()
                .collect()
        }
        (HOURLY, _) => Vec::new(),
        (_, 1..=8) => tariffs
            .filter_map(|tariff| {
                let (quantity, _) = item::of_energy(what, 0, 0)?;
                Some(Item::Number(quantity, of(tariff)))
            })
            .collect(),
        (_, 9 | 10) => tariffs
            .filter_map(|tariff| {
                let (quantity, _) = item::of_demand(what - 8, 0, 0)?;
                Some(Item::Demand(quantity, of(tariff)))
            })
            .collect(),
        (_, VARIABLES) => [ACTIVE_POWER, REACTIVE_POWER]
            .iter()
            .flat_map(|quantity| {
                (0..=3).filter_map(move |number| {
                    let phase = phase(number)?;
                    Some(Item::Number(*quantity, Labels { phase, ..labels }))
                })
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The moment as a reading: there is no other in its frame.
fn moment_alone(labels: Labels, reader: &mut Reader<'_, '_>) {
    if let Some(field) = reader.data.take(MINUTE) {
        let moment = bcd::minute(reader.data.bytes(field));
        reader.words(field, "freeze_time", moment, labels);
    }
    reader.leftover();
}

fn take_moment(labels: &mut Labels, reader: &mut Reader<'_, '_>) {
    let Some(field) = reader.data.take(MINUTE) else {
        return;
    };
    if let Some(moment) = bcd::minute(reader.data.bytes(field)) {
        labels.storage = 0;
        let became = show::time(Some(&moment));
        reader.set_time(moment);
        reader.show(field, &became, None, "");
    } else {
        reader.show(field, &show::time(None), None, "");
    }
}

fn block(kind: u8, labels: &mut Labels, reader: &mut Reader<'_, '_>) -> bool {
    take_moment(labels, reader);
    if reader.data.rest().first() == Some(&SEPARATOR) {
        separator(reader);
        separated(kind, *labels, reader);
    } else {
        plain(kind, *labels, reader);
    }
    reader.leftover();
    true
}

/// Reads a block whose parts stand between separators.
fn separated(kind: u8, labels: Labels, reader: &mut Reader<'_, '_>) {
    let whats = if kind == HOURLY { HOURLY_PARTS } else { PARTS };
    let part = |reader: &Reader<'_, '_>| {
        let rest = reader.data.rest().iter();
        rest.take_while(|byte| **byte != SEPARATOR).count()
    };
    let first = part(reader);
    for what in whats {
        // All energies have as many tariffs: what is as long as the variables instead is them.
        let is_short = (3..=8).contains(what) && first != POWERS && part(reader) == POWERS;
        let what = if is_short { VARIABLES } else { *what };
        let items = items(kind, what, labels, TARIFFS_MAX);
        let is_last = what == VARIABLES || Some(&what) == whats.last();
        let goes_on = until_separator(&items, reader);
        if is_last && goes_on && reader.data.left() > 0 {
            reader.beyond();
        }
        if is_last || !goes_on {
            return;
        }
    }
}

/// Reads a block without separators. Its length says how many tariffs it has, where no frame of it is missing.
fn plain(kind: u8, labels: Labels, reader: &mut Reader<'_, '_>) {
    let left = reader.data.left();
    let ended = usize::from(reader.data.rest().last() == Some(&SEPARATOR));
    let len = left.saturating_sub(POWERS + ended);
    let fits = |of: usize| len > 0 && len.is_multiple_of(of) && !reader.is_cut;
    let (whats, tariffs) = if kind == HOURLY {
        (HOURLY_PARTS, 1)
    } else if fits(PER_TARIFF) {
        (PARTS, len / PER_TARIFF)
    } else if fits(PER_TARIFF_BRIEF) {
        (BRIEF_PARTS, len / PER_TARIFF_BRIEF)
    } else {
        if !reader.is_cut {
            let sentence = format!(
                "{} bytes are no block of a freeze, with AA between its parts or without",
                left + MINUTE
            );
            reader.fault(Reason::Malformed, sentence);
        }
        reader.is_cut = true;
        return;
    };
    for what in whats {
        for item in items(kind, *what, labels, tariffs) {
            reader.item(&item);
        }
    }
    if reader.data.rest() == [SEPARATOR] {
        reader.block_end();
    }
}

/// Reads values until the separator behind them, or the end; `true`: there was a separator.
fn until_separator(items: &[Item], reader: &mut Reader<'_, '_>) -> bool {
    for item in items {
        if reader.data.rest().first() == Some(&SEPARATOR) || reader.data.left() < item.width() {
            break;
        }
        reader.item(item);
    }
    let ends = reader.data.rest().first() == Some(&SEPARATOR);
    if ends {
        separator(reader);
    }
    ends
}

/// Takes a separator.
pub(super) fn separator(reader: &mut Reader<'_, '_>) -> Option<Field> {
    let field = reader.data.take(1)?;
    reader.show(field, "separator", None, "");
    Some(field)
}
