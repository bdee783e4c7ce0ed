//! One field at a time: its types, and what is wrong with its TOML or its bytes.
use super::number;
use crate::codecs::Sent;
use crate::model::settings::Section;
use crate::profiles::binary::field::Field;
use crate::profiles::binary::frame::Frame;
use crate::profiles::binary::read;

/// A field, or its problems.
fn field(toml: &str) -> Result<Field, Vec<String>> {
    let table = toml::from_str(&toml.replace(';', "\n")).expect("TOML");
    let mut problems = Vec::new();
    let mut section = Section::new("value[0]", table, &mut problems);
    let field = read::field(&mut section, false, None);
    section.finish();
    match (field, problems.is_empty()) {
        (Some(field), true) => Ok(field),
        _ => Err(problems.iter().map(ToString::to_string).collect()),
    }
}

fn sent<'a>(toml: &str, bytes: &[u8]) -> Result<Sent<'a>, String> {
    let field = field(toml).expect(toml);
    let read = field.read(Frame::new(bytes));
    read.map(|(sent, _)| sent).map_err(|bad| bad.to_string())
}

#[test]
fn each_type_is_read() {
    let bytes = [0x80, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x87];
    for (toml, value) in [
        ("at=0;type='u8'", 128.0),
        ("at=0;type='i8'", -128.0),
        ("at=0;type='i8';sign='magnitude'", 0.0),
        ("at=-1;type='i8';sign='magnitude'", -7.0),
        ("at=-1;type='u8';mask=0x0f", 7.0),
        ("at=-1;type='u8';shift=4", 8.0),
        ("at=-1;type='i8';shift=4", -8.0),
        ("at=-1;type='u8';bit=7", 1.0),
        ("at=-1;type='u8';bit=6", 0.0),
        ("at=0;type='u16'", 32_769.0),
        ("at=0;type='u16';endian='little'", 384.0),
        ("at=0;type='i16'", -32_767.0),
        ("at=0;type='u16';sign='magnitude'", -1.0),
        ("at=0;type='u16';mask=0x0fff", 1.0),
        ("at=6;type='u16';mask=0x0ff0;shift=4", 104.0),
        ("at=1;type='u24'", 66_051.0),
        ("at=1;type='i24';endian='little'", 197_121.0),
        ("at=1;type='u32'", 16_909_060.0),
        ("at=0;type='u40'", 549_772_722_948.0),
        ("at=1;type='bcd';length=3", 10_203.0),
        ("at=1;type='bcd';length=3;endian='little'", 30_201.0),
        ("at=0;type='bcd';length=2;sign='magnitude'", -1.0),
        ("at=-1;type='bcd';length=1;sign='magnitude'", -7.0),
    ] {
        assert_eq!(sent(toml, &bytes), Ok(number(value)), "{toml}");
    }
    for (toml, text) in [
        ("at=0;type='hex';length=2", "8001"),
        ("at=0;type='hex';length=2;endian='little'", "0180"),
        ("at=1;type='digits';length=2", "0102"),
    ] {
        assert_eq!(sent(toml, &bytes), Ok(Sent::Text(text.into())), "{toml}");
    }
}

#[test]
fn floats_are_what_the_device_meant() {
    let float = |value: f32| sent("at=0;type='f32'", &value.to_be_bytes());
    assert_eq!(float(21.6), Ok(number(21.6)));
    assert_eq!(float(-1e-40), Ok(number(-1e-40)));
    assert_eq!(float(3e38), Ok(number(f64::from(3e38f32))));
    assert_eq!(float(f32::NAN), Ok(Sent::NotFinite("NaN".into())));
    assert_eq!(float(f32::INFINITY), Ok(Sent::NotFinite("inf".into())));
    let double = sent("at=0;type='f64';endian='little'", &0.1f64.to_le_bytes());
    assert_eq!(double, Ok(number(0.1)));
    // Its upper half is zero: still a double.
    let small = sent("at=0;type='f64'", &[0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(small, Ok(number(5e-324)));
}

#[test]
fn large_registers_keep_their_digits() {
    let exact = sent("at=0;type='u64'", &(1u64 << 53).to_be_bytes());
    assert_eq!(exact, Ok(number(9_007_199_254_740_992.0)));
    let over = sent("at=0;type='u64'", &((1u64 << 53) + 1).to_be_bytes());
    let digits = "9007199254740993".into();
    assert_eq!(over, Ok(Sent::Number(9_007_199_254_740_992.0, digits)));
    let most = sent("at=0;type='i64'", &i64::MIN.to_be_bytes());
    let digits = "-9223372036854775808".into();
    assert_eq!(most, Ok(Sent::Number(-9_223_372_036_854_775_808.0, digits)));
    let bcd = sent("at=0;type='bcd';length=16", &[0x99; 16]);
    assert_eq!(bcd, Ok(Sent::Number(1e32, "9".repeat(32).into())));
    let counter = sent("at=0;type='u48'", &[0xff; 6]);
    assert_eq!(counter, Ok(number(281_474_976_710_655.0)));
}

#[test]
fn a_nibble_that_is_no_digit_is_named() {
    let bytes = [0x00, 0x12, 0x3A, 0xF4];
    for (toml, sentence) in [
        (
            "at=1;type='bcd';length=3",
            "byte 2 is 0x3A: nibble A is no decimal digit",
        ),
        (
            "at=1;type='bcd';length=3;endian='little'",
            "byte 3 is 0xF4: nibble F is no decimal digit",
        ),
        (
            "at=1;type='digits';length=3",
            "byte 2 is 0x3A: nibble A is no decimal digit",
        ),
    ] {
        assert_eq!(sent(toml, &bytes), Err(sentence.to_owned()), "{toml}");
    }
    let padded = [0xf8, 0x68, 0x41, 0xff];
    assert_eq!(
        sent("at=0;type='digits';length=4", &padded),
        Ok(Sent::Text("86841".into()))
    );
    assert_eq!(
        sent("at=0;type='digits';length=2", &[0xff, 0xff]),
        Ok(Sent::Text("".into()))
    );
}

#[test]
fn texts_are_trimmed_and_checked() {
    let toml = "at=1;type='text';length=5";
    assert_eq!(sent(toml, b"x a b\0"), Ok(Sent::Text("a b".into())));
    assert_eq!(
        sent(toml, b"xab\xffcd"),
        Err("byte 3 is 0xFF, which is no UTF-8".to_owned())
    );
    assert_eq!(
        sent(toml, b"xab"),
        Err("needs 5 bytes at byte 1, has 2: the payload ends before byte 3".to_owned())
    );
}

#[test]
fn wrong_fields_are_refused_with_words() {
    for (toml, part) in [
        ("type='u8'", "value[0].at = : is needed"),
        ("at=0", "value[0].type = : is needed"),
        ("at=0;type='u9'", "must be one of u8, u16"),
        (
            "at=70000;type='u8'",
            "must be a whole number from -65535 to 65535",
        ),
        ("at='0';type='u8'", "must be a whole number"),
        (
            "at=-1;type='u16'",
            "is 2 bytes long and cannot begin 1 before the end",
        ),
        ("at=0;type='bcd'", "is needed for `bcd`: 1 to 16 bytes"),
        ("at=0;type='bcd';length=17", "from 1 to 16"),
        ("at=0;type='text';length=4000000000", "from 1 to 64"),
        ("at=0;type='text';length=0", "from 1 to 64"),
        ("at=0;type='u16';length=4", "`u16` has 2"),
        ("at=0;type='u8';mask=0x100", "outside of the type's 8 bits"),
        ("at=0;type='u8';mask=0", "from 1 to"),
        ("at=0;type='u8';bit=8", "outside of the type's 8 bits"),
        ("at=0;type='u8';bit=1;mask=2", "excludes `mask` and `shift`"),
        ("at=0;type='u8';shift=8", "moves out every bit"),
        ("at=0;type='u8';mask=0x0f;shift=4", "moves out every bit"),
        ("at=0;type='f32';mask=1", "for whole numbers only"),
        (
            "at=0;type='f32';sign='magnitude'",
            "whole numbers and bcd only",
        ),
        ("at=0;type='u8';sing='magnitude'", "did you mean `sign`?"),
        (
            "at=0;type='u16';endian='middle'",
            "must be one of big, little",
        ),
    ] {
        let problems = field(toml).expect_err(toml);
        assert!(
            problems.len() == 1 && problems[0].contains(part),
            "{toml}: {problems:#?}"
        );
    }
}
