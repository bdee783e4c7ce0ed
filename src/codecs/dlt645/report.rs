//! What a meter reports of its own accord, 04001501 (supplement to DL/T 645-2007).
//!
//! ```text
//!  12 bytes: 96 bits, what happened since they were reset | for each bit set, how often: 2 digits | AA
//! ```
//! A meter that has something to report sets bit 5 of the control byte of whatever it answers, as if more
//! frames followed. The bits are events and no states, so that they become one event and no readings.
use super::bcd::{self, Bcd};
use super::data::Field;
use super::event;
use super::reader::{Reader, SEPARATOR};
use super::status;
use crate::codecs::Note;
use crate::model::proto::Severity;
use std::borrow::Cow;

/// Bytes DI3 to DI0.
pub(super) const DI: [u8; 4] = [0x04, 0x00, 0x15, 0x01];
const WIDTH: usize = 12;

/// Bits 0 to 15.
const OF_THE_METER: [&str; 16] = [
    "relay_fault",
    "esam_fault",
    "card_fault",
    "clock_battery_low",
    "program_fault",
    "memory_fault",
    "",
    "clock_fault",
    "reading_battery_low",
    "overdraft",
    "cover_open",
    "terminal_cover_open",
    "magnetic_field",
    "power_supply_abnormal",
    "relay_opened",
    "relay_closed",
];
/// Bits 64 to 79 are those of status word 7, but for these.
const ALL_PHASES_FROM: u8 = 64;
const OF_ALL_PHASES: [(u8, &str); 2] = [(73, "power_flow_reversed"), (74, "all_voltages_lost")];
/// Bits 80 to 95.
const PROGRAMMED_FROM: u8 = 80;
const PROGRAMMED: [&str; 16] = [
    "programmed",
    "meter_cleared",
    "demand_cleared",
    "events_cleared",
    "clock_set",
    "periods_programmed",
    "zones_programmed",
    "rest_days_programmed",
    "holidays_programmed",
    "active_combination_programmed",
    "reactive_combination_1_programmed",
    "reactive_combination_2_programmed",
    "settlement_days_programmed",
    "tariffs_programmed",
    "steps_programmed",
    "keys_updated",
];

/// Reads the answer's data; `false`: it is too short.
pub(super) fn read(reader: &mut Reader<'_, '_>) -> bool {
    let Some(field) = reader.data.take(WIDTH) else {
        return false;
    };
    let bytes = reader.data.bytes(field).to_vec();
    let is_absent = bytes.iter().all(|byte| *byte == 0xff);
    let set: Vec<String> = (0..8 * 12)
        .filter(|bit| !is_absent && is_set(&bytes, *bit))
        .map(name)
        .collect();
    let words = if is_absent {
        "not available".to_owned()
    } else {
        set.join(", ")
    };
    reader.show(field, "active report", None, &words);
    for name in &set {
        if reader
            .data
            .rest()
            .first()
            .is_none_or(|byte| *byte == SEPARATOR)
        {
            break;
        }
        if let Some(field) = reader.data.take(1) {
            count(field, name, reader);
        }
    }
    if reader.data.rest() == [SEPARATOR] {
        reader.block_end();
    }
    reader.leftover();
    tell(&bytes, set, reader);
    true
}

fn is_set(bytes: &[u8], bit: u8) -> bool {
    let byte = bytes.get(usize::from(bit / 8)).copied();
    byte.unwrap_or_default() >> (bit % 8) & 1 == 1
}

/// What a bit says: `voltage_loss_a`; `bit 6` is reserved.
fn name(bit: u8) -> String {
    let at = |names: &[&'static str; 16], from: u8| -> Option<String> {
        let name = names.get(usize::from(bit.checked_sub(from)?))?;
        (!name.is_empty()).then(|| (*name).to_owned())
    };
    let other = || {
        let (_, name) = OF_ALL_PHASES.iter().find(|row| row.0 == bit)?;
        Some((*name).to_owned())
    };
    let word = || {
        // Words 4 to 7.
        let (word, of) = (bit / 16 + 3, bit % 16);
        let known = (16..PROGRAMMED_FROM).contains(&bit);
        let is_kept = bit < ALL_PHASES_FROM || of < 9;
        status::key(word, of).filter(|_| known && is_kept)
    };
    at(&OF_THE_METER, 0)
        .or_else(|| at(&PROGRAMMED, PROGRAMMED_FROM))
        .or_else(other)
        .or_else(word)
        .unwrap_or_else(|| format!("bit {bit}"))
}

fn count(field: Field, name: &str, reader: &mut Reader<'_, '_>) {
    let times = match bcd::read(reader.data.bytes(field), false) {
        Bcd::Whole(times) => format!("{times} times"),
        Bcd::Absent | Bcd::Invalid(_) => "no number of times".to_owned(),
    };
    reader.show(field, name, None, &times);
}

/// The event.
fn tell(bytes: &[u8], set: Vec<String>, reader: &mut Reader<'_, '_>) {
    let (name, severity, detail) = if set.is_empty() {
        let detail = vec![
            (Cow::Borrowed("function"), Cow::Borrowed("read")),
            (Cow::Borrowed("di"), Cow::Owned(reader.di.clone())),
            (Cow::Borrowed("data"), Cow::Owned(super::data::hex(bytes))),
        ];
        ("meter_answer", Severity::Info, detail)
    } else {
        let mut detail: Vec<(Cow<'static, str>, Cow<'static, str>)> = set
            .into_iter()
            .map(|name| (Cow::Owned(name), Cow::Borrowed("true")))
            .collect();
        detail.push((Cow::Borrowed("word"), Cow::Owned(reader.di.clone())));
        (event::ALARM, Severity::Warning, detail)
    };
    reader.out.notes.push(Note {
        group: reader.group,
        name: Cow::Borrowed(name),
        severity,
        detail,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<String> = (0..96).map(name).collect();
        assert_eq!(names.len(), 96);
        for (bit, expected) in [
            (10, "cover_open"),
            (16, "voltage_loss_a"),
            (40, "current_interrupted_b"),
            (55, "phase_failure_c"),
            (69, "mains_failure"),
            (73, "power_flow_reversed"),
            (75, "bit 75"),
            (84, "clock_set"),
            (25, "bit 25"),
        ] {
            assert_eq!(name(bit), expected);
        }
    }
}
