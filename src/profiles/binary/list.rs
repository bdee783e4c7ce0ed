//! `[items]`: keys, lengths and values, one after the other.
use super::field::Bad;
use super::frame::{Frame, Short, hex, whole};
use super::layout::{Item, Items};
use super::walk::{At, Walk, count};
use crate::codecs::{Fault, Group, Reason, too_many};

impl<'a> Walk<'_, 'a> {
    /// `[items]`: keys, lengths and values, in the group of the payload.
    pub(super) fn items(
        &mut self,
        items: &'a Items,
        frame: Frame<'_>,
        group: u32,
    ) -> Result<(), Fault> {
        match self.holds(&items.when, frame) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(short) => {
                let fault = Fault::part(Reason::Truncated, "items", short.to_string());
                self.out.faults.push(fault);
                return Ok(());
            }
        }
        let mut rest = match self.list(items, frame) {
            Ok(list) => list,
            Err(bad) => {
                let fault = Fault::part(bad.reason(), "items", bad.to_string());
                self.out.faults.push(fault);
                return Ok(());
            }
        };
        let mut index = 0u32;
        while rest.len() > 0 {
            if index >= u32::try_from(self.limits.readings_max).unwrap_or(u32::MAX) {
                return Err(too_many(self.limits));
            }
            match self.item(items, rest, At { group, index })? {
                Some(taken) => rest = rest.behind(taken),
                None => break,
            }
            index += 1;
        }
        Ok(())
    }

    /// The bytes of the list. One that says more than there is is read as far as it goes.
    fn list<'f>(&mut self, items: &Items, frame: Frame<'f>) -> Result<Frame<'f>, Bad> {
        let bytes = match &items.bytes {
            Some(field) => Some(count(&self.number(field, frame, "length of the items")?)),
            None => None,
        };
        let frame = frame.without_last(items.behind);
        let rest = match frame.rest(items.at) {
            Some(rest) => rest,
            None => frame.part(items.at, 1)?,
        };
        let Some(bytes) = bytes else { return Ok(rest) };
        rest.part(0, bytes).or_else(|short| {
            let fault = Fault::part(Reason::Truncated, "items", format!("the list {short}"));
            self.out.faults.push(fault);
            Ok(rest)
        })
    }

    /// One item; the bytes that it takes, at least one. `None`: what follows cannot be read.
    fn item(&mut self, items: &'a Items, rest: Frame<'_>, at: At) -> Result<Option<usize>, Fault> {
        self.look(1)?;
        let parts = self.item_parts(items, rest);
        let (item, data, taken) = match parts {
            Ok(parts) => parts,
            Err((reason, sentence)) => {
                let part = format!("item {}", at.index + 1);
                self.refused(Fault::part(reason, part, sentence), rest.range());
                return Ok(None);
            }
        };
        let Some(item) = item else {
            return Ok(Some(taken));
        };
        let group = match &item.time {
            None => at.group,
            Some(clock) => match self.time(clock, data) {
                Ok(time) => self.out.open(Group {
                    device: None,
                    parent: None,
                    at: Some(at.index),
                    time,
                }),
                Err(fault) => {
                    self.refused(fault, data.range());
                    return Ok(Some(taken));
                }
            },
        };
        let at = At { group, ..at };
        self.values(&item.values, data, at)?;
        Ok(Some(taken))
    }

    fn item_parts<'f>(
        &mut self,
        items: &'a Items,
        rest: Frame<'f>,
    ) -> Result<(Option<&'a Item>, Frame<'f>, usize), (Reason, String)> {
        let short = |short: Short| (Reason::Truncated, short.to_string());
        let head = rest.part(0, items.key).map_err(short)?;
        let key = head
            .bytes()
            .iter()
            .fold(0u32, |key, byte| key << 8 | u32::from(*byte));
        let item = items.find(key);
        let name = || hex(head.bytes().iter().copied());
        if let Some(tracer) = &mut self.tracer {
            tracer.key(head.range(), &name(), item.is_some());
        }
        let (skip, size) = match (&items.length, item) {
            (Some(field), _) => match field.read(rest) {
                Ok((sent, range)) => {
                    self.traced(range.clone(), &sent, "length");
                    let bytes = rest.bytes().get(items.key..items.key + range.len());
                    let size = whole(bytes.unwrap_or_default(), field.little);
                    (
                        items.key + range.len(),
                        usize::try_from(size).unwrap_or(usize::MAX),
                    )
                }
                Err(bad) => return Err((bad.reason(), format!("key {}: {bad}", name()))),
            },
            (None, Some(item)) => (items.key, item.size),
            (None, None) => {
                let sentence = format!(
                    "key {} at byte {} is not in the profile, so its length is unknown; {} bytes \
                     from there on are not read",
                    name(),
                    head.start(),
                    rest.len()
                );
                return Err((Reason::NotUnderstood, sentence));
            }
        };
        let offset = i32::try_from(skip).unwrap_or(i32::MAX);
        let data = rest.part(offset, size).map_err(|bad| {
            let sentence = format!("key {} {bad}", name());
            (Reason::Truncated, sentence)
        })?;
        Ok((item, data.called("item"), skip + size))
    }
}
