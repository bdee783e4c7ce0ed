//! DL/T 698.45: electricity meters and terminals, object oriented.
use super::frames::{Framing, Unframed};

pub(super) const FRAMING: Framing = Framing {
    name: "dlt698",
    frame: |_| Err(Unframed::Other),
    read: |_, _, _, _| {},
};
