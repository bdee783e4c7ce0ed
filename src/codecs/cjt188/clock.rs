//! The meter's clock: seven bytes of BCD, sent `ss mm hh DD MM YY CC`, or year first by some.

/// What a meter says of its clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// Local wall time, as `2007-09-12T11:41:32`.
    At { text: String, year_first: bool },
    /// All zeros, or all FF: it was never set, or there is none.
    Unset,
    /// No date in either order.
    Invalid,
}

/// Bytes of a clock.
pub(super) const BYTES: usize = 7;

/// Reads a clock in both orders. Where both are dates, `year_first` decides: the standard's order is the other.
pub(super) fn read(bytes: &[u8], year_first: bool) -> Clock {
    let Some(sent) = bytes.first_chunk::<BYTES>() else {
        return Clock::Invalid;
    };
    if [0x00, 0xFF]
        .iter()
        .any(|filler| sent.iter().all(|byte| byte == filler))
    {
        return Clock::Unset;
    }
    let mut turned = *sent;
    turned.reverse();
    let at = |bytes, year_first| date(bytes).map(|text| Clock::At { text, year_first });
    let (first, second) = (at(*sent, false), at(turned, true));
    let (first, second) = if year_first {
        (second, first)
    } else {
        (first, second)
    };
    first.or(second).unwrap_or(Clock::Invalid)
}

/// Two decimal digits.
fn pair(byte: u8) -> Option<u8> {
    let (high, low) = (byte >> 4, byte & 0x0F);
    (high <= 9 && low <= 9).then_some(high * 10 + low)
}

/// The date of `ss mm hh DD MM YY CC`. Centuries other than the 21st are none: these meters are younger.
fn date(bytes: [u8; BYTES]) -> Option<String> {
    let [second, minute, hour, day, month, year, 0x20] = bytes else {
        return None;
    };
    let [second, minute, hour] = [pair(second)?, pair(minute)?, pair(hour)?];
    let [day, month, year] = [pair(day)?, pair(month)?, pair(year)?];
    if second > 59 || minute > 59 || hour > 23 || !(1..=days(month, year)).contains(&day) {
        return None;
    }
    Some(format!(
        "20{year:02}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    ))
}

/// Days of a month of 20YY; 0: there is no such month.
const fn days(month: u8, year: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, year_first: bool) -> Clock {
        let text = text.to_owned();
        Clock::At { text, year_first }
    }

    #[test]
    fn both_orders_are_read_and_the_valid_one_holds() {
        let standard = [0x32, 0x41, 0x11, 0x12, 0x09, 0x07, 0x20];
        assert_eq!(read(&standard, false), at("2007-09-12T11:41:32", false));
        assert_eq!(read(&standard, true), at("2007-09-12T11:41:32", false));
        let year_first = [0x20, 0x20, 0x05, 0x28, 0x20, 0x58, 0x24];
        assert_eq!(read(&year_first, false), at("2020-05-28T20:58:24", true));
    }

    #[test]
    fn where_both_are_dates_the_profile_decides() {
        let both = [0x20, 0x15, 0x05, 0x11, 0x06, 0x21, 0x20];
        assert_eq!(read(&both, false), at("2021-06-11T05:15:20", false));
        assert_eq!(read(&both, true), at("2015-05-11T06:21:20", true));
    }

    #[test]
    fn a_clock_that_was_never_set_is_no_date() {
        assert_eq!(read(&[0; 7], false), Clock::Unset);
        assert_eq!(read(&[0xFF; 7], false), Clock::Unset);
        for invalid in [
            [0x20, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00],
            [0x00, 0x00, 0x00, 0x29, 0x02, 0x23, 0x20],
            [0x00, 0x00, 0x24, 0x28, 0x02, 0x24, 0x20],
            [0x00, 0x60, 0x00, 0x28, 0x02, 0x24, 0x20],
            [0x6A, 0x00, 0x00, 0x28, 0x02, 0x24, 0x20],
            [0x00, 0x00, 0x00, 0x01, 0x13, 0x24, 0x20],
        ] {
            assert_eq!(read(&invalid, false), Clock::Invalid, "{invalid:02x?}");
        }
        assert_eq!(
            read(&[0, 0, 0, 0x29, 0x02, 0x24, 0x20], false),
            at("2024-02-29T00:00:00", false)
        );
        assert_eq!(read(&[0x20], false), Clock::Invalid);
    }
}
