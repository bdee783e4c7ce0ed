#![allow(clippy::indexing_slicing, reason = "tests")]
