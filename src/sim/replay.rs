//! Rows of a CSV file as messages of devices.
//!
//! Columns are mapped to metrics; mappings with the same suffix share a message, so a row becomes as
//! many messages as there are suffixes. Numbers travel as they stand in the file: the gateway, not
//! the replay, decides what they mean. An empty cell or `NaN` is a missing value; any other text is
//! an error with its line, because a replay that skips what it cannot read proves nothing.
use super::city::expand;
use super::supply::Message;
use super::tally::Tally;
use crate::model::{DeviceId, InvalidDeviceId, Timestamp, TimestampError};
use jiff::tz::TimeZone;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::str::FromStr;
use std::sync::atomic::Ordering::Relaxed;
use tokio::sync::mpsc;

/// A column and the metric that it holds: `COLUMN=METRIC[:UNIT][@SUFFIX]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Name in the file's first line.
    pub column: String,
    /// Catalogue name.
    pub metric: String,
    /// As the column has it; none: the metric's own.
    pub unit: Option<String>,
    /// Added to the device's id after a hyphen; mappings with the same suffix share a message.
    pub suffix: Option<String>,
}

/// Why a text is no [`Mapping`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?}: {rule}; need COLUMN=METRIC[:UNIT][@SUFFIX], such as 'load [kWh]=active_energy_interval:kW.h@electricity'"
)]
pub struct MappingError {
    text: String,
    rule: &'static str,
}

impl FromStr for Mapping {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        let error = |rule| MappingError {
            text: text.to_owned(),
            rule,
        };
        // A column's name may hold anything, a metric's may not: the last `=` parts them.
        let (column, rest) = text
            .rsplit_once('=')
            .ok_or_else(|| error("there is no ="))?;
        let (rest, suffix) = match rest.rsplit_once('@') {
            Some((rest, suffix)) => (rest, Some(suffix)),
            None => (rest, None),
        };
        let (metric, unit) = match rest.split_once(':') {
            Some((metric, unit)) => (metric, Some(unit)),
            None => (rest, None),
        };
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if column.is_empty() {
            return Err(error("the column is empty"));
        }
        if metric.is_empty() || !metric.chars().all(is_name) {
            return Err(error("a metric is of a-z, 0-9 and _"));
        }
        if unit == Some("") {
            return Err(error("the unit is empty"));
        }
        if suffix.is_some_and(|suffix| DeviceId::check(suffix).is_err()) {
            return Err(error("a suffix is of A-Z, a-z, 0-9 and ._:-"));
        }
        Ok(Self {
            column: column.to_owned(),
            metric: metric.to_owned(),
            unit: unit.map(str::to_owned),
            suffix: suffix.map(str::to_owned),
        })
    }
}

/// How a file is read.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Column with the time.
    pub time_column: String,
    /// Column with the device, or a fixed name.
    pub device: Device,
    /// At least one.
    pub mappings: Vec<Mapping>,
    /// For times without an offset.
    pub zone: TimeZone,
    /// strptime format of the time; `None`: RFC 3339 or Unix seconds or milliseconds.
    pub time_format: Option<String>,
    /// Topic with `{device}`.
    pub topic: String,
}

/// Where the device's name comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// A column.
    Column(String),
    /// All rows are one device's.
    Fixed(String),
}

/// Why a file cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The first line lacks a column.
    #[error("there is no column {column:?}; the file has {}", found.join(", "))]
    NoColumn {
        /// As asked for.
        column: String,
        /// As found.
        found: Vec<String>,
    },
    /// A row is wrong.
    #[error("line {line}")]
    Row {
        /// Counted from 1, the names being line 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        source: RowError,
    },
    /// Not CSV, or not readable.
    #[error("cannot read the CSV file")]
    Csv(#[from] csv::Error),
}

/// What is wrong with a row.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// Its time.
    #[error(transparent)]
    Time(#[from] TimestampError),
    /// Its time, by the format given.
    #[error("{text:?} is no time of the format {format:?}")]
    Format {
        /// The cell.
        text: String,
        /// The format.
        format: String,
    },
    /// Its device.
    #[error(transparent)]
    Device(#[from] InvalidDeviceId),
    /// A value.
    #[error("{column:?} is {text:?}: need a number, or nothing")]
    Number {
        /// The column.
        column: String,
        /// The cell, cut to 40 characters.
        text: String,
    },
    /// Too few cells.
    #[error("there is no cell for {column:?}")]
    Short {
        /// The column.
        column: String,
    },
}

/// One message of each row.
#[derive(Debug)]
struct Group {
    suffix: Option<String>,
    /// Place in the row, and mapping.
    cells: Vec<(usize, Mapping)>,
}

/// An open file.
pub struct Replay {
    reader: csv::Reader<Box<dyn Read + Send>>,
    options: ReplayOptions,
    time_at: usize,
    device_at: Option<usize>,
    groups: Vec<Group>,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Replay {
    /// Reads the first line and finds the columns.
    ///
    /// # Errors
    /// A column is missing, or the input is not readable.
    pub fn open(input: Box<dyn Read + Send>, options: ReplayOptions) -> Result<Self, ReplayError> {
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(input);
        let names = reader.headers()?.clone();
        let place = |column: &str| {
            names
                .iter()
                .position(|name| name == column)
                .ok_or_else(|| ReplayError::NoColumn {
                    column: column.to_owned(),
                    found: names.iter().map(|name| format!("{name:?}")).collect(),
                })
        };
        let mut groups: Vec<Group> = Vec::new();
        for mapping in &options.mappings {
            let cell = (place(&mapping.column)?, mapping.clone());
            match groups
                .iter_mut()
                .find(|group| group.suffix == mapping.suffix)
            {
                Some(group) => group.cells.push(cell),
                None => groups.push(Group {
                    suffix: mapping.suffix.clone(),
                    cells: vec![cell],
                }),
            }
        }
        let device_at = match &options.device {
            Device::Column(column) => Some(place(column)?),
            Device::Fixed(_) => None,
        };
        Ok(Self {
            time_at: place(&options.time_column)?,
            device_at,
            groups,
            reader,
            options,
        })
    }

    /// How many messages a row of values gives.
    pub fn messages_per_row(&self) -> usize {
        self.groups.len()
    }

    /// Sends every message to `queue`, and the first row that cannot be read as an error; ends there,
    /// at the end, or when nobody listens. Blocks.
    pub(super) fn read_into(
        mut self,
        queue: &mpsc::Sender<Result<Message, ReplayError>>,
        tally: &Tally,
    ) {
        let (mut row, mut messages) = (csv::StringRecord::new(), Vec::new());
        loop {
            match self.read_row(&mut row, &mut messages) {
                Ok(None) => return,
                Ok(Some(missing)) => tally.missing.fetch_add(missing, Relaxed),
                Err(error) => {
                    // Nobody listens only when the run is over anyway.
                    let _ = queue.blocking_send(Err(error));
                    return;
                }
            };
            for message in messages.drain(..) {
                if queue.blocking_send(Ok(message)).is_err() {
                    return;
                }
            }
        }
    }

    fn read_row(
        &mut self,
        row: &mut csv::StringRecord,
        out: &mut Vec<Message>,
    ) -> Result<Option<u64>, ReplayError> {
        if !self.reader.read_record(row)? {
            return Ok(None);
        }
        let line = row.position().map_or(0, csv::Position::line);
        let missing = self.messages(row, out);
        missing
            .map(Some)
            .map_err(|source| ReplayError::Row { line, source })
    }

    /// The messages of a row; returns how many values are missing.
    fn messages(&self, row: &csv::StringRecord, out: &mut Vec<Message>) -> Result<u64, RowError> {
        let cell = |at: usize, column: &str| {
            row.get(at).ok_or_else(|| RowError::Short {
                column: column.to_owned(),
            })
        };
        let time = self.time(cell(self.time_at, &self.options.time_column)?)?;
        let base = match (&self.options.device, self.device_at) {
            (Device::Column(column), Some(at)) => device_name(cell(at, column)?),
            (Device::Fixed(name) | Device::Column(name), _) => name.clone(),
        };
        let mut missing = 0;
        for group in &self.groups {
            let device = match &group.suffix {
                Some(suffix) => format!("{base}-{suffix}"),
                None => base.clone(),
            };
            DeviceId::check(&device)?;
            let mut payload = format!("{{\"ts\":\"{time}\"");
            let mut values = 0;
            for (at, mapping) in &group.cells {
                let text = cell(*at, &mapping.column)?;
                if text.is_empty() || text.eq_ignore_ascii_case("nan") {
                    missing += 1;
                    continue;
                }
                put_value(&mut payload, mapping, text)?;
                values += 1;
            }
            payload.push('}');
            if values > 0 {
                let mut hasher = DefaultHasher::new();
                device.hash(&mut hasher);
                out.push(Message {
                    topic: expand(&self.options.topic, &device, "", "").into(),
                    payload: payload.into_bytes(),
                    lane: hasher.finish(),
                });
            }
        }
        Ok(missing)
    }

    fn time(&self, text: &str) -> Result<Timestamp, RowError> {
        if let Some(format) = &self.options.time_format {
            let error = || RowError::Format {
                text: text.to_owned(),
                format: format.clone(),
            };
            let wall = jiff::civil::DateTime::strptime(format, text).map_err(|_| error())?;
            let instant = self.options.zone.to_timestamp(wall).map_err(|_| error())?;
            let nanos = i64::try_from(instant.as_nanosecond()).map_err(|_| error())?;
            return Ok(Timestamp::from_nanos(nanos));
        }
        // The same border between seconds and milliseconds as the gateway's.
        Ok(match text.parse::<i64>() {
            Ok(number) if number >= 100_000_000_000 => {
                Timestamp::from_micros(number.saturating_mul(1000))
            }
            Ok(number) => Timestamp::from_secs(number),
            Err(_) => Timestamp::parse(text, &self.options.zone)?,
        })
    }
}

/// A cell as a device id: what no id may hold becomes a hyphen.
fn device_name(cell: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-');
    cell.chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .collect()
}

fn put_value(payload: &mut String, mapping: &Mapping, text: &str) -> Result<(), RowError> {
    let error = || RowError::Number {
        column: mapping.column.clone(),
        text: text.chars().take(40).collect(),
    };
    // As it stands if JSON can say it so (`78.0`); else by way of a number (`+78`, `.5`).
    let number = match serde_json::from_str::<serde_json::Number>(text) {
        Ok(_) => text.to_owned(),
        Err(_) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => number.to_string(),
            _ => return Err(error()),
        },
    };
    // Writing to a String cannot fail.
    let _ = match &mapping.unit {
        Some(unit) => {
            let unit = serde_json::Value::from(unit.as_str());
            write!(
                payload,
                ",\"{}\":{{\"value\":{number},\"unit\":{unit}}}",
                mapping.metric
            )
        }
        None => write!(payload, ",\"{}\":{number}", mapping.metric),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    const CAMBRIDGE: &str = "datetime,building,equipment load [kWh],heating load [kWh]
2019-01-01 00:00:00,UCam_Building_b33,78.0,1.8
2019-01-01 01:00:00,UCam Building/b40,,19.0
";

    fn options() -> ReplayOptions {
        let mapping = |text: &str| text.parse().unwrap();
        ReplayOptions {
            time_column: "datetime".to_owned(),
            device: Device::Column("building".to_owned()),
            mappings: vec![
                mapping("equipment load [kWh]=active_energy_interval:kW.h@electricity"),
                mapping("heating load [kWh]=gas_energy_interval:kW.h@gas"),
            ],
            zone: TimeZone::UTC,
            time_format: None,
            topic: "city/{device}/json".to_owned(),
        }
    }

    fn play(
        text: &'static str,
        options: ReplayOptions,
    ) -> Result<(Vec<Message>, u64), ReplayError> {
        let tally = Tally::default();
        let (sender, mut queue) = mpsc::channel(100);
        Replay::open(Box::new(text.as_bytes()), options)?.read_into(&sender, &tally);
        drop(sender);
        let messages: Result<_, _> = std::iter::from_fn(|| queue.try_recv().ok()).collect();
        Ok((messages?, tally.missing.load(Relaxed)))
    }

    #[test]
    fn a_row_is_a_message_per_suffix() {
        let (messages, missing) = play(CAMBRIDGE, options()).unwrap();
        let shown: Vec<String> = messages
            .iter()
            .map(|m| format!("{} {}", m.topic, String::from_utf8_lossy(&m.payload)))
            .collect();
        assert_eq!(
            shown,
            [
                r#"city/UCam_Building_b33-electricity/json {"ts":"2019-01-01T00:00:00Z","active_energy_interval":{"value":78.0,"unit":"kW.h"}}"#,
                r#"city/UCam_Building_b33-gas/json {"ts":"2019-01-01T00:00:00Z","gas_energy_interval":{"value":1.8,"unit":"kW.h"}}"#,
                r#"city/UCam-Building-b40-gas/json {"ts":"2019-01-01T01:00:00Z","gas_energy_interval":{"value":19.0,"unit":"kW.h"}}"#,
            ]
        );
        assert_eq!(missing, 1);
    }

    #[test]
    fn mappings_without_a_suffix_share_a_message() {
        let mut options = options();
        for mapping in &mut options.mappings {
            mapping.suffix = None;
        }
        let (messages, _) = play(CAMBRIDGE, options).unwrap();
        assert_eq!(messages.len(), 2);
    }

    #[test]
    fn times_follow_zone_format_and_size() {
        let shanghai = TimeZone::get("Asia/Shanghai").unwrap();
        for (cell, format, zone, shown) in [
            (
                "2019-01-01 00:00:00",
                None,
                shanghai,
                "2018-12-31T16:00:00Z",
            ),
            (
                "06-06-16 01:00",
                Some("%d-%m-%y %H:%M"),
                TimeZone::UTC,
                "2016-06-06T01:00:00Z",
            ),
            ("1514764800", None, TimeZone::UTC, "2018-01-01T00:00:00Z"),
            ("1514764800000", None, TimeZone::UTC, "2018-01-01T00:00:00Z"),
        ] {
            let options = ReplayOptions {
                time_format: format.map(str::to_owned),
                zone,
                ..options()
            };
            let replay = Replay::open(Box::new(CAMBRIDGE.as_bytes()), options).unwrap();
            assert_eq!(replay.time(cell).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn wrong_rows_are_errors_with_their_line() {
        for (text, wanted) in [
            (
                "datetime,building,equipment load [kWh],heating load [kWh]\n2019-01-01 00:00:00,b,x,1\n",
                "need a number",
            ),
            (
                "datetime,building,equipment load [kWh],heating load [kWh]\nnever,b,1,1\n",
                "is no time",
            ),
            (
                "datetime,building,equipment load [kWh],heating load [kWh]\n2019-01-01 00:00:00,b,inf,1\n",
                "need a number",
            ),
        ] {
            let Err(ReplayError::Row { line: 2, source }) = play(text, options()) else {
                panic!("{text} was accepted");
            };
            assert!(source.to_string().contains(wanted), "{source}");
        }
        let error = play("datetime,house\n", options()).unwrap_err().to_string();
        assert_eq!(
            error,
            r#"there is no column "equipment load [kWh]"; the file has "datetime", "house""#
        );
    }

    #[test]
    fn mapping_errors_say_the_rule() {
        for (text, rule) in [
            ("load", "there is no ="),
            ("=voltage", "the column is empty"),
            ("load=Volt age", "a metric is of a-z"),
            ("load=voltage:", "the unit is empty"),
            ("load=voltage@a b", "a suffix is of A-Z"),
        ] {
            let error = text.parse::<Mapping>().unwrap_err().to_string();
            assert!(error.contains(rule), "{error}");
        }
        let mapping: Mapping = "a=b [x]=voltage:mV@m".parse().unwrap();
        assert_eq!(
            (mapping.column.as_str(), mapping.unit.as_deref()),
            ("a=b [x]", Some("mV"))
        );
    }
}
