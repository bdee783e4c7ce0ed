//! Random values in the bytes of their fields.
use super::Random;
use super::encode::{Encoder, Expected, Is, length, number, table, text};
use std::fmt::Write as _;
use toml::{Table, Value};

/// One field in a frame.
struct Field<'t> {
    table: &'t Table,
    kind: &'t str,
    at: usize,
    length: usize,
    little: bool,
}

impl Encoder<'_> {
    fn field<'t>(&self, table: &'t Table, frame: &[u8]) -> Field<'t> {
        let at = number(table, "at").unwrap_or(0);
        let from_end = || frame.len() - usize::try_from(-at).expect("small");
        Field {
            table,
            kind: text(table, "type"),
            at: usize::try_from(at).unwrap_or_else(|_| from_end()),
            length: length(table),
            little: match text(table, "endian") {
                "" => self.little,
                endian => endian == "little",
            },
        }
    }

    fn write(field: &Field<'_>, frame: &mut [u8], most_significant_first: &[u8]) {
        for (place, byte) in most_significant_first.iter().enumerate() {
            let place = if field.little {
                field.length - 1 - place
            } else {
                place
            };
            frame[field.at + place] = *byte;
        }
    }

    /// A whole number, as it is.
    pub(super) fn whole(&mut self, table: &Table, frame: &mut [u8], number: i128) {
        let field = self.field(table, frame);
        let bytes = number.to_be_bytes();
        Self::write(&field, frame, &bytes[16 - field.length..]);
    }

    pub(super) fn time(&mut self, clock: &Table, secs: i64, frame: &mut [u8]) {
        if text(clock, "type") == "digits" {
            let zone = jiff::tz::TimeZone::get(text(clock, "zone")).expect("bundled");
            let time = jiff::Timestamp::from_second(secs).expect("in range");
            let time = zone.to_datetime(time);
            let digits = time.strftime("%y%m%d%H%M%S").to_string();
            let field = self.field(clock, frame);
            Self::write(&field, frame, &packed(&digits));
            return;
        }
        let factor = if text(clock, "unit") == "ms" {
            1_000
        } else {
            1
        };
        self.whole(clock, frame, i128::from(secs * factor));
    }

    /// Digits, text or hexadecimal digits: what a decoder must say.
    pub(super) fn name(&mut self, table: &Table, frame: &mut [u8]) -> String {
        let field = self.field(table, frame);
        match field.kind {
            "digits" => {
                let count = self.random.below(2 * field.length + 1);
                let digits: String = (0..count)
                    .map(|_| *self.random.pick(&['0', '5', '9']))
                    .collect();
                let front = self.random.below(2 * field.length - count + 1);
                let mut nibbles = "f".repeat(front) + &digits;
                nibbles += &"f".repeat(2 * field.length - nibbles.len());
                Self::write(&field, frame, &packed(&nibbles));
                digits
            }
            "text" => {
                let pick = |random: &mut Random| *random.pick(b"a7- \0");
                let text: Vec<u8> = (0..field.length).map(|_| pick(self.random)).collect();
                frame[field.at..field.at + field.length].copy_from_slice(&text);
                let text = String::from_utf8(text).expect("ASCII");
                text.trim_matches(['\0', ' ']).to_owned()
            }
            _ => {
                let bytes = self.noise(field.length);
                Self::write(&field, frame, &bytes);
                hex(&bytes)
            }
        }
    }

    pub(super) fn value(
        &mut self,
        value: &Table,
        frame: &mut [u8],
        time: Option<i64>,
        index: usize,
    ) {
        let mut labels = Vec::new();
        for (name, label) in table(value, "labels").into_iter().flatten() {
            let label = label.as_str().expect("a text");
            labels.push((
                name.clone(),
                label.replace("{index}", &(index + 1).to_string()),
            ));
        }
        for (name, label) in table(value, "label").into_iter().flatten() {
            let sent = self.random.below(256);
            self.whole(label.as_table().expect("a field"), frame, sent as i128);
            labels.push((name.clone(), sent.to_string()));
        }
        let mut there = true;
        if let Some(when) = table(value, "when") {
            let sent = *self.random.pick(&[1u8, 3, 3, 2, 0]);
            there = sent % 2 == 1;
            self.whole(when, frame, sent.into());
        }
        let metric = text(value, "metric").to_owned();
        let (is, raw) = match &*metric {
            "firmware_version" => (Is::Text(self.name(value, frame)), None),
            "valve_state" => {
                let words = [(0, "open"), (1, "closed"), (7, "fault")];
                let (sent, word) = *self.random.pick(&words);
                self.whole(value, frame, sent);
                (Is::Text(word.to_owned()), Some(sent.to_string()))
            }
            "leak" => {
                let sent = self.number(value, frame);
                (Is::Flag(sent == 1), None)
            }
            _ => {
                let Some(made) = self.quantity(value, frame) else {
                    return;
                };
                made
            }
        };
        if there {
            self.readings.push(Expected {
                metric,
                is,
                labels,
                time: time.map(|secs| secs * 1_000_000_000),
                raw,
            });
        }
    }

    /// `None`: skipped.
    fn quantity(&mut self, value: &Table, frame: &mut [u8]) -> Option<(Is, Option<String>)> {
        let absent = value.contains_key("absent");
        let kind = text(value, "type");
        if absent && kind == "bcd" && (2..=3).contains(&length(value)) && self.random.one_in(2) {
            let field = self.field(value, frame);
            frame[field.at..field.at + field.length].fill(0xff);
            return Some((Is::Nothing, Some("FF".repeat(field.length))));
        }
        let scaled = value.contains_key("scale") || value.contains_key("offset");
        let rule = |key| value.get(key).map(decimal);
        let (factor, offset) = (
            rule("scale").unwrap_or((1, 0)),
            rule("offset").unwrap_or((0, 0)),
        );
        let places = factor.1.max(offset.1);
        let ten = |count: u32| 10i128.pow(count);
        if kind.starts_with('f') {
            let sent = self.float(value, frame);
            if sent.to_bits() == 1f64.to_bits() && absent {
                return Some((Is::Nothing, None));
            }
            if sent.to_bits() == 1f64.to_bits() && value.contains_key("skip") {
                return None;
            }
            if !scaled {
                return Some((Is::Exactly(sent), None));
            }
            #[expect(clippy::cast_precision_loss, reason = "nearly is enough")]
            let double = |(digits, places): (i128, u32)| digits as f64 / ten(places) as f64;
            return Some((Is::Nearly(sent * double(factor) + double(offset)), None));
        }
        let sent = self.number(value, frame);
        if sent == 1 && absent {
            return Some((Is::Nothing, Some("1".to_owned())));
        }
        if sent == 1 && value.contains_key("skip") {
            return None;
        }
        let sum = sent * factor.0 * ten(places - factor.1) + offset.0 * ten(places - offset.1);
        let is: f64 = format!("{sum}e-{places}").parse().expect("a number");
        let raw = scaled || sent.unsigned_abs() > 1 << 53;
        Some((Is::Exactly(is), raw.then(|| sent.to_string())))
    }

    /// A float that five digits say.
    fn float(&mut self, value: &Table, frame: &mut [u8]) -> f64 {
        let digits = i64::try_from(self.random.below(200_000)).expect("small") - 100_000;
        let text = format!("{digits}e-{}", self.random.below(4));
        let field = self.field(value, frame);
        let number: f64 = text.parse().expect("a number");
        if field.kind == "f32" {
            let float: f32 = text.parse().expect("a number");
            Self::write(&field, frame, &float.to_be_bytes());
        } else {
            Self::write(&field, frame, &number.to_be_bytes());
        }
        number
    }

    /// A whole number that the field can hold, among bits that are not its own.
    fn number(&mut self, value: &Table, frame: &mut [u8]) -> i128 {
        let field = self.field(value, frame);
        let magnitude = text(field.table, "sign") == "magnitude";
        if field.kind == "bcd" {
            let mut digits: String = (0..2 * field.length)
                .map(|_| *self.random.pick(&['0', '0', '1', '2', '7']))
                .collect();
            let mut bytes = packed(&digits);
            if magnitude && self.random.one_in(2) {
                bytes[0] |= 0x80;
                digits.insert(0, '-');
            }
            Self::write(&field, frame, &bytes);
            return digits.parse().expect("digits");
        }
        let all = 8 * field.length;
        let bit = number(field.table, "bit");
        let shift = bit.or(number(field.table, "shift")).unwrap_or(0);
        let shift = usize::try_from(shift).expect("small");
        let bits = match (bit, number(field.table, "mask")) {
            (Some(_), _) => 1,
            (_, Some(mask)) => 64 - usize::try_from(mask.leading_zeros()).expect("small") - shift,
            _ => all - shift,
        };
        let most = (1i128 << bits) - 1;
        let pattern = match self.random.below(5) {
            0 => 0,
            1 => 1,
            2 => most,
            _ => i128::from(self.random.next()) & most,
        };
        let noise = i128::from(self.random.next()) & ((1i128 << all) - 1) & !(most << shift);
        let bytes = (noise | pattern << shift).to_be_bytes();
        Self::write(&field, frame, &bytes[16 - field.length..]);
        let top = 1i128 << (bits - 1);
        match (field.kind.starts_with('i'), pattern >= top) {
            _ if magnitude => (pattern % top) * if pattern >= top { -1 } else { 1 },
            (true, true) => pattern - (1i128 << bits),
            _ => pattern,
        }
    }
}

/// Two digits a byte, upper case.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02X}").expect("memory");
    }
    text
}

/// Two digits a byte.
fn packed(digits: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
    (0..digits.len()).step_by(2).map(pair).collect()
}

/// A number of a profile as digits and decimal places.
fn decimal(value: &Value) -> (i128, u32) {
    let text = match value {
        Value::Float(number) => number.to_string(),
        other => other.to_string(),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = format!("{whole}{fraction}").parse().expect("digits");
    (digits, u32::try_from(fraction.len()).expect("small"))
}
