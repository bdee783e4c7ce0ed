//! Ages, times, numbers and units in words.
use super::lang::Lang;
use crate::catalogue::{Metric, Type};
use crate::model::{Timestamp, Value};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Decimal places of a register, which counts to the last one.
const REGISTER_PLACES: usize = 3;
/// Significant digits of other numbers.
const SIGNIFICANT: usize = 5;
/// Letters of a text value.
const TEXT_LEN_MAX: usize = 120;

/// "45 s", "12 min", "3 h 20 min", "2 d 4 h": at most two parts.
pub fn span(duration: Duration, lang: Lang) -> String {
    let [s, min, h, d] = match lang {
        Lang::En => ["s", "min", "h", "d"],
        Lang::Zh => ["秒", "分钟", "小时", "天"],
    };
    let secs = duration.as_secs();
    let two = |number: u64, unit: &str, rest: u64, small: &str| match rest {
        0 => format!("{number} {unit}"),
        rest => format!("{number} {unit} {rest} {small}"),
    };
    if secs < 2 * MINUTE {
        format!("{secs} {s}")
    } else if secs < HOUR {
        format!("{} {min}", secs / MINUTE)
    } else if secs < DAY {
        two(secs / HOUR, h, secs % HOUR / MINUTE, min)
    } else if secs < 10 * DAY {
        two(secs / DAY, d, secs % DAY / HOUR, h)
    } else {
        format!("{} {d}", secs / DAY)
    }
}

/// How long ago, in words. Steps of 10 s below two minutes, so that a page does not change with
/// each look.
pub fn ago(then: Timestamp, now: Timestamp, lang: Lang) -> String {
    let age = now.since(then);
    if age.as_secs() < 10 {
        return match lang {
            Lang::En => "just now".to_owned(),
            Lang::Zh => "刚刚".to_owned(),
        };
    }
    let shown = if age.as_secs() < 2 * MINUTE {
        Duration::from_secs(age.as_secs() / 10 * 10)
    } else {
        age
    };
    let span = span(shown, lang);
    match lang {
        Lang::En => format!("{span} ago"),
        Lang::Zh => format!("{span}前"),
    }
}

/// A time in the site's zone: "14:03:22" today, "11-24 14:03" this year, else with the year.
pub fn clock(time: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (time, now) = (zoned(time, zone), zoned(now, zone));
    if time.date() == now.date() {
        time.strftime("%H:%M:%S").to_string()
    } else if time.year() == now.year() {
        time.strftime("%m-%d %H:%M").to_string()
    } else {
        time.strftime("%Y-%m-%d %H:%M").to_string()
    }
}

/// The whole time in the site's zone: "2026-11-25 14:03:22".
pub fn full(time: Timestamp, zone: &TimeZone) -> String {
    zoned(time, zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Wall time in a zone.
pub fn zoned(time: Timestamp, zone: &TimeZone) -> DateTime {
    // The range of a Timestamp lies within jiff's.
    let instant = jiff::Timestamp::from_nanosecond(i128::from(time.as_nanos()));
    zone.to_datetime(instant.unwrap_or_default())
}

/// The zone's name, or its offset where it has none.
pub fn zone_name(zone: &TimeZone, now: Timestamp) -> String {
    if let Some(name) = zone.iana_name() {
        return name.to_owned();
    }
    let now = jiff::Timestamp::from_nanosecond(i128::from(now.as_nanos()));
    format!("UTC{}", zone.to_offset(now.unwrap_or_default()))
}

/// A number as people read it: registers with all their decimals, others with five digits.
pub fn number(value: f64, register: bool) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let whole = value.abs().log10().floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a logarithm of a double lies within -324..309"
    )]
    let digits = if value == 0.0 || whole < 0.0 {
        1
    } else {
        whole as usize + 1
    };
    let places = if register {
        REGISTER_PLACES
    } else if value.abs() >= 0.001 || value == 0.0 {
        SIGNIFICANT.saturating_sub(digits)
    } else {
        return format!("{value:.2e}");
    };
    let text = format!("{value:.places$}");
    if !text.contains('.') {
        return text;
    }
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// A value without its unit. Flags are yes and no; a text is cut.
pub fn value(value: &Value<'_>, metric: Option<&Metric>, lang: Lang) -> String {
    match value {
        Value::Number(value) => number(*value, metric.is_some_and(|metric| metric.register)),
        Value::Flag(flag) => {
            let text = if *flag {
                super::text::YES
            } else {
                super::text::NO
            };
            text.of(lang).to_owned()
        }
        Value::Text(text) => {
            let is_word = metric.is_some_and(|m| matches!(m.kind_of_value, Type::Word(_)));
            let word = is_word.then(|| super::text::names::word(text)).flatten();
            word.map_or_else(|| cut(text, TEXT_LEN_MAX), |word| word.of(lang).to_owned())
        }
        Value::Absent => "–".to_owned(),
    }
}

/// At most `max` characters; what was cut is marked.
pub fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A UCUM code as people write it: "kW·h", "m³/h", "°C".
pub fn unit(ucum: &str) -> String {
    match ucum {
        "1" | "" => String::new(),
        "Cel" => "°C".to_owned(),
        "deg" => "°".to_owned(),
        "[ppm]" => "ppm".to_owned(),
        "%{LEL}" => "% LEL".to_owned(),
        "dB[SPL]" => "dB".to_owned(),
        "dB[mV]" => "dBmV".to_owned(),
        code => {
            let mut text = String::with_capacity(code.len() + 4);
            let mut letters = code.chars().peekable();
            let mut before = ' ';
            while let Some(letter) = letters.next() {
                match letter {
                    '.' => text.push('·'),
                    '2' if before.is_ascii_alphabetic() => text.push('²'),
                    '3' if before.is_ascii_alphabetic() => text.push('³'),
                    'u' if !before.is_ascii_alphabetic() && letters.peek() == Some(&'g') => {
                        text.push('µ');
                    }
                    other => text.push(other),
                }
                before = letter;
            }
            text
        }
    }
}

/// "12.5 kW·h".
pub fn with_unit(number: &str, ucum: &str) -> String {
    match unit(ucum).as_str() {
        "" => number.to_owned(),
        "°" => format!("{number}°"),
        sign => format!("{number} {sign}"),
    }
}

/// "512 MiB", with a binary prefix and at most one decimal.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut size = count as f64;
    let mut at = 0;
    while size >= 1024.0 && at + 1 < UNITS.len() {
        size /= 1024.0;
        at += 1;
    }
    let unit = UNITS.get(at).copied().unwrap_or_default();
    if at == 0 || size >= 100.0 {
        format!("{size:.0} {unit}")
    } else {
        format!("{size:.1} {unit}")
    }
}

/// "0.85 ms", "12 ms", "1.2 s".
pub fn latency(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1e3;
    if ms < 10.0 {
        format!("{ms:.2} ms")
    } else if ms < 1000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1e3)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn spans_have_two_parts_at_most() {
        for (secs, en, zh) in [
            (0, "0 s", "0 秒"),
            (119, "119 s", "119 秒"),
            (25 * 60, "25 min", "25 分钟"),
            (3600, "1 h", "1 小时"),
            (3 * 3600 + 1200, "3 h 20 min", "3 小时 20 分钟"),
            (2 * 86_400 + 4 * 3600, "2 d 4 h", "2 天 4 小时"),
            (40 * 86_400 + 4 * 3600, "40 d", "40 天"),
        ] {
            assert_eq!(span(Duration::from_secs(secs), Lang::En), en);
            assert_eq!(span(Duration::from_secs(secs), Lang::Zh), zh);
        }
    }

    #[test]
    fn ages_are_rounded_and_never_negative() {
        let now = Timestamp::from_secs(1_800_000_000);
        let at = |secs| ago(now.minus(Duration::from_secs(secs)), now, Lang::En);
        assert_eq!(at(3), "just now");
        assert_eq!(at(59), "50 s ago");
        assert_eq!(at(150), "2 min ago");
        let ahead = now.plus(Duration::from_hours(1));
        assert_eq!(ago(ahead, now, Lang::Zh), "刚刚");
    }

    #[test]
    fn times_are_the_sites() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let now = Timestamp::from_secs(1_800_000_000); // 2027-01-15T08:00:00Z
        assert_eq!(clock(now, now, &zone), "16:00:00");
        assert_eq!(
            clock(now.minus(Duration::from_hours(24)), now, &zone),
            "01-14 16:00"
        );
        assert_eq!(
            clock(now.minus(Duration::from_hours(800)), now, &zone),
            "2026-12-13 08:00"
        );
        assert_eq!(full(now, &zone), "2027-01-15 16:00:00");
        assert_eq!(zone_name(&zone, now), "Asia/Shanghai");
        assert_eq!(
            zone_name(&TimeZone::fixed(jiff::tz::offset(8)), now),
            "UTC+08"
        );
    }

    #[test]
    fn numbers_keep_what_matters() {
        for (value, plain, register) in [
            (0.0, "0", "0"),
            (-0.0, "0", "0"),
            (230.1, "230.1", "230.1"),
            (20.900_000_000_1, "20.9", "20.9"),
            (123_456.78, "123457", "123456.78"),
            (0.012_345_678, "0.0123", "0.012"),
            (1e-7, "1.00e-7", "0"),
            (f64::NAN, "NaN", "NaN"),
            (-12.5, "-12.5", "-12.5"),
            (99_999.0, "99999", "99999"),
        ] {
            assert_eq!(number(value, false), plain);
            assert_eq!(number(value, true), register);
        }
    }

    #[test]
    fn units_are_written_as_people_write_them() {
        for (ucum, shown) in [
            ("kW.h", "kW·h"),
            ("m3/h", "m³/h"),
            ("ug/m3", "µg/m³"),
            ("W/m2", "W/m²"),
            ("Cel", "°C"),
            ("1", ""),
            ("%{LEL}", "% LEL"),
            ("kvar.h", "kvar·h"),
        ] {
            assert_eq!(unit(ucum), shown);
        }
        assert_eq!(with_unit("45", "deg"), "45°");
        assert_eq!(with_unit("45", "%"), "45 %");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(500 << 30), "500 GiB");
        assert_eq!(latency(Duration::from_micros(850)), "0.85 ms");
    }
}
