//! Records: rows of a freeze, or of what a terminal collected.
//!
//! ```text
//!  OAD | columns: 0 OAD, or 1 ROAD: OAD and the attributes of it | 1 | rows, a value for each attribute
//!  50040200 | 20210200 00100200 | 1 | 1 | 2026-11-25T00:00:00, [1234.56, ..]
//!  60120300 | 202A0200 50040200(20210200 00100200) | .. a meter's address, then the same
//! ```
//! A row's time is that of the freeze; where there is none, that for which the terminal stored it. A frozen value
//! without either keeps its label `freeze`, so that it is never taken for one of now, and `storage` where the
//! OAD says how many freezes back.
use super::data::{self, Bad, Item, Value};
use super::object::{Oad, Object, named};
use super::reader::{Place, Reader, digits};
use super::service::{self, count, no_choice, oad};

/// Choice and OAD.
const COLUMN_MIN: usize = 5;
/// Times of a row, the best one first: frozen at, stored for, collected at.
const TIMES: [u32; 4] = [0x2021_0200, 0x6042_0200, 0x6041_0200, 0x6040_0200];

/// One attribute of each row.
#[derive(Clone, Copy, Debug)]
struct Column {
    oad: Oad,
    /// The record that it is of.
    of: Oad,
}

/// Reads a record, or why there is none.
pub(super) fn read(reader: &mut Reader<'_, '_>) -> Result<(), Bad> {
    let of = oad(reader)?;
    let columns = columns(reader, of)?;
    let at = reader.cursor.at();
    match reader.cursor.byte()? {
        0 => return service::refusal(reader, Some(of)),
        1 => reader.show(at..at + 1, "rows", None, ""),
        choice => return Err(no_choice(at, choice)),
    }
    let rows = count(reader, columns.len().max(1), "rows")?;
    if rows == 0 {
        reader.nothing(of);
    }
    for _ in 0..rows {
        if reader.is_full() {
            return Ok(());
        }
        let mut values = Vec::with_capacity(columns.len());
        for _ in &columns {
            values.push(data::read(&mut reader.cursor)?);
        }
        row(reader, of, &columns, &values);
    }
    Ok(())
}

fn columns(reader: &mut Reader<'_, '_>, of: Oad) -> Result<Vec<Column>, Bad> {
    let mut columns = Vec::new();
    for _ in 0..count(reader, COLUMN_MIN, "columns")? {
        let at = reader.cursor.at();
        match reader.cursor.byte()? {
            0 => {
                reader.show(at..at + 1, "column", None, "");
                let oad = oad(reader)?;
                columns.push(Column { oad, of });
            }
            1 => {
                reader.show(at..at + 1, "columns of", None, "");
                let of = oad(reader)?;
                for _ in 0..count(reader, 4, "columns")? {
                    let oad = oad(reader)?;
                    columns.push(Column { oad, of });
                }
            }
            choice => return Err(no_choice(at, choice)),
        }
    }
    Ok(columns)
}

fn row(reader: &mut Reader<'_, '_>, of: Oad, columns: &[Column], values: &[Item]) {
    let cells = || columns.iter().zip(values);
    let time = TIMES.iter().find_map(|wanted| {
        let (_, item) = cells().find(|(column, _)| column.oad.0 == *wanted)?;
        match &item.value {
            Value::Time(Some(time)) => Some(time.clone()),
            _ => None,
        }
    });
    let owner = cells().find_map(|(column, item)| match &item.value {
        Value::Bytes(bytes) if named(column.oad) == Some(Object::RecordOf) => Some(bytes),
        _ => None,
    });
    let device = match owner {
        Some(address) => owner_of(reader, address),
        None => reader.device,
    };
    let is_timed = time.is_some();
    let group = reader.open(device, time);
    for (column, item) in cells() {
        let back = column.of.element().max(of.element());
        let place = Place {
            group,
            freeze: column.of.freeze(),
            storage: if is_timed { 0 } else { back },
        };
        reader.value(column.oad, item, place);
    }
}

/// The meter of a row, by its address as a terminal sends it: the number of its bytes less one, then they.
fn owner_of(reader: &mut Reader<'_, '_>, address: &[u8]) -> Option<u32> {
    let (head, address) = address.split_first()?;
    let skipped = usize::from(head & 0x20 != 0);
    let address = digits(address.get(skipped..)?);
    let address = address.trim_end_matches('f');
    super::device(address, reader.out)
}
