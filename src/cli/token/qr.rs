//! A QR code of text characters, two modules high each.
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use std::fmt::Write;

/// Black on white, whatever the terminal's own colours are: a code in the wrong ones is not read by
/// every camera. `None`: longer than a code can be.
pub(super) fn code(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let drawn = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Dark)
        .light_color(Dense1x2::Light)
        .build();
    let mut shown = String::new();
    for line in drawn.lines() {
        // Writing to a String cannot fail.
        let _ = writeln!(shown, "\x1b[38;5;16;48;5;231m{line}\x1b[0m");
    }
    Some(shown)
}
