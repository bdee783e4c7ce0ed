//! Profiles that are wrong or meant to hurt: refused when they are read, with words.
use super::parse;
use crate::profiles::Profile;

const VALUE: &str = "{ metric = 'csq', at = 0, type = 'u8' }";

/// The mistakes of a profile that must have some.
fn mistakes(text: &str) -> Vec<String> {
    match parse(text) {
        Err(mistakes) => mistakes,
        Ok(_) => panic!("taken: {text}"),
    }
}

/// One mistake, with file, line and these words.
fn refused(text: &str, part: &str) {
    let found = mistakes(text);
    assert!(
        found.iter().any(|mistake| mistake.contains(part)),
        "{text}\n{part}\n{found:#?}"
    );
    assert!(found.iter().all(|m| m.starts_with("profiles/x.toml:")));
}

#[test]
fn sizes_counts_and_offsets_are_bounded() {
    let repeat = |keys: &str| format!("[[repeat]]\nvalue = [{VALUE}]\n{keys}");
    for (keys, part) in [
        (
            "at = 4000000000\nsize = 1",
            "whole number from -65535 to 65535",
        ),
        ("at = 0\nsize = 9223372036854775807", "from 1 to 65535"),
        ("at = 0\nsize = 0", "from 1 to 65535"),
        ("at = 0\nsize = -8", "from 1 to 65535"),
        ("at = 0", "repeat[0].size = : is needed"),
        ("size = 1", "repeat[0].at = : is needed"),
        ("at = 0\nsize = 1\ncount = 0", "a number from 1 to 65535"),
        (
            "at = 0\nsize = 1\ncount = 99999999999",
            "a number from 1 to 65535",
        ),
        ("at = 0\nsize = 1\ncount = 'all'", "must be \"rest\""),
        (
            "at = 0\nsize = 1\ncount = { at = 0, type = 'u64', times = 1000 }",
            "times = 1000: unknown key",
        ),
        (
            "at = 0\nsize = 1\ncount = { at = 0, type = 'i16' }",
            "must be a field that is not negative",
        ),
        ("at = 0\nsize = 1\nstep = '900000y'", "at most 366d"),
        ("at = 0\nsize = 1\nbehind = -1", "from 0 to 65535"),
        (
            "at = 0\nsize = 1\n[repeat.time]\nat = 0\ntype = 'u8'\n[repeat.base]\nat = 0\ntype = 'u8'",
            "needs a `step`",
        ),
        (
            "at = 0\nsize = 4\nstep = '1h'\ntime = { at = 0, type = 'u32' }",
            "excludes a time of each record's own",
        ),
    ] {
        refused(&repeat(keys), part);
    }
    let lists = repeat("at = 0\nsize = 1\n").repeat(17);
    refused(&lists, "repeat = 17: at most 16 lists of records");
}

#[test]
fn records_lie_within_their_bytes_and_hold_no_records() {
    let repeat = |value: &str| format!("[[repeat]]\nat = 0\nsize = 4\nvalue = [{value}]");
    for (value, part) in [
        (
            "{ metric = 'csq', at = 3, type = 'u16' }",
            "value[0].at = 3: 2 bytes there are not within the 4 of one",
        ),
        (
            "{ metric = 'csq', at = -5, type = 'u8' }",
            "not within the 4 of one",
        ),
        (
            "{ metric = 'csq', at = 0, type = 'u8', when = { at = 4, type = 'u8', is = 1 } }",
            "value[0].when.at = 4",
        ),
        (
            "{ metric = 'csq', at = 0, type = 'u8', label.channel = { at = 9, type = 'u8' } }",
            "value[0].label.channel.at = 9",
        ),
    ] {
        refused(&repeat(value), part);
    }
    let nested = format!(
        "{}\n[[repeat.repeat]]\nat = 0\nsize = 1\nvalue = [{VALUE}]",
        repeat(VALUE)
    );
    refused(&nested, "unknown key");
    refused("[[repeat]]\nat = 0\nsize = 4", "a record needs a value");
}

#[test]
fn items_have_one_key_each_and_a_size() {
    let items = |items: &str, item: &str| format!("[items]\n{items}\n[[item]]\n{item}");
    for (list, item, part) in [
        ("key = 5", "key = '01'\nsize = 1", "items.key = 5"),
        ("key = 0", "key = '01'\nsize = 1", "items.key = 0"),
        (
            "key = 2",
            "key = '01'\nsize = 1",
            "must be 2 bytes as hex digits",
        ),
        (
            "key = 1",
            "key = 'zz'\nsize = 1",
            "must be 1 bytes as hex digits",
        ),
        ("key = 1", "size = 1", "an item needs a key"),
        ("key = 1", "key = '01'", "item[0].size = : is needed"),
        ("key = 1", "key = '01'\nsize = 70000", "from 0 to 65535"),
        (
            "key = 1\nlength = 'u8'",
            "key = '01'\nsize = 1",
            "each item's length is sent",
        ),
        (
            "key = 1\nlength = 'u32'",
            "key = '01'",
            "must be one of u8, u16",
        ),
        (
            "key = 1",
            "key = '01'\nsize = 1\n[[item]]\nkey = '01'\nsize = 2",
            "item = 01: this key is there twice",
        ),
        (
            "key = 1",
            "key = '01'\nsize = 1\nvalue = [{ metric = 'csq', type = 'u16' }]",
            "2 bytes there are not within the 1 of one",
        ),
    ] {
        refused(&items(list, item), part);
    }
    refused(
        "[[item]]\nkey = '01'\nsize = 1",
        "items = : is needed where there is an [[item]]",
    );
    let many: Vec<String> = (0..600)
        .map(|at| format!("[[item]]\nkey = '{at:04x}'\nsize = 1\n"))
        .collect();
    refused(
        &format!("[items]\nkey = 2\n{}", many.concat()),
        "item = 600: at most 512 items",
    );
}

#[test]
fn a_profile_has_an_end() {
    let values = |count: usize| format!("value = [{}]", vec![VALUE; count].join(","));
    assert!(parse(&values(512)).is_ok());
    refused(&values(513), "at most 512 values");
    let long = "#".repeat(257 << 10);
    refused(&long, "a profile has at most 262144 bytes");
    let words: Vec<String> = (0..65).map(|at| format!("'{at}' = 1")).collect();
    let words = words.join(", ");
    refused(
        &format!("value = [{{ metric = 'csq', at = 0, type = 'u8', words = {{ {words} }} }}]"),
        "at most 64 sent values",
    );
    let absent = vec!["1"; 257].join(", ");
    refused(
        &format!("value = [{{ metric = 'csq', at = 0, type = 'u8', absent = [{absent}] }}]"),
        "a list of at most 256",
    );
    let when = ["{ at = 0, type = 'u8', is = 1 }"; 9].join(", ");
    refused(
        &format!("value = [{{ metric = 'csq', at = 0, type = 'u8', when = [{when}] }}]"),
        "at most 8 conditions",
    );
    let events = "[[event]]\nname = 'a'\nwhen = { at = 0, type = 'u8', is = 1 }\n".repeat(33);
    refused(&events, "at most 32 events");
    refused("", "the profile has no value, event or inner payload");
    // TOML that nests deep is no TOML.
    let deep = format!("value = {}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(mistakes(&deep).len(), 1);
}

#[test]
fn names_are_names_not_paths() {
    let catalogue = crate::catalogue::Catalogue::shipped();
    for name in [
        "../x",
        "/etc/passwd",
        "x/y",
        "",
        "X",
        "x.toml",
        &"x".repeat(33),
        "x\\u0000",
    ] {
        let text =
            format!("name = \"{name}\"\nversion = '1'\nformat = 'binary'\nvalue = [{VALUE}]");
        let found = Profile::parse("profiles/x.toml", &text, &catalogue);
        let found = found.map(|_| ()).map_err(|all| all[0].to_string());
        let sentence = found.expect_err(name);
        assert!(
            sentence.contains("must be 1 to 32 of a-z 0-9 -"),
            "{sentence}"
        );
    }
    // An inner profile is a name too.
    for name in ["../x", "/etc/passwd"] {
        let text = format!("[inner]\nprofile = '{name}'");
        if let Ok(profile) = parse(&text) {
            // Looked up among those that were read, never opened.
            let decoded = super::decode(&profile, b"payload").expect("a bad part");
            assert!(super::faults(&decoded)[0].contains("no profile"), "{name}");
        }
    }
}
