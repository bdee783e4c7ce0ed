//! What is at hand while a document is read: limits, what JSON has no word for, and who listens.
use crate::codecs::json::plain;
use crate::codecs::{Decoded, Limits, Reason, Sent, quote};
use crate::profiles::inner::Inner;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// A document while it is read.
pub(super) struct Text<'a, 'u> {
    pub(super) limits: Limits,
    /// Address of the text, and the places in it where NaN or Infinity stood for a number.
    pub(super) literals: Option<(usize, &'u [(usize, &'static str)])>,
    /// Has the inventory a device of this name?
    pub(super) knows: &'u dyn Fn(&str) -> bool,
    /// Records that gave nothing.
    pub(super) barren: usize,
    /// Places of the devices that records named.
    pub(super) devices: HashMap<Cow<'a, str>, u32>,
    /// Inner payloads and their groups, to be decoded when the document is.
    pub(super) inners: Vec<(&'a Inner, Cow<'a, str>, u32)>,
    /// For a trace: what each piece became.
    pub(super) uses: Option<&'u mut Vec<Use<'a>>>,
}

/// What one value of a document became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Use<'a> {
    /// The value's slice of the document.
    pub(super) raw: &'a str,
    /// A metric, `device`, ..; empty: nothing.
    pub(super) became: String,
    pub(super) sample: Option<usize>,
    pub(super) note: String,
}

impl<'a, 'u> Text<'a, 'u> {
    pub(super) fn new(limits: Limits, knows: &'u dyn Fn(&str) -> bool) -> Self {
        Self {
            limits,
            literals: None,
            knows,
            barren: 0,
            devices: HashMap::new(),
            inners: Vec::new(),
            uses: None,
        }
    }

    /// The place of a device that a record names; `None`: it is the one that sent the uplink.
    pub(super) fn child(&mut self, name: Cow<'a, str>, out: &mut Decoded<'a>) -> Option<u32> {
        if out.sender.as_ref() == Some(&name) {
            return None;
        }
        if let Some(known) = self.devices.get(&name) {
            return Some(*known);
        }
        let at = u32::try_from(out.devices.len()).ok()?;
        out.devices.push(name.clone());
        self.devices.insert(name, at);
        Some(at)
    }

    /// A plain value.
    pub(super) fn plain(&self, raw: &'a str) -> Result<Sent<'a>, (Reason, String)> {
        if raw.starts_with(['{', '[']) {
            let sentence = format!("{} is no number, text or flag", quote(raw));
            return Err((Reason::WrongType, sentence));
        }
        if let Some((base, places)) = self.literals
            && let Ok(at) =
                places.binary_search_by_key(&raw.as_ptr().addr().wrapping_sub(base), |(at, _)| *at)
            && let Some((_, literal)) = places.get(at)
        {
            return Ok(Sent::NotFinite(Cow::Borrowed(literal)));
        }
        plain(raw).map_err(|sentence| (Reason::Malformed, sentence))
    }

    /// Notes what a value became, besides readings.
    pub(super) fn note(&mut self, raw: Option<&'a str>, became: fmt::Arguments<'_>) {
        if let (Some(uses), Some(raw)) = (&mut self.uses, raw) {
            uses.push(Use {
                raw,
                became: became.to_string(),
                sample: None,
                note: String::new(),
            });
        }
    }

    /// Notes, once, that something depends on a value.
    pub(super) fn condition(&mut self, raw: Option<&'a str>) {
        const CONDITION: &str = "condition";
        if let (Some(uses), Some(raw)) = (&self.uses, raw) {
            let same = |one: &Use<'_>| std::ptr::eq(one.raw, raw) && one.became == CONDITION;
            if !uses.iter().any(same) {
                self.note(Some(raw), format_args!("{CONDITION}"));
            }
        }
    }

    /// Notes why a value became nothing.
    pub(super) fn passed(&mut self, raw: Option<&'a str>, why: fmt::Arguments<'_>) {
        if let (Some(uses), Some(raw)) = (&mut self.uses, raw) {
            uses.push(Use {
                raw,
                became: String::new(),
                sample: None,
                note: why.to_string(),
            });
        }
    }

    /// Notes the sample that a value became, if it became one: the one at `before`.
    pub(super) fn value(
        &mut self,
        raw: Option<&'a str>,
        metric: &str,
        before: usize,
        out: &Decoded<'a>,
    ) {
        let (Some(uses), Some(raw)) = (&mut self.uses, raw) else {
            return;
        };
        let made = out.samples.len() > before;
        let note = match out.faults.list().last() {
            _ if made => String::new(),
            // Sample or fault; neither: it is skipped.
            Some(fault) if fault.part.ends_with(metric) => fault.sentence.clone(),
            _ => format!("not `{metric}`: it is one that is skipped"),
        };
        uses.push(Use {
            raw,
            became: if made {
                metric.to_owned()
            } else {
                String::new()
            },
            sample: made.then_some(before),
            note,
        });
    }
}
