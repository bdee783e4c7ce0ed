//! A payload piece by piece, in columns: where, what was sent, what it became.
use crate::api::http::json::printable;
use crate::cli::output;
use crate::intake::{Piece, Preview};
use crate::profiles::Spot;
use std::io;

/// Widest column of places and of what was sent, in characters.
const COLUMN_MAX: usize = 40;

pub(super) fn print(preview: &Preview) -> io::Result<()> {
    let rows: Vec<[String; 3]> = preview.pieces.iter().map(row).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let width = |column: fn(&[String; 3]) -> &String| {
        let longest = rows.iter().map(|row| column(row).chars().count()).max();
        longest.unwrap_or_default().min(COLUMN_MAX)
    };
    let (place, sent) = (width(|row| &row[0]), width(|row| &row[1]));
    let wrong: Vec<usize> = preview
        .faults
        .iter()
        .filter_map(|fault| fault.byte)
        .collect();
    output::line("")?;
    for ([at, bytes, became], piece) in rows.iter().zip(&preview.pieces) {
        output::line(format_args!("{at:<place$}  {bytes:<sent$}  {became}"))?;
        for byte in wrong.iter().filter_map(|byte| marked(piece, *byte)) {
            let before = 2 * byte.1;
            output::line(format_args!(
                "{:place$}  {:before$}^^ byte {}",
                "", "", byte.0
            ))?;
        }
    }
    Ok(())
}

/// A byte that is wrong and its place in the piece, if it is shown there.
fn marked(piece: &Piece, byte: usize) -> Option<(usize, usize)> {
    let Spot::Bytes(range) = &piece.traced.spot else {
        return None;
    };
    let at = byte.checked_sub(range.start).filter(|_| byte < range.end)?;
    (2 * at + 2 <= piece.traced.sent.len()).then_some((byte, at))
}

fn row(piece: &Piece) -> [String; 3] {
    let traced = &piece.traced;
    let place = match &traced.spot {
        Spot::Bytes(range) if range.len() <= 1 => range.start.to_string(),
        Spot::Bytes(range) => format!("{}..{}", range.start, range.end - 1),
        Spot::Path(path) => printable(path.as_bytes()),
    };
    let became = match traced.became.as_str() {
        "" => "ignored".to_owned(),
        became => format!("-> {}", printable(became.as_bytes())),
    };
    let note = match traced.note.as_str() {
        "" => String::new(),
        note => format!(" ({note})"),
    };
    [place, printable(traced.sent.as_bytes()), became + &note]
}
