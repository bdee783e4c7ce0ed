//! Standard output that may be closed at any time.
use serde::Serialize;
use std::io::{self, Write};

/// Writes one line; `println!` would panic when the reader has closed the pipe.
pub(super) fn line(text: impl std::fmt::Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Writes a value as one line of JSON.
pub(super) fn json(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    put_json(&mut out, value)?;
    out.flush()
}

/// As [`json`], without flushing.
pub(super) fn put_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
