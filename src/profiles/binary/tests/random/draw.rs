//! Random profiles, as text.
use super::Random;
use std::fmt::Write;

/// Fields one after the other in a frame, with gaps; `at = <n>` is filled in when the frame's end is known.
struct Frame<'r> {
    random: &'r mut Random,
    /// `value`, `repeat.value`, `item.value`.
    table: &'static str,
    text: String,
    end: usize,
}

const NUMBERS: [&str; 5] = [
    "voltage",
    "current",
    "air_temperature",
    "active_energy_import",
    "water_volume",
];
const WHOLE: [(&str, usize); 16] = [
    ("u8", 1),
    ("u16", 2),
    ("u24", 3),
    ("u32", 4),
    ("u40", 5),
    ("u48", 6),
    ("u56", 7),
    ("u64", 8),
    ("i8", 1),
    ("i16", 2),
    ("i24", 3),
    ("i32", 4),
    ("i40", 5),
    ("i48", 6),
    ("i56", 7),
    ("i64", 8),
];
const SCALES: [&str; 8] = ["0.1", "0.01", "0.001", "0.5", "2.5", "10", "1000", "-1"];

impl<'r> Frame<'r> {
    fn new(random: &'r mut Random, table: &'static str, end: usize) -> Self {
        Self {
            random,
            table,
            text: String::new(),
            end,
        }
    }

    /// Room for a field.
    fn take(&mut self, length: usize) -> usize {
        if self.random.one_in(4) {
            self.end += 1 + self.random.below(2);
        }
        let at = self.end;
        self.end += length;
        at
    }

    fn endian(&mut self) -> &'static str {
        self.random
            .pick::<&str>(&["", ", endian = 'little'", ", endian = 'big'"])
    }

    /// `at = .., type = ..` and so on for a whole number; gives how many bits it has.
    fn whole(&mut self) -> String {
        let (name, length) = *self.random.pick(&WHOLE);
        let at = self.take(length);
        let mut keys = format!("at = <{at}>, type = '{name}'{}", self.endian());
        let bits = 8 * length;
        match self.random.below(6) {
            0 => {
                let shift = self.random.below(bits - 2);
                let width = 2 + self.random.below(bits - shift - 1);
                let width = width.min(62 - shift.min(60)).max(1);
                let mask = ((1u64 << width) - 1) << shift;
                if i64::try_from(mask).is_ok() {
                    write!(keys, ", mask = {mask:#x}").expect("memory");
                    if shift > 0 {
                        write!(keys, ", shift = {shift}").expect("memory");
                    }
                }
            }
            1 => write!(keys, ", bit = {}", self.random.below(bits)).expect("memory"),
            2 => write!(keys, ", shift = {}", 1 + self.random.below(bits - 2)).expect("memory"),
            3 => keys.push_str(", sign = 'magnitude'"),
            _ => {}
        }
        keys
    }

    fn number(&mut self) -> String {
        match self.random.below(8) {
            0 => {
                let at = self.take(4);
                format!("at = <{at}>, type = 'f32'{}", self.endian())
            }
            1 => {
                let at = self.take(8);
                format!("at = <{at}>, type = 'f64'{}", self.endian())
            }
            2 => {
                let length = 1 + self.random.below(8);
                let at = self.take(length);
                let sign = *self.random.pick(&["", ", sign = 'magnitude'"]);
                format!(
                    "at = <{at}>, type = 'bcd', length = {length}{sign}{}",
                    self.endian()
                )
            }
            _ => self.whole(),
        }
    }

    fn name(&mut self) -> String {
        let length = 1 + self.random.below(9);
        let at = self.take(length);
        let name = *self.random.pick(&["digits", "text", "hex"]);
        let endian = if name == "text" { "" } else { self.endian() };
        format!("at = <{at}>, type = '{name}', length = {length}{endian}")
    }

    /// A number with a scale, words, a flag, a text.
    fn value(&mut self) {
        let mut keys = match self.random.below(10) {
            0 => {
                let at = self.take(1);
                format!(
                    "metric = 'valve_state', at = <{at}>, type = 'u8', \
                     words = {{ '0' = 'open', '1' = 'closed', '7' = 'fault' }}"
                )
            }
            1 => {
                let at = self.take(1);
                let bit = self.random.below(8);
                format!("metric = 'leak', at = <{at}>, type = 'u8', bit = {bit}")
            }
            2 => format!("metric = 'firmware_version', {}", self.name()),
            _ => {
                let metric = *self.random.pick(&NUMBERS);
                let mut keys = format!("metric = '{metric}', {}", self.number());
                if self.random.one_in(2) {
                    write!(keys, ", scale = {}", self.random.pick(&SCALES)).expect("memory");
                    if self.random.one_in(4) {
                        write!(
                            keys,
                            ", offset = {}",
                            self.random.pick(&["-40", "0.25", "1000"])
                        )
                        .expect("memory");
                    }
                }
                match self.random.below(6) {
                    0 => keys.push_str(", absent = [1, 'FFFF', 'FFFFFF']"),
                    1 => keys.push_str(", skip = 1"),
                    _ => {}
                }
                keys
            }
        };
        if self.random.one_in(4) {
            let label = if self.table == "repeat.value" {
                "labels = { channel = 'c{index}' }"
            } else {
                "labels = { phase = 'a' }"
            };
            write!(keys, ", {label}").expect("memory");
        }
        if self.random.one_in(6) {
            let at = self.take(1);
            write!(
                keys,
                ", label = {{ tariff = {{ at = <{at}>, type = 'u8' }} }}"
            )
            .expect("memory");
        }
        if self.random.one_in(6) {
            let at = self.take(1);
            write!(keys, ", when = {{ at = <{at}>, type = 'u8', is = [1, 3] }}").expect("memory");
        }
        writeln!(self.text, "[[{}]]\nx = {{ {keys} }}", self.table).expect("memory");
    }

    fn values(&mut self, most: usize) {
        for _ in 0..=self.random.below(most) {
            self.value();
        }
    }

    fn clock(&mut self, table: &str) {
        let keys = match self.random.below(4) {
            0 => format!("at = <{}>, type = 'u32', unit = 's'", self.take(4)),
            1 => format!("at = <{}>, type = 'u48', unit = 'ms'", self.take(6)),
            2 => format!("at = <{}>, type = 'u32'", self.take(4)),
            _ => format!(
                "at = <{}>, type = 'digits', length = 6, format = '%y%m%d%H%M%S', \
                 zone = 'Asia/Shanghai'",
                self.take(6)
            ),
        };
        let endian = self.endian();
        writeln!(self.text, "[{table}]\nx = {{ {keys}{endian} }}").expect("memory");
    }

    /// With places counted from the frame's first byte, or from `end`.
    fn finish(self, end: Option<usize>) -> (String, usize) {
        let mut text = String::new();
        for (at, part) in self.text.split('<').enumerate() {
            match part.split_once('>').filter(|_| at > 0) {
                None => text.push_str(part),
                Some((place, rest)) => {
                    let place: i64 = place.parse().expect("a place");
                    let from = end.map_or(0, |end| i64::try_from(end).expect("small"));
                    write!(text, "{}{rest}", place - from).expect("memory");
                }
            }
        }
        (inline(&text), self.end)
    }
}

/// `x = { a, b }` becomes the lines of its table.
fn inline(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let Some(keys) = line
            .strip_prefix("x = { ")
            .and_then(|rest| rest.strip_suffix(" }"))
        else {
            lines.push(line.to_owned());
            continue;
        };
        let (mut depth, mut key) = (0, String::new());
        for c in keys.chars() {
            match c {
                '{' | '[' => depth += 1,
                '}' | ']' => depth -= 1,
                ',' if depth == 0 => {
                    lines.push(std::mem::take(&mut key).trim().to_owned());
                    continue;
                }
                _ => {}
            }
            key.push(c);
        }
        lines.push(key.trim().to_owned());
    }
    lines.join("\n") + "\n"
}

/// A whole profile, without name and version.
pub(super) fn layout(random: &mut Random) -> String {
    let mut text = format!(
        "encoding = '{}'\nendian = '{}'\n",
        random.pick(&["bytes", "hex", "base64"]),
        random.pick(&["big", "little"])
    );
    let tail = tail(random);
    let mut head = Frame::new(random, "value", 0);
    if head.random.one_in(2) {
        let keys = head.name();
        writeln!(head.text, "[device]\nx = {{ {keys}, prefix = 'p:' }}").expect("memory");
    }
    if head.random.one_in(2) {
        head.clock("time");
    }
    head.values(4);
    let list = match head.random.below(5) {
        0 => String::new(),
        1 | 2 => repeat(&mut head, tail.1),
        _ => items(&mut head, tail.1),
    };
    let (head, end) = head.finish(None);
    text.push_str(&head);
    text.push_str(&list.replace("<end>", &end.to_string()));
    text.push_str(&tail.0);
    text
}

/// Values that are counted from the payload's end, and how many bytes they are.
fn tail(random: &mut Random) -> (String, usize) {
    if random.one_in(2) {
        return (String::new(), 0);
    }
    let mut tail = Frame::new(random, "value", 0);
    tail.values(2);
    let end = tail.end;
    tail.finish(Some(end))
}

fn repeat(head: &mut Frame<'_>, behind: usize) -> String {
    let count = match head.random.below(3) {
        0 => "count = 'rest'".to_owned(),
        1 => "count = 2".to_owned(),
        _ => {
            let name = *head.random.pick(&["u8", "u16"]);
            format!("count = {{ at = {}, type = '{name}' }}", head.take(2))
        }
    };
    let dated = head.text.contains("[time]");
    let step = match head.random.below(4) {
        _ if !dated => String::new(),
        0 => "step = '-15min'\n".to_owned(),
        1 => format!(
            "step = {{ at = {}, type = 'u8', unit = 'min', back = true }}\n",
            head.take(1)
        ),
        _ => String::new(),
    };
    let mut record = Frame::new(head.random, "repeat.value", 0);
    if step.is_empty() && record.random.one_in(2) {
        record.clock("repeat.time");
    }
    record.values(3);
    let (record, size) = record.finish(None);
    format!("[[repeat]]\nat = <end>\nsize = {size}\nbehind = {behind}\n{count}\n{step}{record}")
}

fn items(head: &mut Frame<'_>, behind: usize) -> String {
    let key = 1 + head.random.below(4);
    let length = *head
        .random
        .pick(&["", "length = 'u8'\n", "length = 'u16'\n"]);
    let bytes = if head.random.one_in(3) {
        format!("bytes = {{ at = {}, type = 'u16' }}\n", head.take(2))
    } else {
        String::new()
    };
    let mut text = format!("[items]\nat = <end>\nbehind = {behind}\nkey = {key}\n{length}{bytes}");
    for at in 0..=head.random.below(4) {
        let mut item = Frame::new(head.random, "item.value", 0);
        if item.random.one_in(4) {
            item.clock("item.time");
        }
        item.values(2);
        let (item, size) = item.finish(None);
        let digits = format!("{:0width$x}", 0xa0 + at, width = 2 * key);
        let size = if length.is_empty() {
            format!("size = {size}\n")
        } else {
            String::new()
        };
        write!(text, "[[item]]\nkey = '{digits}'\n{size}{item}").expect("memory");
    }
    text
}
