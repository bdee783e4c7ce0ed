//! The encoders against vectors of public frames: what a vector says of its frame gives its bytes.
//!
//! Only with `CITYGATE_TEST_VECTORS`, the folder that holds `dlt645.jsonl` and the others.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::cjt188::{self, Layout, Quantity, unit};
use super::dlt645::{self, Energy, Item, Measured};
use super::dlt698::{self, Data};
use super::uplink::hex;
use super::{Clock, Field, Phase};
use jiff::civil::{DateTime, Time, date};
use serde_json::Value;

/// The frame, or why it cannot be made of what the vector says.
type Made = Result<Vec<u8>, &'static str>;
type Make = fn(&Value, &str) -> Made;

fn text<'v>(of: &'v Value, name: &str) -> &'v str {
    of[name].as_str().unwrap_or_default()
}

fn byte(text: &str) -> u8 {
    u8::from_str_radix(text, 16).unwrap()
}

/// Digits without the point.
#[expect(clippy::cast_possible_truncation, reason = "at most 8 digits")]
fn digits(value: &Value, decimals: i32) -> Option<i64> {
    Some((value.as_f64()? * 10_f64.powi(decimals)).round() as i64)
}

/// Preamble bytes, and what follows.
fn preamble(frame: &str) -> (u8, &str) {
    let rest = frame.trim_start_matches("fe");
    (u8::try_from((frame.len() - rest.len()) / 2).unwrap(), rest)
}

fn energy(code: u8) -> Energy {
    use Energy::{ApparentExport, ApparentImport, Combined, Export, Import, Quadrant};
    let first = [
        Combined,
        Import,
        Export,
        Energy::Reactive1,
        Energy::Reactive2,
    ];
    match code {
        0..5 => first[usize::from(code)],
        5..9 => Quadrant(code - 4),
        9 => ApparentImport,
        _ => ApparentExport,
    }
}

fn measured(code: u8) -> (Measured, i32) {
    match code {
        1 => (Measured::Voltage, 1),
        2 => (Measured::Current, 3),
        3 => (Measured::ActivePower, 4),
        4 => (Measured::ReactivePower, 4),
        5 => (Measured::ApparentPower, 4),
        6 => (Measured::PowerFactor, 3),
        7 => (Measured::PhaseAngle, 1),
        8 => (Measured::VoltageDistortion, 2),
        _ => (Measured::CurrentDistortion, 2),
    }
}

fn item(expected: &Value) -> Result<Item, &'static str> {
    let di = u32::from_str_radix(text(expected, "di"), 16).unwrap();
    if di == 0x0400_0102 {
        let time: Time = text(expected, "time").parse().unwrap();
        return Ok(Item::time(date(2000, 1, 1).to_datetime(time)));
    }
    let qualities = expected["quality"].as_array();
    if qualities.is_some_and(|all| all.iter().any(|quality| quality == "invalid_bcd")) {
        return Err("digits that are none");
    }
    let values = expected["values"].as_array().ok_or("no values")?;
    let all = |decimals| -> Vec<Option<i64>> {
        values.iter().map(|value| digits(value, decimals)).collect()
    };
    let one = |decimals| all(decimals).first().copied().flatten();
    Ok(match di.to_be_bytes() {
        [0, code, 0xff, back] => Item::energies(energy(code), back, &all(2)),
        [0, code, tariff, back] => Item::energy(energy(code), None, (tariff, back), one(2)),
        [2, 0x80, 0, 1] => Item::neutral_current(one(3)),
        [2, 0x80, 0, 2] => Item::frequency(one(2)),
        [2, 0x80, 0, 7] => Item::temperature(one(1)),
        [2, 0x80, 0, 8] => Item::clock_battery(one(2)),
        [2, 0x80, 0, 9] => Item::reading_battery(one(2)),
        [2, code @ 1..10, place, 0] => {
            let (what, decimals) = measured(code);
            let phase = usize::from(place).checked_sub(1);
            let phase = phase.and_then(|at| Phase::ALL.get(at)).copied();
            if place == 0xff {
                Item::measured_all(what, &all(decimals))
            } else {
                Item::measured(what, phase, one(decimals))
            }
        }
        _ => return Err("an identifier without a constructor"),
    })
}

fn made_645(expected: &Value, frame: &str) -> Made {
    let (preamble, _) = preamble(frame);
    let address = match text(expected, "address") {
        "AAAAAAAAAAAA" => dlt645::Link::ANY,
        digits => digits.parse().unwrap(),
    };
    let link = dlt645::Link { address, preamble };
    let mut out = Vec::new();
    match byte(text(expected, "control")) {
        0x91 => dlt645::Reply::of(link, item(expected)?).encode(&mut out),
        0x93 => dlt645::Address { link }.encode(&mut out),
        0xd1 => dlt645::Refusal {
            link,
            function: dlt645::function::READ,
            word: byte(text(expected, "error_byte")),
        }
        .encode(&mut out),
        0x11 => {
            let di = u32::from_str_radix(text(expected, "di"), 16).unwrap();
            dlt645::Other::read(link, di).encode(&mut out);
        }
        control if text(expected, "data_hex").is_empty() => {
            let data = Vec::new();
            dlt645::Other {
                link,
                control,
                data,
            }
            .encode(&mut out);
        }
        _ => return Err("a function without a struct"),
    }
    Ok(out)
}

fn quantity(value: &Value, decimals: i32) -> Quantity {
    let unit = match text(value, "unit") {
        "W.h" => unit::WH,
        "kW.h" => unit::KWH,
        "MW.h" => unit::MWH,
        "GJ" => unit::GJ,
        "W" => unit::W,
        "kW" => unit::KW,
        "L" => unit::L,
        "m3" => unit::M3,
        "L/h" => unit::L_H,
        "m3/h" => unit::M3_H,
        other => panic!("{other}"),
    };
    Quantity {
        digits: digits(&value["value"], decimals),
        unit,
    }
}

/// The vectors say no more than that there is no time; which bytes say so lies in the frame, before the
/// status, the sum and the end.
fn clock(expected: &Value, frame: &str) -> Result<Clock, &'static str> {
    let at: Option<DateTime> = expected["meter_time"]
        .as_str()
        .map(|at| at.parse().unwrap());
    let sent = &frame[frame.len() - 22..frame.len() - 8];
    match (at, sent) {
        (Some(at), _) => Ok(Clock::Set(at)),
        (None, "00000000000000") => Ok(Clock::Unset),
        (None, "ffffffffffffff") => Ok(Clock::Absent),
        _ => Err("a time that is none"),
    }
}

fn made_188(expected: &Value, frame: &str) -> Made {
    let (preamble, _) = preamble(frame);
    let order = |name: &str| text(&expected[name], "order");
    let unit_first = ["current", "current_heat", "settlement"]
        .map(order)
        .contains(&"unit_first");
    let link = cjt188::Link {
        kind: byte(text(expected, "meter_type")),
        address: text(expected, "address").parse().unwrap(),
        preamble,
        layout: Layout {
            di_high_first: text(expected, "di_order") == "DI-high-first",
            unit_first,
            year_first: text(expected, "time_order") == "reversed",
        },
    };
    let ser = u8::try_from(expected["ser"].as_u64().unwrap_or(0)).unwrap();
    let di = u16::from_str_radix(text(expected, "di"), 16).unwrap();
    let control = byte(text(expected, "control"));
    let status = || {
        let word = text(expected, "status");
        [byte(&word[..2]), byte(&word[2..])]
    };
    let mut out = Vec::new();
    if expected["current_heat"].is_object() {
        let part = |name: &str, decimals| quantity(&expected[name], decimals);
        // The one with m3 everywhere has two decimals everywhere.
        let flow = if text(&expected["flow"], "unit") == "m3" {
            2
        } else {
            4
        };
        cjt188::Heat {
            link,
            ser,
            settlement: part("settlement_heat", 2),
            current: part("current_heat", 2),
            power: part("heat_power", 2),
            flow: part("flow", flow),
            volume: part("volume", 2),
            supply: digits(&expected["supply_temp_Cel"], 2),
            returned: digits(&expected["return_temp_Cel"], 2),
            hours: digits(&expected["working_hours"], 0),
            clock: clock(expected, frame)?,
            status: status(),
        }
        .encode(&mut out);
    } else if expected["current"].is_object() {
        cjt188::Volume {
            link,
            ser,
            current: quantity(&expected["current"], 2),
            settlement: quantity(&expected["settlement"], 2),
            clock: clock(expected, frame)?,
            status: status(),
        }
        .encode(&mut out);
    } else if expected["settlement"].is_object() {
        let back = u8::try_from(di - 0xd120).unwrap() + 1;
        let quantity = quantity(&expected["settlement"], 2);
        cjt188::Settlement {
            link,
            ser,
            back,
            quantity,
        }
        .encode(&mut out);
    } else {
        let data = text(expected, "data_hex");
        let data = (0..data.len()).step_by(2).map(|at| byte(&data[at..at + 2]));
        let data = data.collect();
        cjt188::Other {
            link,
            control,
            di,
            ser,
            data,
        }
        .encode(&mut out);
    }
    Ok(out)
}

fn made_698(expected: &Value, _: &str) -> Made {
    let digits = text(expected, "server_addr");
    let link = dlt698::Link {
        bytes: u8::try_from(digits.len() / 2).unwrap(),
        client: u8::try_from(expected["client_addr"].as_u64().unwrap()).unwrap(),
        ..dlt698::Link::of(digits.parse().unwrap())
    };
    let apdu = text(expected, "apdu");
    let piid = byte(&apdu[4..6]);
    let oad = u32::from_str_radix(&apdu[6..14], 16).unwrap();
    let mut out = Vec::new();
    if apdu.starts_with("0501") {
        dlt698::Request { link, piid, oad }.encode(&mut out);
        return Ok(out);
    }
    if text(expected, "metric") != "voltage" {
        return Err("an object without its type here");
    }
    let values = expected["values"].as_array().unwrap().iter();
    let values =
        values.map(|value| Data::U16(u16::try_from(self::digits(value, 1).unwrap()).unwrap()));
    let answer = Ok(Data::Array(values.collect()));
    dlt698::Normal {
        link,
        piid,
        oad,
        answer,
    }
    .encode(&mut out);
    Ok(out)
}

#[test]
fn frames_of_public_vectors_are_made_again_byte_for_byte() {
    let Ok(folder) = std::env::var("CITYGATE_TEST_VECTORS") else {
        return;
    };
    let formats: [(&str, Make); 3] = [
        ("dlt645", made_645),
        ("cjt188", made_188),
        ("dlt698", made_698),
    ];
    for (format, make) in formats {
        let lines = std::fs::read_to_string(format!("{folder}/{format}.jsonl")).unwrap();
        let (mut equal, mut apart, mut wrong) = (0, Vec::new(), Vec::new());
        for line in lines.lines() {
            let vector: Value = serde_json::from_str(line).unwrap();
            let (id, frame) = (text(&vector, "id"), text(&vector, "hex"));
            let expected = &vector["expected"];
            let made = if expected["reject"].is_string() {
                Err("a frame that is damaged")
            } else {
                make(expected, frame)
            };
            match made {
                Ok(made) if hex(&made) == frame => equal += 1,
                Ok(made) => wrong.push(format!("{id}: {frame}\n  made {}", hex(&made))),
                Err(why) => apart.push(format!("{id}: {why}")),
            }
        }
        println!("{format}: {equal} equal, not to be made: {apart:?}");
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(equal > apart.len(), "{format}: {equal} equal");
    }
}

#[test]
fn digits_of_vectors_are_exact() {
    assert_eq!(digits(&serde_json::json!(999_999.5), 2), Some(99_999_950));
    assert_eq!(digits(&serde_json::json!(-0.501), 3), Some(-501));
    assert_eq!(Field::signed(2).shown(-501), -501);
}
