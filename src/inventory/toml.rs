//! Rows out of TOML, for small sites: `[[device]]` with the columns as keys.
use super::column::{Cells, Column};
use super::read::{Builder, FIELD_BYTES_MAX};
use super::value;
use std::borrow::Cow;
use toml::de::{DeTable, DeValue};

/// Bytes of such a file: all of it is held in memory while it is read, several times over.
pub(super) const FILE_BYTES_MAX: u64 = 64 << 20;

/// Reads all rows of a text.
pub(super) fn read(text: &str, builder: &mut Builder<'_>) {
    let starts: Vec<usize> = std::iter::once(0)
        .chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1))
        .collect();
    let line = |offset: usize| starts.partition_point(|start| *start <= offset).max(1);
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let at = error.span().map_or(1, |span| line(span.start));
            builder
                .problems
                .note(at, "TOML", "(wrong)", error.message());
            return;
        }
    };
    for (key, value) in table.get_ref() {
        let at = line(key.span().start);
        if key.get_ref() != "device" {
            let rule = value::unknown("unknown key", key.get_ref(), ["device"].into_iter());
            builder.problems.note(at, "key", key.get_ref(), &rule);
            continue;
        }
        let DeValue::Array(devices) = value.get_ref() else {
            builder
                .problems
                .note(at, "device", "(no list)", "must be tables: [[device]]");
            continue;
        };
        for device in devices {
            if !builder.has_room() {
                return;
            }
            let at = line(device.span().start);
            match device.get_ref() {
                DeValue::Table(table) => row(at, table, &line, builder),
                _ => {
                    builder
                        .problems
                        .note(at, "device", "(no table)", "must be tables: [[device]]");
                }
            }
        }
    }
}

fn row(at: usize, table: &DeTable<'_>, line: &impl Fn(usize) -> usize, builder: &mut Builder<'_>) {
    let mut texts: Vec<(Column, Cow<'_, str>)> = Vec::new();
    for (key, value) in table {
        let name = key.get_ref();
        let at = line(key.span().start);
        let Some(column) = Column::of(name) else {
            let names = Column::ALL.iter().map(|column| column.name());
            let rule = value::unknown("unknown key", &name.to_ascii_lowercase(), names);
            builder.problems.note(at, "key", name, &rule);
            continue;
        };
        match text(column, value.get_ref()) {
            Some(text) if text.len() > FIELD_BYTES_MAX => {
                let rule = format!(
                    "has {} bytes; at most {FIELD_BYTES_MAX} are allowed",
                    text.len()
                );
                builder.problems.note(at, name, &text, &rule);
            }
            Some(text) => texts.push((column, text)),
            None => {
                let rule = match column {
                    Column::Aliases => "must be a text, or a list of texts without blanks and `;`",
                    _ => "must be a text, a number or a time",
                };
                builder.problems.note(at, name, "(another type)", rule);
            }
        }
    }
    let mut cells = Cells::new();
    for (column, text) in &texts {
        cells.set(*column, text);
    }
    builder.row(at, &cells);
}

/// A value as a cell of CSV would have it.
fn text<'v>(column: Column, value: &'v DeValue<'_>) -> Option<Cow<'v, str>> {
    match value {
        DeValue::String(text) => Some(Cow::Borrowed(text)),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().into()),
        DeValue::Float(number) => Some(number.as_str().into()),
        DeValue::Datetime(time) => Some(time.to_string().into()),
        DeValue::Array(items) if column == Column::Aliases => {
            let items = items.iter().map(|item| match item.get_ref() {
                DeValue::String(text) => {
                    Some(text.trim()).filter(|text| !text.contains([' ', ';']))
                }
                _ => None,
            });
            let items: Option<Vec<&str>> = items.collect();
            Some(items?.join(";").into())
        }
        _ => None,
    }
}
