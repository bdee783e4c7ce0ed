//! Payloads of random values, by the text of a profile.
use super::Random;
use base64::Engine;
use toml::{Table, Value};

/// One reading that must come out.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) metric: String,
    pub(super) is: Is,
    pub(super) labels: Vec<(String, String)>,
    /// Nanoseconds since 1970.
    pub(super) time: Option<i64>,
    /// What must be recoverable; `None`: not compared.
    pub(super) raw: Option<String>,
}

#[derive(Debug)]
pub(super) enum Is {
    Exactly(f64),
    /// A float that was scaled.
    Nearly(f64),
    Flag(bool),
    Text(String),
    Nothing,
}

pub(super) struct Encoded {
    pub(super) payload: Vec<u8>,
    /// Before `encoding`.
    pub(super) bytes: Vec<u8>,
    pub(super) device: Option<String>,
    pub(super) readings: Vec<Expected>,
}

/// One field in a frame.
struct Field<'t> {
    table: &'t Table,
    kind: &'t str,
    at: usize,
    length: usize,
    little: bool,
}

fn text<'t>(table: &'t Table, key: &str) -> &'t str {
    table.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(table: &Table, key: &str) -> Option<i64> {
    table.get(key)?.as_integer()
}

fn size(table: &Table, key: &str) -> usize {
    number(table, key).map_or(0, |number| usize::try_from(number).expect("small"))
}

fn table<'t>(table: &'t Table, key: &str) -> Option<&'t Table> {
    table.get(key)?.as_table()
}

fn tables<'t>(table: &'t Table, key: &str) -> Vec<&'t Table> {
    let all = table.get(key).and_then(Value::as_array);
    all.map_or(Vec::new(), |all| {
        all.iter().filter_map(Value::as_table).collect()
    })
}

/// Bytes of a field.
fn length(table: &Table) -> usize {
    match text(table, "type") {
        "f32" => 4,
        "f64" => 8,
        "bcd" | "digits" | "text" | "hex" => size(table, "length"),
        whole => whole[1..].parse::<usize>().expect("bits") / 8,
    }
}

/// The bytes from the front and from the back that the fields of some tables take.
fn extent(value: &Value) -> (usize, usize) {
    let inner: Vec<&Value> = match value {
        Value::Table(table) => table.values().collect(),
        Value::Array(all) => all.iter().collect(),
        _ => Vec::new(),
    };
    let mut found = inner.into_iter().map(extent).fold((0, 0), max);
    if let Some(table) = value.as_table().filter(|table| table.contains_key("type")) {
        let at = number(table, "at").expect("at");
        found = max(
            found,
            match usize::try_from(at) {
                Ok(at) => (at + length(table), 0),
                Err(_) => (0, usize::try_from(-at).expect("small")),
            },
        );
    }
    found
}

fn max(one: (usize, usize), other: (usize, usize)) -> (usize, usize) {
    (one.0.max(other.0), one.1.max(other.1))
}

struct Encoder<'r> {
    random: &'r mut Random,
    little: bool,
    readings: Vec<Expected>,
}

/// A payload for a profile.
pub(super) fn payload(profile: &Table, random: &mut Random) -> Encoded {
    let mut encoder = Encoder {
        random,
        little: text(profile, "endian") == "little",
        readings: Vec::new(),
    };
    let repeat = tables(profile, "repeat").first().copied();
    let items = table(profile, "items");
    let outer = ["value", "time", "device"].map(|key| profile.get(key));
    let (front, back) = outer.into_iter().flatten().map(extent).fold((0, 0), max);
    // The list's length and count come before its readings do.
    let base = table(profile, "time").map(|_| encoder.secs());
    let mut listed = Vec::new();
    let head = std::mem::take(&mut encoder.readings);
    let mut notes = Vec::new();
    if let Some(repeat) = repeat {
        listed = encoder.records(repeat, base, &mut notes);
    }
    if let Some(items) = items {
        listed = encoder.items(items, &tables(profile, "item"), base, &mut notes);
    }
    let behind_list = std::mem::replace(&mut encoder.readings, head);
    let list = repeat.or(items);
    let total = list.map_or(front + back, |list| {
        size(list, "at") + listed.len() + size(list, "behind")
    });
    let mut bytes = encoder.noise(total);
    if let Some(list) = list {
        let at = size(list, "at");
        bytes[at..at + listed.len()].copy_from_slice(&listed);
    }
    for (note, number) in notes {
        encoder.whole(note, &mut bytes, i128::from(number));
    }
    let device = table(profile, "device").and_then(|device| {
        let name = encoder.name(device, &mut bytes);
        let name = name.trim();
        (!name.is_empty()).then(|| format!("{}{name}", text(device, "prefix")))
    });
    if let (Some(clock), Some(secs)) = (table(profile, "time"), base) {
        encoder.time(clock, secs, &mut bytes);
    }
    for value in tables(profile, "value") {
        encoder.value(value, &mut bytes, base, 0);
    }
    encoder.readings.extend(behind_list);
    let payload = match text(profile, "encoding") {
        "hex" => bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
            .into_bytes(),
        "base64" => base64::engine::general_purpose::STANDARD
            .encode(&bytes)
            .into_bytes(),
        _ => bytes.clone(),
    };
    Encoded {
        payload,
        bytes,
        device,
        readings: encoder.readings,
    }
}

impl Encoder<'_> {
    /// Bytes that no field has a right to.
    fn noise(&mut self, count: usize) -> Vec<u8> {
        (0..count)
            .map(|_| self.random.next().to_le_bytes()[0])
            .collect()
    }

    /// Seconds since 1970, of a device that is not older than its kind.
    fn secs(&mut self) -> i64 {
        1_500_000_000 + i64::try_from(self.random.below(300_000_000)).expect("small")
    }

    fn records<'t>(
        &mut self,
        repeat: &'t Table,
        base: Option<i64>,
        notes: &mut Vec<(&'t Table, u64)>,
    ) -> Vec<u8> {
        let mut count = self.random.below(4);
        if let Some(fixed) = number(repeat, "count") {
            count = usize::try_from(fixed).expect("small");
        }
        if let Some(field) = table(repeat, "count") {
            notes.push((field, count as u64));
        }
        let mut step_secs = if text(repeat, "step").is_empty() {
            0
        } else {
            -900
        };
        if let Some(field) = table(repeat, "step") {
            let minutes = self.random.below(256);
            notes.push((field, minutes as u64));
            step_secs = -60 * i64::try_from(minutes).expect("small");
        }
        let mut all = Vec::new();
        for index in 0..count {
            let mut record = self.noise(size(repeat, "size"));
            let mut time = base.map(|base| base + step_secs * i64::try_from(index).expect("small"));
            if let Some(clock) = table(repeat, "time") {
                let secs = self.secs();
                self.time(clock, secs, &mut record);
                time = Some(secs);
            }
            for value in tables(repeat, "value") {
                self.value(value, &mut record, time, index);
            }
            all.extend(record);
        }
        all
    }

    fn items<'t>(
        &mut self,
        items: &'t Table,
        known: &[&Table],
        base: Option<i64>,
        notes: &mut Vec<(&'t Table, u64)>,
    ) -> Vec<u8> {
        let mut all = Vec::new();
        for _ in 0..self.random.below(6) {
            let length = text(items, "length");
            let strange = !length.is_empty() && self.random.one_in(4);
            let key = size(items, "key");
            let item = *self.random.pick(known);
            let mut digits = text(item, "key").to_owned();
            let mut data = if strange {
                digits = "01".repeat(key);
                let count = self.random.below(5);
                self.noise(count)
            } else if length.is_empty() {
                self.noise(size(item, "size"))
            } else {
                let end = item.values().map(extent).fold((0, 0), max).0;
                let more = self.random.below(3);
                self.noise(end + more)
            };
            if !strange {
                let mut time = base;
                if let Some(clock) = table(item, "time") {
                    let secs = self.secs();
                    self.time(clock, secs, &mut data);
                    time = Some(secs);
                }
                for value in tables(item, "value") {
                    self.value(value, &mut data, time, 0);
                }
            }
            for pair in 0..key {
                all.push(u8::from_str_radix(&digits[2 * pair..2 * pair + 2], 16).expect("hex"));
            }
            let count = u16::try_from(data.len()).expect("small");
            match (length, self.little) {
                ("u8", _) => all.push(count.to_le_bytes()[0]),
                ("u16", true) => all.extend(count.to_le_bytes()),
                ("u16", false) => all.extend(count.to_be_bytes()),
                _ => {}
            }
            all.extend(data);
        }
        if let Some(field) = table(items, "bytes") {
            notes.push((field, all.len() as u64));
        }
        all
    }

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
    fn whole(&mut self, table: &Table, frame: &mut [u8], number: i128) {
        let field = self.field(table, frame);
        let bytes = number.to_be_bytes();
        Self::write(&field, frame, &bytes[16 - field.length..]);
    }

    fn time(&mut self, clock: &Table, secs: i64, frame: &mut [u8]) {
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
    fn name(&mut self, table: &Table, frame: &mut [u8]) -> String {
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
                bytes.iter().map(|byte| format!("{byte:02X}")).collect()
            }
        }
    }

    fn value(&mut self, value: &Table, frame: &mut [u8], time: Option<i64>, index: usize) {
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
