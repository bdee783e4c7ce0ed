//! The control byte, its functions, and the error byte of a refusal.
//!
//! Bit 7: from the meter; bit 6: it refuses; bit 5: more frames follow; bits 4 to 0: the function
//! (DL/T 645-2007 5.2.4 and 7; 1997 has other functions, which tells the two apart).

/// Which edition a frame is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edition {
    Of1997,
    Of2007,
}

/// Functions that the codec tells apart.
pub(super) mod function {
    pub(crate) const SECURITY: u8 = 0x03;
    pub(crate) const READ: u8 = 0x11;
    pub(crate) const READ_NEXT: u8 = 0x12;
    pub(crate) const READ_ADDRESS: u8 = 0x13;
    pub(crate) const WRITE: u8 = 0x14;
    pub(crate) const PASSWORD: u8 = 0x18;
    pub(crate) const DEMAND_CLEAR: u8 = 0x19;
    pub(crate) const METER_CLEAR: u8 = 0x1a;
    pub(crate) const EVENT_CLEAR: u8 = 0x1b;
    pub(crate) const RELAY: u8 = 0x1c;
    /// Of 1997.
    pub(crate) const OLD_READ: u8 = 0x01;
    pub(crate) const OLD_READ_NEXT: u8 = 0x02;
}

const FUNCTIONS: &[(u8, Edition, &str)] = &[
    (function::OLD_READ, Edition::Of1997, "read"),
    (function::OLD_READ_NEXT, Edition::Of1997, "read next"),
    (function::SECURITY, Edition::Of2007, "security"),
    (0x04, Edition::Of1997, "write"),
    (0x08, Edition::Of2007, "broadcast time"),
    (0x0a, Edition::Of1997, "write address"),
    (0x0c, Edition::Of1997, "baud rate"),
    (0x0f, Edition::Of1997, "change password"),
    (0x10, Edition::Of1997, "demand clear"),
    (function::READ, Edition::Of2007, "read"),
    (function::READ_NEXT, Edition::Of2007, "read next"),
    (function::READ_ADDRESS, Edition::Of2007, "read address"),
    (function::WRITE, Edition::Of2007, "write"),
    (0x15, Edition::Of2007, "write address"),
    (0x16, Edition::Of2007, "freeze"),
    (0x17, Edition::Of2007, "baud rate"),
    (function::PASSWORD, Edition::Of2007, "change password"),
    (function::DEMAND_CLEAR, Edition::Of2007, "demand clear"),
    (function::METER_CLEAR, Edition::Of2007, "meter clear"),
    (function::EVENT_CLEAR, Edition::Of2007, "event clear"),
    (function::RELAY, Edition::Of2007, "relay"),
];

/// Bit by bit, from bit 0 (DL/T 645-2007 C.6).
const ERRORS: [&str; 8] = [
    "other error",
    "no such data",
    "wrong password or not authorised",
    "baud rate cannot be changed",
    "too many time zones of the year",
    "too many periods of the day",
    "too many tariffs",
    "reserved bit 7",
];
const ERRORS_OF_1997: [&str; 8] = [
    "invalid data",
    "no such data identifier",
    "wrong password",
    "reserved bit 3",
    "too many time zones of the year",
    "too many periods of the day",
    "too many tariffs",
    "reserved bit 7",
];

/// The control byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Control(u8);

impl Control {
    pub(super) const fn new(byte: u8) -> Self {
        Self(byte)
    }

    pub(super) const fn is_reply(self) -> bool {
        self.0 & 0x80 != 0
    }

    pub(super) const fn is_refusal(self) -> bool {
        self.0 & 0x40 != 0
    }

    pub(super) const fn has_more(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// Bits 4 to 0.
    pub(super) const fn function(self) -> u8 {
        self.0 & 0x1f
    }

    /// `None`: no function of either.
    pub(super) fn edition(self) -> Option<Edition> {
        self.row().map(|row| row.1)
    }

    /// Bytes of a data identifier in its frames.
    pub(super) fn di_len(self) -> usize {
        if self.edition() == Some(Edition::Of1997) {
            2
        } else {
            4
        }
    }

    /// `read`, `relay`, `function 1d`.
    pub(super) fn name(self) -> String {
        match self.row() {
            Some((_, Edition::Of1997, name)) => format!("{name} (1997)"),
            Some((_, Edition::Of2007, name)) => (*name).to_owned(),
            None => format!("function {:02x}", self.function()),
        }
    }

    /// `reply, read, more frames follow`.
    pub(super) fn words(self) -> String {
        let from = match (self.is_reply(), self.is_refusal()) {
            (true, true) => "refusal",
            (true, false) => "reply",
            (false, _) => "request",
        };
        let more = if self.has_more() {
            ", more frames follow"
        } else {
            ""
        };
        format!("{from}, {}{more}", self.name())
    }

    /// What the bits of a refusal's error byte say: `no such data, too many tariffs`.
    pub(super) fn error_words(self, error: u8) -> String {
        let names = match self.edition() {
            Some(Edition::Of1997) => ERRORS_OF_1997,
            _ => ERRORS,
        };
        let set = (0..).zip(names).filter(|(bit, _)| error >> bit & 1 == 1);
        let words: Vec<&str> = set.map(|(_, name)| name).collect();
        if words.is_empty() {
            return "no error named".to_owned();
        }
        words.join(", ")
    }

    fn row(self) -> Option<&'static (u8, Edition, &'static str)> {
        FUNCTIONS.iter().find(|row| row.0 == self.function())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_bytes_have_words() {
        for (byte, words) in [
            (0x91, "reply, read"),
            (0xb1, "reply, read, more frames follow"),
            (0xd1, "refusal, read"),
            (0x11, "request, read"),
            (0x9c, "reply, relay"),
            (0x81, "reply, read (1997)"),
            (0x9f, "reply, function 1f"),
        ] {
            assert_eq!(Control::new(byte).words(), words);
        }
    }

    #[test]
    fn every_error_bit_has_words() {
        for edition in [0xd1, 0xc1] {
            let control = Control::new(edition);
            let all = control.error_words(0xff);
            assert_eq!(all.split(", ").count(), 8, "{all}");
            for bit in 0..8 {
                let words = control.error_words(1 << bit);
                assert!(all.contains(&words), "{words}");
            }
        }
        assert_eq!(Control::new(0xd1).error_words(0x02), "no such data");
        assert_eq!(Control::new(0xd1).error_words(0), "no error named");
    }
}
