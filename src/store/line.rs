//! Line protocol: reports to lines.
//!
//! ```text
//! meter,device=em-1,district=370102,kind=meter.electricity,phase=a voltage=230.4,current=5.1 1800000000000000000
//! `kind's first part, tags in order of their names               `a field per metric           `observed_at, ns
//! ```
//! Readings of one report that follow each other with the same labels and time share a line. A BAD
//! value is `<metric>_bad`; unless GOOD there is `<metric>_quality`, which is all that a reading
//! without a value leaves. Numbers are always floats (`5`, not `5i`), whatever the value.
//!
//! What line protocol cannot carry is changed, so that no line spoils its neighbours: a line break
//! becomes a space in a tag, and `\n` (two characters) in a text; a backslash in a tag becomes a slash,
//! because servers read it differently (before a blank it makes `VictoriaMetrics` drop the line without
//! a word, at the end of a tag it escapes what follows); a tag that is empty is left out.
use crate::model::wire::Fields;
use crate::model::{Quality, ReadingView, ReportView, Timestamp, Value};

/// Fields of one line: the search for a repeated metric stays short.
const FIELDS_MAX: usize = 32;
/// Labels of one reading: the closed set has five. Further ones, of another gateway, are left out.
const LABELS_MAX: usize = 16;
/// Names that a label cannot have as a tag: those of the gateway's own tags, and those that
/// `InfluxDB` keeps for itself. Such a label's tag gets `label_` before its name.
const TAKEN: [&str; 6] = [
    "device",
    "district",
    "kind",
    "time",
    "_measurement",
    "_field",
];
/// Times that `InfluxDB` takes: the ends of 64 bits are its own.
const NANOS_MIN: i64 = i64::MIN + 2;
const NANOS_MAX: i64 = i64::MAX - 1;
/// Below it a whole number is written without an exponent.
const WHOLE_MAX: f64 = 1e15;

/// What became of a report's readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// On a line.
    pub readings: u64,
    /// Nothing of them can be written: neither value nor quality, or they cannot be read.
    pub skipped: u64,
    /// Lines.
    pub lines: usize,
}

/// Readings of a report's message, as far as it can be read: an independent count.
pub fn count(report: &[u8]) -> u64 {
    let mut fields = Fields::new(report);
    let mut readings = 0;
    while let Ok(Some((field, _))) = fields.next() {
        readings += u64::from(field == 8);
    }
    readings
}

/// The line being written.
struct Line<'a> {
    first: ReadingView<'a>,
    metrics: [&'a str; FIELDS_MAX],
    fields: usize,
}

impl<'a> Line<'a> {
    /// Can this reading go on it, too?
    fn takes(&self, reading: &ReadingView<'a>) -> bool {
        let metrics = self.metrics.get(..self.fields).unwrap_or_default();
        self.fields < FIELDS_MAX
            && self.first.observed_at == reading.observed_at
            && self.first.labels == reading.labels
            && !metrics.contains(&reading.metric)
    }
}

/// Writes reports; keeps its memory.
#[derive(Debug, Default)]
pub struct Encoder {
    /// Measurement and tags of a reading without labels, a space at the end.
    head: Vec<u8>,
}

impl Encoder {
    /// Appends the lines of a report to `out`, and how many readings each has to `readings`.
    pub fn report(
        &mut self,
        report: &ReportView<'_>,
        out: &mut Vec<u8>,
        readings: &mut Vec<u32>,
    ) -> Written {
        let mut written = Written::default();
        self.head.clear();
        put_head(&mut self.head, report, &mut []);
        let mut open: Option<Line<'_>> = None;
        for reading in report.readings() {
            let reading = match reading {
                Ok(reading) if leaves_something(&reading) => reading,
                _ => {
                    written.skipped += 1;
                    continue;
                }
            };
            written.readings += 1;
            let line = match &mut open {
                Some(line) if line.takes(&reading) => {
                    out.push(b',');
                    if let Some(last) = readings.last_mut() {
                        *last += 1;
                    }
                    line
                }
                _ => {
                    if let Some(line) = &open {
                        end(out, line.first.observed_at);
                    }
                    self.begin(out, report, &reading);
                    readings.push(1);
                    written.lines += 1;
                    open.insert(Line {
                        first: reading.clone(),
                        metrics: [""; FIELDS_MAX],
                        fields: 0,
                    })
                }
            };
            put_fields(out, &reading);
            if let Some(place) = line.metrics.get_mut(line.fields) {
                *place = reading.metric;
            }
            line.fields += 1;
        }
        if let Some(line) = &open {
            end(out, line.first.observed_at);
        }
        written
    }

    fn begin(&self, out: &mut Vec<u8>, report: &ReportView<'_>, reading: &ReadingView<'_>) {
        if reading.labels.is_empty() {
            out.extend_from_slice(&self.head);
            return;
        }
        let mut labels = [("", ""); LABELS_MAX];
        let mut count = 0;
        for (place, label) in labels.iter_mut().zip(reading.labels.iter()) {
            *place = label;
            count += 1;
        }
        put_head(out, report, labels.get_mut(..count).unwrap_or_default());
    }
}

fn leaves_something(reading: &ReadingView<'_>) -> bool {
    let has_value = match &reading.value {
        Value::Number(number) => number.is_finite(),
        Value::Flag(_) | Value::Text(_) => true,
        Value::Absent => false,
    };
    !reading.metric.is_empty() && (has_value || quality(reading).is_some())
}

/// The text of the quality field; `None`: there is none.
const fn quality(reading: &ReadingView<'_>) -> Option<&'static str> {
    match reading.quality {
        None | Some(Quality::Good) => None,
        Some(Quality::Uncertain) => Some("UNCERTAIN"),
        Some(Quality::Bad) => Some("BAD"),
        Some(Quality::NotAvailable) => Some("NOT_AVAILABLE"),
    }
}

/// Measurement and tags, those sorted by name, and a space.
fn put_head(out: &mut Vec<u8>, report: &ReportView<'_>, labels: &mut [(&str, &str)]) {
    let kind = if report.kind.is_empty() {
        "unknown"
    } else {
        report.kind
    };
    let measurement = kind.split('.').next().unwrap_or(kind);
    put_escaped(out, measurement, b", ");
    let mut own = [
        ("device", report.device_id),
        ("district", report.district),
        ("kind", kind),
    ]
    .into_iter()
    .peekable();
    labels.sort_by(|(a, _), (b, _)| (tag_order(a), *a).cmp(&(tag_order(b), *b)));
    for (at, (name, value)) in labels.iter().enumerate() {
        while let Some((name, value)) = own.next_if(|(own, _)| (*own, "") < tag_order(name)) {
            put_tag(out, "", name, value);
        }
        // Of two values for one name the later counts, as in protobuf's maps.
        if labels.get(at + 1).is_none_or(|(next, _)| next != name) {
            put_tag(out, tag_order(name).1, name, value);
        }
    }
    for (name, value) in own {
        put_tag(out, "", name, value);
    }
    out.push(b' ');
}

/// By what a label's tag is sorted, and what comes before its name. (`label_` sorts the taken names
/// together; that order only spares the store some work.)
fn tag_order(name: &str) -> (&str, &'static str) {
    if TAKEN.contains(&name) {
        ("label_", "label_")
    } else {
        (name, "")
    }
}

fn put_tag(out: &mut Vec<u8>, prefix: &str, name: &str, value: &str) {
    if name.is_empty() || value.is_empty() {
        return;
    }
    out.push(b',');
    out.extend_from_slice(prefix.as_bytes());
    put_escaped(out, name, b",= ");
    out.push(b'=');
    put_escaped(out, value, b",= ");
}

/// `text` with a backslash before each of `special`, a slash for its own and spaces for line breaks.
fn put_escaped(out: &mut Vec<u8>, text: &str, special: &[u8]) {
    // Nearly every name and value is plain.
    if text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
    {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for byte in text.bytes() {
        let byte = match byte {
            b'\\' => b'/',
            byte if byte.is_ascii_control() => b' ',
            byte => byte,
        };
        if special.contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

/// The fields of one reading: value, quality, or both.
fn put_fields(out: &mut Vec<u8>, reading: &ReadingView<'_>) {
    let metric = reading.metric;
    let before = out.len();
    let suffix = if reading.quality == Some(Quality::Bad) {
        "_bad="
    } else {
        "="
    };
    let name = |out: &mut Vec<u8>| {
        put_escaped(out, metric, b",= ");
        out.extend_from_slice(suffix.as_bytes());
    };
    match &reading.value {
        Value::Number(number) if number.is_finite() => {
            name(out);
            put_number(out, *number);
        }
        Value::Number(_) | Value::Absent => {}
        Value::Flag(flag) => {
            name(out);
            out.extend_from_slice(if *flag { b"true" } else { b"false" });
        }
        Value::Text(text) => {
            name(out);
            put_text(out, text);
        }
    }
    if let Some(quality) = quality(reading) {
        if out.len() > before {
            out.push(b',');
        }
        put_escaped(out, metric, b",= ");
        out.extend_from_slice(b"_quality=");
        put_text(out, quality);
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\\\n"),
            b'\r' => out.extend_from_slice(b"\\\\r"),
            b'\0' => out.extend_from_slice(b"\\\\0"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn put_number(out: &mut Vec<u8>, number: f64) {
    // Whole numbers are most of what registers say, and half the work.
    let is_whole = number.fract() == 0.0 && number.abs() < WHOLE_MAX;
    #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
    let whole = number as i64;
    if is_whole && (whole != 0 || number.is_sign_positive()) {
        out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    } else {
        out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    }
}

fn end(out: &mut Vec<u8>, time: Timestamp) {
    out.push(b' ');
    let nanos = time.as_nanos().clamp(NANOS_MIN, NANOS_MAX);
    out.extend_from_slice(itoa::Buffer::new().format(nanos).as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests;
