//! CJ/T 188: water, gas and heat meters.
use super::frames::{Framing, Unframed};

pub(super) const FRAMING: Framing = Framing {
    name: "cjt188",
    frame: |_| Err(Unframed::Other),
    read: |_, _, _, _| {},
};
