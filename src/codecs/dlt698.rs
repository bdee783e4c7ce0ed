//! DL/T 698.45: electricity meters and terminals, object oriented.
mod crc;
mod link;

use super::frames::Framing;

pub(super) const FRAMING: Framing = Framing {
    name: "dlt698",
    frame: link::frame,
    read: |_, _, _, _| {},
};
