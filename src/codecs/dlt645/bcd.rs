//! Two decimal digits a byte, the lowest byte first.

/// What the bytes of a number say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bcd {
    /// All FF: the meter has no value there, as of a phase that is not connected.
    Absent,
    /// Sign and digits as one whole number.
    Whole(i64),
    /// The byte at this place has a digit that is none.
    Invalid(usize),
}

/// Bytes of a number; more than any item has would not fit.
const WIDTH_MAX: usize = 8;
const SIGN: u8 = 0x80;

/// Reads a number. Signed: the top bit of the last byte is its sign.
pub(super) fn read(bytes: &[u8], is_signed: bool) -> Bcd {
    if bytes.iter().all(|byte| *byte == 0xff) {
        return Bcd::Absent;
    }
    let last = bytes.len().saturating_sub(1).min(WIDTH_MAX);
    let mut whole = 0;
    let mut is_negative = false;
    for (at, byte) in bytes.iter().enumerate().rev() {
        let mut byte = *byte;
        if is_signed && at == last {
            is_negative = byte & SIGN != 0;
            byte &= !SIGN;
        }
        let (high, low) = (byte >> 4, byte & 0xf);
        if high > 9 || low > 9 {
            return Bcd::Invalid(at);
        }
        whole = whole * 100 + i64::from(high) * 10 + i64::from(low);
    }
    Bcd::Whole(if is_negative { -whole } else { whole })
}

/// `12.34` of 1234 with two decimals; a negative zero is zero.
pub(super) fn decimal(whole: i64, decimals: u8) -> (f64, String) {
    let scale = 10_i64.pow(u32::from(decimals.min(9)));
    let digits = whole.unsigned_abs();
    let (before, behind) = (digits / scale.unsigned_abs(), digits % scale.unsigned_abs());
    let sign = if whole < 0 { "-" } else { "" };
    let text = match decimals {
        0 => format!("{sign}{before}"),
        decimals => format!(
            "{sign}{before}.{behind:0>width$}",
            width = usize::from(decimals)
        ),
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "at most 8 digits, which doubles hold; their quotient is the double nearest to the decimal"
    )]
    let value = whole as f64 / scale as f64;
    (value, text)
}

/// `2007-09-12T11:41:00` of minute, hour, day, month, year; `None`: not set, or no time.
pub(super) fn minute(bytes: &[u8]) -> Option<String> {
    let [minute, hour, day, month, year] = *bytes else {
        return None;
    };
    let date = date(day, month, year)?;
    Some(format!("{date}T{}", time(0, minute, hour)?))
}

/// `2007-09-12`.
pub(super) fn date(day: u8, month: u8, year: u8) -> Option<String> {
    let (day, month, year) = (pair(day)?, pair(month)?, pair(year)?);
    jiff::civil::Date::new(2000 + i16::from(year), month, day)
        .ok()
        .map(|date| date.to_string())
}

/// `11:41:32`.
pub(super) fn time(second: u8, minute: u8, hour: u8) -> Option<String> {
    let (second, minute, hour) = (pair(second)?, pair(minute)?, pair(hour)?);
    let valid = second < 60 && minute < 60 && hour < 24;
    valid.then(|| format!("{hour:02}:{minute:02}:{second:02}"))
}

fn pair(byte: u8) -> Option<i8> {
    match read(&[byte], false) {
        Bcd::Whole(whole) => i8::try_from(whole).ok(),
        Bcd::Absent | Bcd::Invalid(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_lowest_first() {
        assert_eq!(read(&[0x26, 0x00, 0x00, 0x00], false), Bcd::Whole(26));
        assert_eq!(read(&[0x01, 0x85], true), Bcd::Whole(-501));
        assert_eq!(read(&[0x01, 0x85], false), Bcd::Whole(8501));
        assert_eq!(read(&[0xff, 0xff], true), Bcd::Absent);
        assert_eq!(read(&[0x00, 0x0e, 0x00], false), Bcd::Invalid(1));
        assert_eq!(read(&[0x00, 0xf0], true), Bcd::Whole(-7000));
        assert_eq!(read(&[0xff, 0x00], false), Bcd::Invalid(0));
    }

    #[test]
    fn decimals_are_those_of_the_format() {
        assert_eq!(decimal(26, 2), (0.26, "0.26".to_owned()));
        assert_eq!(decimal(-501, 3), (-0.501, "-0.501".to_owned()));
        assert_eq!(decimal(12_345_678, 2), (123_456.78, "123456.78".to_owned()));
        assert_eq!(decimal(0, 1), (0.0, "0.0".to_owned()));
        assert_eq!(decimal(17, 0), (17.0, "17".to_owned()));
    }

    #[test]
    fn clocks_that_are_not_set_are_no_time() {
        let at = |bytes: [u8; 5]| minute(&bytes);
        assert_eq!(
            at([0x41, 0x11, 0x12, 0x09, 0x07]).as_deref(),
            Some("2007-09-12T11:41:00")
        );
        for wrong in [
            [0; 5],
            [0xff; 5],
            [0x60, 0x11, 0x12, 0x09, 0x07],
            [0x41, 0x11, 0x31, 0x09, 0x07],
            [0x4a, 0x11, 0x12, 0x09, 0x07],
        ] {
            assert_eq!(at(wrong), None, "{wrong:?}");
        }
    }
}
