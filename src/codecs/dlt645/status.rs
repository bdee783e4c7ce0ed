//! The seven status words of a meter, 04000501 to 04000507 (DL/T 645-2007 annex C).
//!
//! Bits 8 to 15 of word 1, 6 and 7 of word 3, 9 and 10 of word 7 are of the supplement of 2013, which meters in
//! use follow; in older ones they are 0. Other bits that the annex reserves are shown by their number.
use super::labels::phase;
use crate::codecs::Sent;
use std::borrow::Cow;

/// One bit: its number, its metric, its phase, and whether it is an alarm.
type Bit = (u8, &'static str, &'static str, bool);

/// What a bit of a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codecs) struct Flag {
    pub(in crate::codecs) metric: &'static str,
    pub(in crate::codecs) phase: &'static str,
    /// It is an alarm, and it is set.
    pub(in crate::codecs) is_alarm: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Absent,
    Flag(bool),
    Word(&'static str),
}

const OF_THE_METER: &[Bit] = &[
    (2, "clock_battery_low", "", true),
    (3, "reading_battery_low", "", true),
    (4, "active_power_reversed", "", false),
    (5, "reactive_power_reversed", "", false),
    (8, "control_loop_fault", "", true),
    (9, "esam_fault", "", true),
    (12, "program_fault", "", true),
    (13, "memory_fault", "", true),
    (14, "overdraft", "", true),
    (15, "clock_fault", "", true),
];
const DIRECTIONS: &[Bit] = &[
    (0, "active_power_reversed", "a", false),
    (1, "active_power_reversed", "b", false),
    (2, "active_power_reversed", "c", false),
    (4, "reactive_power_reversed", "a", false),
    (5, "reactive_power_reversed", "b", false),
    (6, "reactive_power_reversed", "c", false),
];
const OPERATION: &[Bit] = &[
    (3, "programming_allowed", "", false),
    (4, "relay_open", "", false),
    (6, "relay_open_commanded", "", false),
    (7, "disconnection_warning", "", true),
];
/// Words 4, 5 and 6: a, b, c.
const OF_A_PHASE: &[&str] = &[
    "voltage_loss",
    "undervoltage",
    "overvoltage",
    "current_loss",
    "overcurrent",
    "overload",
    "power_flow_reversed",
    "phase_failure",
    "current_interrupted",
];
const OF_ALL_PHASES: &[Bit] = &[
    (0, "voltage_sequence_reversed", "", true),
    (1, "current_sequence_reversed", "", true),
    (2, "voltage_unbalanced", "", true),
    (3, "current_unbalanced", "", true),
    (4, "auxiliary_power_lost", "", true),
    (5, "mains_failure", "", true),
    (6, "demand_exceeded", "", true),
    (7, "power_factor_low", "", true),
    (8, "current_severely_unbalanced", "", true),
    (9, "cover_open", "", true),
    (10, "terminal_cover_open", "", true),
];

const SUPPLY_WORD: u8 = 3;
/// Bits 1 and 2 of word 3; the fourth is reserved.
const SUPPLIES: [&str; 3] = ["main", "auxiliary", "battery"];

impl Flag {
    /// `voltage_loss_a`.
    pub(in crate::codecs) fn key(&self) -> String {
        let Self { metric, phase, .. } = self;
        match *phase {
            "" => (*metric).to_owned(),
            phase => format!("{metric}_{phase}"),
        }
    }

    pub(in crate::codecs) const fn value<'a>(&self) -> Sent<'a> {
        match self.state {
            State::Absent => Sent::Null,
            State::Flag(flag) => Sent::Flag(flag),
            State::Word(word) => Sent::Text(Cow::Borrowed(word)),
        }
    }
}

/// What a word says; no bits: the meter has no such word.
pub(in crate::codecs) fn flags(word: u8, bits: Option<u16>) -> Vec<Flag> {
    let flag = |(bit, metric, phase, is_alarm): Bit| {
        let set = bits.map(|bits| bits >> bit & 1 == 1);
        Flag {
            metric,
            phase,
            is_alarm: is_alarm && set == Some(true),
            state: set.map_or(State::Absent, State::Flag),
        }
    };
    let mut flags: Vec<Flag> = match (word, word.checked_sub(3).and_then(phase)) {
        (1, _) => OF_THE_METER.iter().copied().map(flag).collect(),
        (2, _) => DIRECTIONS.iter().copied().map(flag).collect(),
        (SUPPLY_WORD, _) => OPERATION.iter().copied().map(flag).collect(),
        (7, _) => OF_ALL_PHASES.iter().copied().map(flag).collect(),
        (_, Some(phase)) => (0..)
            .zip(OF_A_PHASE)
            .map(|(bit, metric)| flag((bit, metric, phase, true)))
            .collect(),
        (_, None) => Vec::new(),
    };
    if word == SUPPLY_WORD {
        flags.extend(supply(bits));
    }
    flags
}

fn supply(bits: Option<u16>) -> Option<Flag> {
    let state = match bits {
        None => State::Absent,
        Some(bits) => State::Word(SUPPLIES.get(usize::from(bits >> 1 & 3))?),
    };
    Some(Flag {
        metric: "power_supply",
        phase: "",
        is_alarm: false,
        state,
    })
}

/// The flag of one bit: `voltage_loss_a`.
pub(super) fn key(word: u8, bit: u8) -> Option<String> {
    match (word, word.checked_sub(3).and_then(phase)) {
        (4..=6, Some(phase)) => {
            let metric = OF_A_PHASE.get(usize::from(bit))?;
            Some(format!("{metric}_{phase}"))
        }
        (7, _) => {
            let row = OF_ALL_PHASES.iter().find(|row| row.0 == bit)?;
            Some(row.1.to_owned())
        }
        _ => None,
    }
}

/// What is set, for who looks.
pub(in crate::codecs) fn words(word: u8, bits: Option<u16>) -> String {
    let Some(set) = bits else {
        return "not available".to_owned();
    };
    let mut words: Vec<String> = Vec::new();
    for flag in flags(word, bits) {
        match flag.state {
            State::Flag(true) => words.push(flag.key()),
            State::Word(supply) => words.push(format!("power_supply {supply}")),
            State::Flag(false) | State::Absent => {}
        }
    }
    for bit in (0..16).filter(|bit| set >> bit & 1 == 1) {
        if !is_named(word, bit) {
            words.push(format!("bit {bit}"));
        }
    }
    format!("{set:016b}: {}", words.join(", "))
}

fn is_named(word: u8, bit: u8) -> bool {
    let bits = match word {
        1 => OF_THE_METER,
        2 => DIRECTIONS,
        SUPPLY_WORD if bit == 1 || bit == 2 => return true,
        SUPPLY_WORD => OPERATION,
        7 => OF_ALL_PHASES,
        _ => return usize::from(bit) < OF_A_PHASE.len(),
    };
    bits.iter().any(|row| row.0 == bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_has_a_meaning_of_its_own() {
        for word in 1..=7 {
            let none = flags(word, Some(0));
            assert!(none.iter().all(|flag| !flag.is_alarm), "{word}");
            for flag in flags(word, Some(0xffff)) {
                let same = none.iter().filter(|other| other.key() == flag.key());
                assert!(same.count() <= 1, "{}", flag.key());
            }
        }
        assert!(flags(0, Some(1)).is_empty());
        assert!(flags(8, Some(1)).is_empty());
    }

    #[test]
    fn phases_have_words_of_their_own() {
        let set = |word, bits| -> Vec<String> {
            let flags = flags(word, Some(bits));
            let alarms = flags.iter().filter(|flag| flag.is_alarm);
            alarms.map(Flag::key).collect()
        };
        assert_eq!(set(4, 0x0001), ["voltage_loss_a"]);
        assert_eq!(set(5, 0x0180), ["phase_failure_b", "current_interrupted_b"]);
        assert_eq!(set(6, 0x0008), ["current_loss_c"]);
        assert_eq!(
            set(7, 0x0021),
            ["voltage_sequence_reversed", "mains_failure"]
        );
        assert_eq!(set(1, 0x000c), ["clock_battery_low", "reading_battery_low"]);
        assert_eq!(set(7, 0x0600), ["cover_open", "terminal_cover_open"]);
        assert_eq!(
            set(1, 0xff00),
            [
                "control_loop_fault",
                "esam_fault",
                "program_fault",
                "memory_fault",
                "overdraft",
                "clock_fault"
            ]
        );
        assert!(set(2, 0xffff).is_empty() && set(3, 0xff7f).is_empty());
    }

    #[test]
    fn bits_without_a_name_are_shown() {
        assert_eq!(
            words(4, Some(0x8001)),
            "1000000000000001: voltage_loss_a, bit 15"
        );
        assert_eq!(
            words(7, Some(0x0a00)),
            "0000101000000000: cover_open, bit 11"
        );
        assert_eq!(
            words(3, Some(0x0012)),
            "0000000000010010: relay_open, power_supply auxiliary"
        );
    }

    #[test]
    fn the_supply_is_a_word() {
        let supply = |bits| flags(3, bits).last().map(Flag::key);
        assert_eq!(supply(Some(0b010)).as_deref(), Some("power_supply"));
        assert!(words(3, Some(0b100)).ends_with("power_supply battery"));
        assert_eq!(
            supply(Some(0b110)).as_deref(),
            Some("disconnection_warning")
        );
    }
}
