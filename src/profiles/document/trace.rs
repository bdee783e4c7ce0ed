//! Every leaf of a document: what it became, or that it was ignored.
use super::text::Use;
use crate::codecs::json::{array, members};
use crate::codecs::{Fault, quote};
use crate::profiles::{Spot, Trace, Traced};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

/// Most pieces of one trace: a page shows no more.
const PIECES_MAX: usize = 1_024;
/// Deepest nesting that is looked into.
const DEPTH_MAX: usize = 16;

/// Joins what is in a document with what its values were used for. `place` gives a sample's place
/// among those that decoding gives.
pub(super) fn trace(json: &str, uses: &[Use<'_>], place: impl Fn(usize) -> usize) -> Trace {
    let mut by_address: HashMap<usize, Vec<&Use<'_>>> = HashMap::new();
    for one in uses {
        by_address.entry(address(one.raw)).or_default().push(one);
    }
    let mut leaves = Leaves {
        uses: by_address,
        place,
        pieces: Vec::new(),
    };
    // What is no JSON has no pieces: decoding says what is wrong with it.
    if serde_json::from_str::<&RawValue>(json).is_ok() {
        let _ = leaves.look(json.trim_ascii(), "", 0);
    }
    Trace {
        pieces: leaves.pieces,
    }
}

fn address(raw: &str) -> usize {
    raw.as_ptr().addr()
}

struct Leaves<'u, 'a, F> {
    uses: HashMap<usize, Vec<&'u Use<'a>>>,
    place: F,
    pieces: Vec<Traced>,
}

impl<F: Fn(usize) -> usize> Leaves<'_, '_, F> {
    fn look(&mut self, raw: &str, path: &str, depth: usize) -> Result<(), Fault> {
        let inside = raw.starts_with(['{', '[']) && depth < DEPTH_MAX;
        self.note(raw, path, inside);
        if !inside {
            return Ok(());
        }
        if raw.starts_with('{') {
            let member = |key: Cow<'_, str>, raw: &str, leaves: &mut Self| {
                leaves.look(raw, &joined(path, &key), depth + 1)
            };
            return members(raw, member, self);
        }
        let mut at = 0usize;
        array(raw, |raw| {
            let path = format!("{path}[{at}]");
            at += 1;
            self.look(raw, &path, depth + 1)
        })
    }

    fn note(&mut self, raw: &str, path: &str, inside: bool) {
        let piece = |became: &str, sample: Option<usize>, note: &str| Traced {
            spot: Spot::Path(path.to_owned()),
            sent: quote(raw),
            became: became.to_owned(),
            sample,
            note: note.to_owned(),
        };
        let full = self.pieces.len() >= PIECES_MAX;
        match self.uses.get(&address(raw)) {
            _ if full => {}
            None if inside => {}
            None => self.pieces.push(piece("", None, "")),
            Some(uses) => {
                let pieces = uses
                    .iter()
                    .map(|one| piece(&one.became, one.sample.map(&self.place), &one.note));
                self.pieces.extend(pieces);
            }
        }
    }
}

fn joined(path: &str, key: &str) -> String {
    let key = key.trim();
    let key = if key.contains(['.', '[', '"']) {
        format!("\"{}\"", quote(key))
    } else {
        quote(key)
    };
    match path {
        "" => key,
        path => format!("{path}.{key}"),
    }
}
