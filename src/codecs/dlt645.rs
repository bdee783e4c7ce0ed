//! DL/T 645-2007: electricity meters.
use super::frames::{Framing, Unframed};

pub(super) const FRAMING: Framing = Framing {
    name: "dlt645",
    frame: |_| Err(Unframed::Other),
    read: |_, _, _, _| {},
};
