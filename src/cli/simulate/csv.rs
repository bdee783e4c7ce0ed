//! The CSV file of `citygate simulate --csv`.
use super::args::Args;
use crate::cli::Error;
use crate::sim::{self, Device, Replay, ReplayOptions, Split};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub(super) fn open(args: &Args, file: &Path, split: Split) -> Result<Replay, Error> {
    let named =
        |error: sim::ReplayError| Error::wrong(format!("cannot replay {}", file.display()), &error);
    let input: Box<dyn Read + Send> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let opened = File::open(file);
        Box::new(opened.map_err(|error| {
            Error::cannot_start(format!("cannot open {}", file.display()), &error)
        })?)
    };
    let device = match (&args.device_column, &args.device) {
        (Some(column), _) => Device::Column(column.clone()),
        (None, Some(name)) => Device::Fixed(name.clone()),
        (None, None) => {
            return Err(Error::Usage(
                "--csv needs --device-column or --device".to_owned(),
            ));
        }
    };
    let options = ReplayOptions {
        time_column: args.time_column.clone().unwrap_or_default(),
        device,
        mappings: args.map.clone(),
        zone: args.timezone.clone(),
        time_format: args.time_format.clone(),
        split,
    };
    Replay::open(input, options).map_err(named)
}

/// Rows of a file, for the progress bar; `None` for a pipe.
pub(super) fn count_rows(file: &Path) -> Option<u64> {
    if file == Path::new("-") || !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut opened = File::open(file).ok()?;
    let mut buffer = vec![0; 1 << 16];
    let mut lines = 0_u64;
    loop {
        match opened.read(&mut buffer).ok()? {
            0 => return Some(lines.saturating_sub(1)),
            read => {
                let part = buffer.get(..read).unwrap_or_default();
                lines += part.split(|byte| *byte == b'\n').count() as u64 - 1;
            }
        }
    }
}
