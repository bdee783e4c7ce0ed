//! Status words 1 to 7.
use super::data::Item;
use super::reader::{Place, Reader};

pub(super) fn word(
    reader: &mut Reader<'_, '_>,
    word: u8,
    bits: Option<u16>,
    item: &Item,
    place: Place,
) {
    let _ = (bits, place);
    reader.show(item.at.clone(), &format!("status word {word}"), None, "");
}
