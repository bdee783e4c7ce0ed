//! Rows of a CSV file as messages of devices.
//!
//! Columns are mapped to metrics; mappings with the same suffix share a message, so a row becomes as
//! many messages as there are suffixes. Numbers travel as they stand in the file: the gateway, not
//! the replay, decides what they mean. An empty cell or `NaN` is a missing value; any other text is
//! an error with its line, because a replay that skips what it cannot read proves nothing.
use super::mapping::Mapping;
use super::message::{Lane, Message, Split};
use super::tally::Tally;
use crate::model::{DeviceId, InvalidDeviceId, Timestamp, TimestampError};
use jiff::tz::TimeZone;
use std::fmt::Write;
use std::io::Read;
use std::sync::atomic::Ordering::Relaxed;
use tokio::sync::mpsc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

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
    /// Which device sends where.
    pub split: Split,
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
                let (target, topic) = self.options.split.place(&device, "", "", false);
                out.push(Message {
                    target,
                    // Not the hash that chose the target, or only every other lane would be used.
                    lane: Lane::Shared(xxh3_64_with_seed(device.as_bytes(), 1)),
                    device: device.into(),
                    topic,
                    payload: payload.into_bytes(),
                    opaque: false,
                    sleepy: false,
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
mod tests;
