//! Binary layouts: fixed fields, records one after the other, lists of channel, type and value.
mod encoding;
mod field;
mod frame;
mod read;
#[cfg(test)]
mod tests;
