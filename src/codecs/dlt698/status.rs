//! Status words 1 to 7: bits that mean what those of DL/T 645 mean.
use super::data::Item;
use super::reader::{Place, Reader};
use crate::codecs::dlt645::status;
use crate::model::proto::Severity;
use std::borrow::Cow;

/// Makes flags of a word, and an event of the alarms in it.
pub(super) fn word(
    reader: &mut Reader<'_, '_>,
    word: u8,
    bits: Option<u16>,
    item: &Item,
    place: Place,
) {
    let became = format!("status word {word}");
    let sample = reader.out.samples.len();
    reader.show(
        item.at.clone(),
        &became,
        Some(sample),
        &status::words(word, bits),
    );
    let mut detail = Vec::new();
    for flag in status::flags(word, bits) {
        if flag.is_alarm {
            detail.push((Cow::Owned(flag.key()), Cow::Borrowed("true")));
        }
        reader.push(flag.metric, flag.value(), flag.phase, place);
    }
    if !detail.is_empty() {
        let name = format!("201402{word:02X}");
        detail.push((Cow::Borrowed("word"), Cow::Owned(name)));
        reader.note("meter_alarm", Severity::Warning, detail);
    }
}
