//! Rows out of CSV (RFC 4180), as spreadsheets write it.
//!
//! Read line by line, so that a mistake has its line and a quote that never closes ends with a word
//! about it. Rejected: the csv crate, which reads on to the end of the file then, and gives a row
//! behind empty lines the line of the first of them.
use super::column::{Cells, Column};
use super::encoding;
use super::problems::Problems;
use super::read::{Builder, FIELD_BYTES_MAX};
use super::value;
use std::io::{self, BufRead, Read};

/// Longest row, in bytes: twenty fields of 512 are far below.
const ROW_BYTES_MAX: usize = 64 << 10;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads all rows. Stops early where going on would only give mistakes that follow from one.
///
/// # Errors
/// The file cannot be read on.
pub(super) fn read(file: impl BufRead, builder: &mut Builder<'_>) -> io::Result<()> {
    let mut rows = Rows::new(file);
    if !rows.next(&mut builder.problems)? {
        if builder.problems.is_empty() {
            let rule = "must begin with a header such as: id,kind,profile,district";
            builder.problems.whole("(empty)", rule);
        }
        return Ok(());
    }
    let Some(columns) = columns(&rows, &mut builder.problems) else {
        return Ok(());
    };
    while rows.next(&mut builder.problems)? {
        if !row(&rows, &columns, builder) {
            return Ok(());
        }
    }
    Ok(())
}

/// The columns that the header names; `None` for one without a name.
fn columns<R>(rows: &Rows<R>, problems: &mut Problems) -> Option<Vec<Option<Column>>> {
    let line = rows.first;
    let only = rows.fields().next().unwrap_or_default();
    if rows.ends.len() == 1 && only.contains([';', '\t', '\r']) {
        let rule = "columns must be parted by commas, and lines must end: save it as \"CSV UTF-8 (comma delimited)\"";
        problems.note(line, "header", only, rule);
        return None;
    }
    let (mut columns, mut right) = (Vec::new(), true);
    for name in rows.fields().map(str::trim) {
        let column = Column::of(name);
        let rule = match column {
            None if name.is_empty() => None,
            None => {
                let names = Column::ALL.iter().map(|column| column.name());
                Some(value::unknown(
                    "unknown column",
                    &name.to_ascii_lowercase(),
                    names,
                ))
            }
            known if columns.contains(&known) => Some("stands in the header twice".to_owned()),
            Some(_) => None,
        };
        if let Some(rule) = rule {
            right = false;
            problems.note(line, "column", name, &rule);
        }
        columns.push(column);
    }
    if !columns.contains(&Some(Column::Id)) {
        right = false;
        problems.note(line, "column", "id", "is missing: every device has an id");
    }
    right.then_some(columns)
}

/// Takes a row; false: no more.
fn row<R>(rows: &Rows<R>, columns: &[Option<Column>], builder: &mut Builder<'_>) -> bool {
    let line = rows.first;
    let mut cells = Cells::new();
    for (column, text) in columns.iter().zip(rows.fields()) {
        let rule = if text.len() > FIELD_BYTES_MAX {
            Some(format!(
                "has {} bytes; at most {FIELD_BYTES_MAX} are allowed",
                text.len()
            ))
        } else if column.is_none() && !text.trim().is_empty() {
            Some("stands in a column without a name".to_owned())
        } else {
            None
        };
        match (rule, column) {
            (Some(rule), column) => {
                let name = column.map_or("field", Column::name);
                builder.problems.note(line, name, text, &rule);
            }
            (None, Some(column)) => cells.set(*column, text),
            (None, None) => {}
        }
    }
    let (fields, named) = (rows.ends.len(), columns.len());
    if fields != named && !(cells.is_empty() && fields <= named) {
        let rule =
            format!("the header has {named} columns: a field with a comma in it needs quotes");
        builder
            .problems
            .note(line, "row", &format!("{fields} fields"), &rule);
        return true;
    }
    // Spreadsheets keep rows of commas where something was deleted.
    if cells.is_empty() {
        return true;
    }
    let room = builder.has_room();
    if room {
        builder.row(line, &cells);
    }
    room
}

/// The rows of a file, one at a time.
struct Rows<R> {
    file: R,
    /// Lines read so far.
    line: usize,
    /// The line on which the row begins.
    first: usize,
    raw: Vec<u8>,
    /// The fields of the row without their quotes, one behind the other, and where each ends.
    text: String,
    ends: Vec<usize>,
}

/// What a row is, as far as it was read.
#[derive(Debug, PartialEq, Eq)]
enum Split {
    Whole,
    /// It goes on: a quote is open.
    Open,
    /// Something stands between a closing quote and the comma.
    Wrong,
}

impl<R> Rows<R> {
    const fn new(file: R) -> Self {
        Self {
            file,
            line: 0,
            first: 0,
            raw: Vec::new(),
            text: String::new(),
            ends: Vec::new(),
        }
    }

    fn fields(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(from, to)| self.text.get(from..*to).unwrap_or_default())
    }
}

impl<R: BufRead> Rows<R> {
    /// Reads the next row that is not empty; false: none, or no more use.
    fn next(&mut self, problems: &mut Problems) -> io::Result<bool> {
        self.raw.clear();
        self.first = self.line + 1;
        loop {
            let left = (ROW_BYTES_MAX + 1).saturating_sub(self.raw.len()) as u64;
            let read = (&mut self.file)
                .take(left)
                .read_until(b'\n', &mut self.raw)?;
            if self.raw.len() > ROW_BYTES_MAX {
                let rule = format!(
                    "the row has more than {ROW_BYTES_MAX} bytes: is a quote open, or are there no ends of lines?"
                );
                problems.note(self.first, "row", "(too long)", &rule);
                return Ok(false);
            }
            if read == 0 {
                if !self.raw.is_empty() {
                    let rule = "a quote that opens in this row never closes";
                    problems.note(self.first, "row", "(no end)", rule);
                }
                return Ok(false);
            }
            self.line += 1;
            if self.line == 1 && self.raw.starts_with(BOM) {
                self.raw.drain(..BOM.len());
            }
            let text = match std::str::from_utf8(&self.raw) {
                Ok(text) => text.trim_end_matches(['\r', '\n']),
                Err(error) => {
                    let bad = self.raw.get(error.valid_up_to()..).unwrap_or_default();
                    problems.note(
                        self.line,
                        "encoding",
                        &encoding::shown(bad),
                        encoding::rule(&self.raw),
                    );
                    return Ok(false);
                }
            };
            if text.is_empty() {
                self.raw.clear();
                self.first = self.line + 1;
                continue;
            }
            match split(text, &mut self.text, &mut self.ends) {
                Split::Whole => return Ok(true),
                Split::Open => {}
                Split::Wrong => {
                    let rule = "a quote closes before the field ends; a quote within quotes is written twice";
                    let shown: String = text.chars().take(40).collect();
                    problems.note(self.first, "row", &shown, rule);
                    self.raw.clear();
                    self.first = self.line + 1;
                }
            }
        }
    }
}

fn split(row: &str, text: &mut String, ends: &mut Vec<usize>) -> Split {
    text.clear();
    ends.clear();
    let mut rest = row;
    loop {
        // Blanks before a quote are no part of the field, as they are none of it behind.
        if let Some(quoted) = rest.trim_start_matches([' ', '\t']).strip_prefix('"') {
            rest = quoted;
            loop {
                let Some((inner, behind)) = rest.split_once('"') else {
                    return Split::Open;
                };
                text.push_str(inner);
                rest = behind;
                let Some(behind) = rest.strip_prefix('"') else {
                    break;
                };
                text.push('"');
                rest = behind;
            }
            rest = rest.trim_start_matches([' ', '\t']);
            ends.push(text.len());
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None if rest.is_empty() => return Split::Whole,
                None => return Split::Wrong,
            }
        } else if let Some((field, next)) = rest.split_once(',') {
            text.push_str(field);
            ends.push(text.len());
            rest = next;
        } else {
            text.push_str(rest);
            ends.push(text.len());
            return Split::Whole;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(row: &str) -> Option<Vec<String>> {
        let mut rows = Rows::new(());
        let split = split(row, &mut rows.text, &mut rows.ends);
        (split == Split::Whole).then(|| rows.fields().map(str::to_owned).collect())
    }

    #[test]
    fn rows_are_split_as_rfc_4180_has_it() {
        for (row, wanted) in [
            ("a,b,", vec!["a", "b", ""]),
            (r#""a,1",b"#, vec!["a,1", "b"]),
            (r#""say ""yes""" ,"",x"#, vec![r#"say "yes""#, "", "x"]),
            (r#"12" pipe,b"#, vec![r#"12" pipe"#, "b"]),
            ("\"two\r\nlines\",b", vec!["two\r\nlines", "b"]),
            (",", vec!["", ""]),
            (r#"a, "b,1","#, vec!["a", "b,1", ""]),
            ("\t\"a\" ,b \"c\"", vec!["a", "b \"c\""]),
        ] {
            assert_eq!(
                fields(row).as_deref(),
                Some(&*wanted.iter().map(|&t| t.to_owned()).collect::<Vec<_>>()),
                "{row}"
            );
        }
        let (mut text, mut ends) = (String::new(), Vec::new());
        assert_eq!(split(r#"a,"b"#, &mut text, &mut ends), Split::Open);
        assert_eq!(split(r#""a"b,c"#, &mut text, &mut ends), Split::Wrong);
    }
}
