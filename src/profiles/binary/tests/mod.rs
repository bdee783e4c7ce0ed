use crate::codecs::Sent;

mod fields;

/// A number without text.
fn number<'a>(number: f64) -> Sent<'a> {
    Sent::Number(number, "".into())
}
