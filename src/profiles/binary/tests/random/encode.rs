//! Payloads of random values, by the text of a profile.
use super::Random;
use super::values::hex;
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

pub(super) fn text<'t>(table: &'t Table, key: &str) -> &'t str {
    table.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn number(table: &Table, key: &str) -> Option<i64> {
    table.get(key)?.as_integer()
}

pub(super) fn size(table: &Table, key: &str) -> usize {
    number(table, key).map_or(0, |number| usize::try_from(number).expect("small"))
}

pub(super) fn table<'t>(table: &'t Table, key: &str) -> Option<&'t Table> {
    table.get(key)?.as_table()
}

pub(super) fn tables<'t>(table: &'t Table, key: &str) -> Vec<&'t Table> {
    let all = table.get(key).and_then(Value::as_array);
    all.map_or(Vec::new(), |all| {
        all.iter().filter_map(Value::as_table).collect()
    })
}

/// Bytes of a field.
pub(super) fn length(table: &Table) -> usize {
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

pub(super) struct Encoder<'r> {
    pub(super) random: &'r mut Random,
    pub(super) little: bool,
    pub(super) readings: Vec<Expected>,
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
        "hex" => hex(&bytes).to_lowercase().into_bytes(),
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
    pub(super) fn noise(&mut self, count: usize) -> Vec<u8> {
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
            // 0 is no step: records that are nothing apart are refused.
            let minutes = 1 + self.random.below(255);
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
}
