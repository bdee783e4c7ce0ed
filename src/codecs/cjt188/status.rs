//! The status ST: two bytes, of which the first one has three bits in the standard and the rest is the vendor's.
use crate::codecs::dialect::StatusBits;

/// What the first byte of ST says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status {
    /// The metric's word; `None`: bits that have no meaning.
    pub(super) valve: Option<&'static str>,
    pub(super) battery_low: bool,
}

/// Reads the first byte; `None`: this model's means nothing.
pub(super) const fn read(byte: u8, bits: StatusBits) -> Option<Status> {
    let (valve, battery) = match bits {
        StatusBits::Standard => (byte & 0b11, byte & 0b100),
        StatusBits::Mirrored => (byte.reverse_bits() & 0b11, byte.reverse_bits() & 0b100),
        StatusBits::High => (byte >> 6, byte & 0b10_0000),
        // A fault says more than where the valve stands.
        StatusBits::Flags => (
            if byte & 0b10 == 0 { byte & 0b1 } else { 0b11 },
            byte & 0b100,
        ),
        StatusBits::Ignored => return None,
    };
    let valve = match valve {
        0b00 => Some("open"),
        0b01 => Some("closed"),
        0b11 => Some("fault"),
        _ => None,
    };
    Some(Status {
        valve,
        battery_low: battery != 0,
    })
}

/// All FF: the meter has no status. Every bit of it would be an alarm.
pub(super) fn is_absent(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| *byte == 0xFF)
}

impl Status {
    /// The alarms that are set.
    pub(super) fn alarms(self) -> impl Iterator<Item = &'static str> {
        let valve = (self.valve == Some("fault")).then_some("valve_fault");
        valve
            .into_iter()
            .chain(self.battery_low.then_some("battery_low"))
    }

    /// For a person: "valve closed, battery low".
    pub(super) fn words(self) -> String {
        let battery = if self.battery_low {
            ", battery low"
        } else {
            ""
        };
        format!("valve {}{battery}", self.valve.unwrap_or("?"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reading_has_its_bits() {
        let words = |byte, bits| read(byte, bits).map(Status::words);
        let table = [
            (StatusBits::Standard, 0x04, "valve open, battery low"),
            (StatusBits::Standard, 0x21, "valve closed"),
            (StatusBits::Standard, 0x02, "valve ?"),
            (StatusBits::Standard, 0x03, "valve fault"),
            (StatusBits::Mirrored, 0x80, "valve closed"),
            (StatusBits::Mirrored, 0xE0, "valve fault, battery low"),
            (StatusBits::Mirrored, 0x07, "valve open"),
            // xijunzhou/sdqr_energy_node, Src/meter/cj188.h: masks C0 and 20, 40 is closed.
            (StatusBits::High, 0x40, "valve closed"),
            (StatusBits::High, 0xC0, "valve fault"),
            (StatusBits::High, 0x20, "valve open, battery low"),
            // shiyuecamus/ng-gateway: D0 closed, D1 fault, D2 battery.
            (StatusBits::Flags, 0x01, "valve closed"),
            (StatusBits::Flags, 0x02, "valve fault"),
            (StatusBits::Flags, 0x07, "valve fault, battery low"),
        ];
        for (bits, byte, expected) in table {
            assert_eq!(
                words(byte, bits).as_deref(),
                Some(expected),
                "{bits:?} {byte:02x}"
            );
        }
        assert_eq!(words(0xFF, StatusBits::Ignored), None);
    }
}
