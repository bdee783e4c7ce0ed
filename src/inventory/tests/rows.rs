//! What rows say, alone and of each other.
use super::*;
use std::time::Duration;

const HEADER: &str = "id,kind,profile,district,lat,lon,datum,asset,place,interval,aliases,parent,metering_point,multiplier,digits,valid_from,valid_to,retired,zone,credential\r\n";

#[test]
fn a_row_says_what_its_columns_say() {
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let text = format!(
        "\u{feff}{HEADER}\r\n,,,,,,,,,,,,,,,,,,,\r\n\
         c-1,meter,,,,,,,,,,,,,,,,,,user:c-1\r\n\
         m-1, meter.electricity ,dlt645,370102,36.6512,117.1201,WGS-84,CIM-7,\"Jingshi Rd 1, cabinet\",15m,imei:868411056758782; sn:9,c-1,MP-1,100/5,6.2,2026-03-01,2027-03-01,,Asia/Urumqi,sha256:{hash}\r\n"
    );
    let inventory = read(&text).unwrap();
    assert_eq!((inventory.rows(), inventory.devices()), (2, 2));
    let now = at("2026-11-25");
    let entry = inventory.lookup("sn:9", now).unwrap();
    assert_eq!(entry.id(), "m-1");
    assert_eq!(
        (entry.kind(), entry.profile()),
        ("meter.electricity", "dlt645")
    );
    assert_eq!(entry.district(), "370102");
    let place = Place {
        lat: 36.6512,
        lon: 117.1201,
    };
    assert_eq!(entry.place(), Some(place));
    assert_eq!(
        (entry.asset(), entry.whereabouts()),
        ("CIM-7", "Jingshi Rd 1, cabinet")
    );
    assert_eq!(entry.interval(), Some(Duration::from_mins(15)));
    assert!(
        entry
            .aliases()
            .eq(["imei:868411056758782", "sn:9"].into_iter())
    );
    assert_eq!((entry.parent(), entry.metering_point()), ("c-1", "MP-1"));
    assert_eq!(
        (entry.multiplier(), entry.digits()),
        (Some(20.0), Some((8, 2)))
    );
    let urumqi = TimeZone::get("Asia/Urumqi").unwrap();
    assert_eq!(entry.zone(), Some(&urumqi));
    let begin = Timestamp::parse("2026-03-01T00:00:00", &urumqi).unwrap();
    assert_eq!(entry.valid_from(), Some(begin));
    assert_eq!(entry.credential(), Some(Credential::Token));
    // Found by its token and by no name; outside its time by nothing.
    assert_eq!(
        inventory.lookup_token("abc", now).map(Entry::id),
        Some("m-1")
    );
    assert!(inventory.lookup_token("abd", now).is_none());
    let reference = value::token_name("abc");
    assert!(inventory.lookup(&reference, now).is_none());
    for name in ["m-1", "sn:9"] {
        let before = begin.minus(Duration::from_nanos(1));
        assert!(inventory.lookup(name, before).is_none(), "{name}");
        assert!(inventory.lookup(name, begin).is_some(), "{name}");
    }
    assert!(inventory.lookup("868411056758782", now).is_none());
    // The other row says nothing.
    let plain = inventory.lookup("c-1", now).unwrap();
    assert_eq!(
        (plain.profile(), plain.place(), plain.zone()),
        ("", None, None)
    );
    assert_eq!(plain.credential(), Some(Credential::User("c-1")));
    assert_eq!(
        inventory.lookup_user("c-1", now).map(Entry::id),
        Some("c-1")
    );
    assert_eq!(
        inventory.lookup_user("abc", now).map(Entry::id),
        Some("m-1")
    );
    assert!(inventory.children("c-1", now).map(Entry::id).eq(["m-1"]));
    assert!(inventory.profiles().eq([(5, "dlt645")]));
    assert!(inventory.unknown_profiles(&["json", "dlt645"]).is_empty());
    assert_eq!(
        inventory.unknown_profiles(&["dlt64"])[0].to_string(),
        "devices.csv:5: profile = \"dlt645\": no profile of this name; did you mean `dlt64`?"
    );
}

#[test]
fn every_mistake_has_its_line_and_value() {
    let text = format!(
        "{HEADER}pole 7,,,,,,,,,,,,,,,,,,,\n\
         a,meter.electrik,UPPER,37010,117.1,36.6,GCJ-02,,,15,imei:1,a b,,0,x,2026/3/1,,,Mars,SECRET\n\
         b,,,,,,,,\"two\nlines\",,,,,,,2026-03-01,2026-03-01,,,\n\
         c,,,\n"
    );
    let problems = read(&text).unwrap_err();
    let starts = [
        "devices.csv:2: id = \"pole 7\": device id has ' ' at byte 4",
        "devices.csv:3: kind = \"meter.electrik\": no kind of the catalogue; did you mean `meter.electricity`?",
        "devices.csv:3: profile = \"UPPER\": must be a profile's name",
        "devices.csv:3: district = \"37010\": must be a code of GB/T 2260",
        "devices.csv:3: parent = \"a b\": device id has",
        "devices.csv:3: multiplier = \"0\": must be",
        "devices.csv:3: zone = \"Mars\": must be a zone",
        "devices.csv:3: valid_from = \"2026/3/1\": must be a date",
        "devices.csv:3: datum = \"GCJ-02\": must be WGS-84: coordinates in GCJ-02 or BD-09 lie some 500 m",
        "devices.csv:3: lat, lon = \"117.1, 36.6\": lat and lon are swapped",
        "devices.csv:3: digits = \"x\": must be the digits",
        "devices.csv:3: interval = \"15\": must be a time such as",
        "devices.csv:3: aliases = \"imei:1\": an IMEI has 15 digits",
        "devices.csv:3: credential = \"(hidden)\": must be",
        "devices.csv:4: place = \"two\\nlines\": must be one line",
        "devices.csv:4: valid_to = \"2026-03-01\": must be later",
        "devices.csv:6: row = \"4 fields\": the header has 20 columns",
    ];
    for (start, problem) in starts.iter().zip(&problems) {
        assert!(problem.starts_with(start), "{start}\n{problem}");
    }
    assert_eq!(problems.len(), starts.len(), "{problems:#?}");
}

/// Rows of id, aliases, parent, point, from, to, retired.
fn of_rows(rows: &str) -> Result<Inventory, Vec<String>> {
    let header = "id,aliases,parent,metering_point,valid_from,valid_to,retired";
    read(&format!("{header}\n{rows}"))
}

#[track_caller]
fn refused(rows: &str, words: &[&str]) {
    let problems = of_rows(rows).unwrap_err();
    assert_eq!(problems.len(), words.len(), "{problems:#?}");
    for (problem, words) in problems.iter().zip(words) {
        assert!(problem.contains(words), "{words}\n{problem}");
    }
}

#[test]
fn a_meter_exchange_is_two_rows() {
    let inventory = of_rows(
        "old,dlt645:000000000161,,MP-1,,2026-03-01 10:00,\n\
         new,dlt645:000000000161,,MP-1,2026-03-01 10:00,,\n\
         place,sn:1,,,,2026-03-01,\n\
         place,sn:2,,,2026-04-01,,\n",
    )
    .unwrap();
    assert_eq!((inventory.rows(), inventory.devices()), (4, 3));
    let id = |name, time| inventory.lookup(name, at(time)).map(Entry::id);
    assert_eq!(
        id("dlt645:000000000161", "2026-03-01 09:59:59"),
        Some("old")
    );
    assert_eq!(id("dlt645:000000000161", "2026-03-01 10:00"), Some("new"));
    assert_eq!(
        (id("new", "2026-01-01"), id("old", "2026-04-01")),
        (None, None)
    );
    assert_eq!(
        (id("sn:1", "2026-02-28"), id("sn:1", "2026-04-02")),
        (Some("place"), None)
    );
    assert_eq!(
        (id("place", "2026-03-15"), id("place", "2026-04-01")),
        (None, Some("place"))
    );
    let standing = |id, time| match inventory.standing(id, at(time)) {
        Some(Standing::Valid(entry)) => format!("valid {:?}", entry.aliases().next()),
        Some(Standing::Planned(entry)) => format!("planned {:?}", entry.aliases().next()),
        Some(Standing::Ended(entry)) => format!("ended {:?}", entry.aliases().next()),
        None => "none".to_owned(),
    };
    assert_eq!(standing("place", "2026-01-01"), "valid Some(\"sn:1\")");
    assert_eq!(standing("place", "2026-03-15"), "planned Some(\"sn:2\")");
    assert_eq!(
        standing("old", "2026-03-15"),
        "ended Some(\"dlt645:000000000161\")"
    );
    assert_eq!(standing("sn:1", "2026-01-01"), "none");
    assert_eq!(inventory.standings(at("2026-03-15")).count(), 3);
}

#[test]
fn a_name_leads_to_one_device_at_a_time() {
    refused(
        "a,,,,,,\na,,,,,,\n",
        &["devices.csv:3: id = \"a\": is on line 2 too"],
    );
    refused(
        "a,,,,,2026-03-02,\na,,,,2026-03-01,,\n",
        &["devices.csv:3: id = \"a\": is on line 2 too"],
    );
    refused(
        "a,sn:1,,,,,\nb,sn:1,,,,,\n",
        &["devices.csv:3: aliases = \"sn:1\": leads to `a` (line 2)"],
    );
    refused(
        "a,b,,,,,\nb,,,,,,\n",
        &["devices.csv:3: id = \"b\": is an id on one line and an alias of `a` on line 2"],
    );
    refused(
        "b,,,,,,\na,b,,,,,\n",
        &["devices.csv:3: aliases = \"b\": is an id on one line and an alias of `a` on line 3"],
    );
    refused(
        "a,,,MP,,,\nb,,,MP,,,\n",
        &["devices.csv:3: metering_point = \"MP\": has `a` (line 2) at the same time"],
    );
    refused(
        "a,,,,,,2026-03-01\na,,,,2026-04-01,,\n",
        &["devices.csv:3: id = \"a\": was retired on line 2"],
    );
    refused(
        "a,,,,,2026-04-01,2026-03-01\n",
        &["devices.csv:2: retired = \"2026-03-01\": valid_to says another time"],
    );
    let rows: Vec<String> = (0..65)
        .map(|n| format!("a,,,,{}-01-01,{}-01-01,\n", 1900 + n, 1901 + n))
        .collect();
    refused(
        &rows.concat(),
        &["devices.csv:66: id = \"a\": is on more than 64 rows"],
    );
}

#[test]
fn parents_exist_and_make_no_circle() {
    refused(
        "a,,b,,,,\n",
        &["devices.csv:2: parent = \"b\": no row has this id"],
    );
    refused(
        "a,,sn:1,,,,\nb,sn:1,,,,,\n",
        &["devices.csv:2: parent = \"sn:1\": is an alias: name the device by its id `b`"],
    );
    refused(
        "a,,a,,,,\n",
        &["devices.csv:2: parent = \"a\": makes the device its own parent: a < a"],
    );
    refused(
        "a,,b,,,,\nb,,c,,,,\nc,,b,,,,\nd,,a,,,,\n",
        &[
            "devices.csv:3: parent = \"b\": makes the device its own parent: b < c < b",
            "devices.csv:4: parent = \"c\": makes the device its own parent: c < b < c",
        ],
    );
    let chain = "e,,d,,,,\nd,,c,,,,\nc,,b,,,,\nb,,a,,,,\na,,,,,,\n";
    assert!(of_rows(chain).is_ok());
    refused(
        &format!("{chain}f,,e,,,,\n"),
        &[
            "devices.csv:2: parent = \"e\": its children would have more than 4 parents above each other: e < d < c < b < a",
        ],
    );
}

#[test]
fn files_that_are_no_such_file_say_why() {
    let problems = |bytes: &[u8]| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("devices.csv");
        std::fs::write(&path, bytes).unwrap();
        let read = load(
            &path,
            &Catalogue::shipped(),
            &TimeZone::UTC,
            Unknown::Reject,
        );
        let problems = read.unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems[0].to_string()
    };
    // 灯杆 in GBK.
    let gbk = problems(b"id,place\na,\xb5\xc6\xb8\xcb\n");
    assert!(gbk.contains("devices.csv:2: encoding = \"bytes B5 C6 B8 CB\": the file is no UTF-8 but looks like GBK"), "{gbk}");
    assert!(gbk.contains("iconv -f GB18030 -t UTF-8"), "{gbk}");
    assert!(problems(b"\xff\xfei\0d\0\n\0").contains("is UTF-16"));
    assert!(problems(b"id,place\na,\xff\x20\n").contains("is no UTF-8. Save"));
    assert!(problems(b"id;place\na;b\n").contains("parted by commas"));
    assert!(
        problems(b"id,knd\n")
            .contains(":1: column = \"knd\": unknown column; did you mean `kind`?")
    );
    assert!(problems(b"id,id\n").contains("twice"));
    assert!(problems(b"kind\n").contains("column = \"id\": is missing"));
    assert!(problems(b"").contains("must begin with a header"));
    assert!(problems(b"id,place\na,\"b\nc,d\n").contains(":2: row = \"(no end)\": a quote"));
    assert!(problems(&vec![b'x'; 70_000]).contains(":1: row = \"(too long)\""));
    let missing = load(
        Path::new("nowhere.csv"),
        &Catalogue::shipped(),
        &TimeZone::UTC,
        Unknown::Reject,
    );
    assert!(
        missing.unwrap_err()[0]
            .to_string()
            .starts_with("devices.inventory = nowhere.csv: No such file")
    );
    // Opening a pipe would wait for who writes to it.
    let pipe = tempfile::tempdir().unwrap();
    let pipe = pipe.path().join("devices.csv");
    std::fs::create_dir_all(&pipe).unwrap();
    let read = load(
        &pipe,
        &Catalogue::shipped(),
        &TimeZone::UTC,
        Unknown::Reject,
    );
    let said = read.unwrap_err()[0].to_string();
    assert!(said.ends_with("must be a regular file"), "{said}");
    let other = load(
        Path::new("devices.xlsx"),
        &Catalogue::shipped(),
        &TimeZone::UTC,
        Unknown::Reject,
    );
    assert!(other.unwrap_err()[0].to_string().contains(".csv or .toml"));
}

#[test]
fn quotes_behind_a_blank_are_quotes_and_none_is_part_of_a_name() {
    let inventory = of_rows("a, \"imei:868411056758782;sn:7\" ,,,,,\n").unwrap();
    for name in ["imei:868411056758782", "sn:7"] {
        let found = inventory.lookup(name, at("2026-03-01"));
        assert_eq!(found.map(Entry::id), Some("a"), "{name}");
    }
    refused(
        "a,x\"sn:7\",,,,,\n",
        &["devices.csv:2: aliases = \"x\\\"sn:7\\\"\": has a quote in it"],
    );
}

#[test]
fn there_are_at_most_ten_thousand_districts() {
    let rows = |count: usize| -> String {
        let rows = (0..count).map(|n| format!("m-{n},d-{n}\nn-{n},d-{n}\n"));
        format!("id,district\n{}", rows.collect::<String>())
    };
    assert_eq!(read(&rows(10_000)).unwrap().devices(), 20_000);
    let problems = read(&rows(10_001)).unwrap_err();
    assert_eq!(problems.len(), 2, "{problems:#?}");
    let start = "devices.csv:20002: district = \"d-10000\": is one more than the 10000 districts";
    assert!(problems[0].starts_with(start), "{problems:#?}");
}

#[test]
fn of_many_mistakes_a_hundred_are_shown() {
    let rows: Vec<String> = (0..300).map(|n| format!("a b{n}\n")).collect();
    let problems = read(&format!("id\n{}", rows.concat())).unwrap_err();
    assert_eq!(problems.len(), 101);
    assert_eq!(
        problems[100],
        "devices.csv = 300 mistakes: only the first 100 are shown"
    );
}
