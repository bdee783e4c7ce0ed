//! `api = "v2"` before a real `InfluxDB` 2, which no package source serves: where `CITYGATE_TEST_INFLUX2` names one. Our
//! gateway writes, and the `influxdb2` crate reads back.
//!
//! `CITYGATE_TEST_INFLUX2=http://localhost:8086`, `.._ORG`, `.._BUCKET`, and `.._TOKEN_FILE` of a token that may read and
//! write the bucket.
use super::city::City;
use super::load::Load;
use super::peers::Kind;
use super::truth::{Key, Point, Scalar, differences, expected};
use influxdb2::models::Query;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

/// All points of devices whose names end so.
async fn read(client: &influxdb2::Client, bucket: &str, suffix: &str) -> Vec<Point> {
    let flux = format!(
        "from(bucket: \"{bucket}\") |> range(start: -60d, stop: 1d) |> filter(fn: (r) => r.device =~ /{suffix}$/) \
         |> map(fn: (r) => ({{r with ns: int(v: r._time)}}))"
    );
    let records = client.query_raw(Some(Query::new(flux))).await.unwrap();
    let point = |record: influxdb2::api::query::FluxRecord| {
        let text = |name: &str| record.values.get(name)?.string();
        let value = &record.values["_value"];
        let scalar = value.f64().map(Scalar::Number);
        let scalar = scalar.or_else(|| value.bool().map(Scalar::Flag));
        let scalar = scalar.or_else(|| value.string().map(Scalar::Text));
        // What begins with a line belongs to the answer, and `table`, `result` and `ns` to the query.
        let own =
            |name: &str| name.starts_with('_') || ["table", "result", "ns", ""].contains(&name);
        let tags = record.values.keys().filter(|name| !own(name));
        let tags: BTreeMap<String, String> = tags
            .filter_map(|name| Some((name.clone(), text(name).filter(|value| !value.is_empty())?)))
            .collect();
        let key = Key {
            measurement: text("_measurement").unwrap(),
            tags,
            field: text("_field").unwrap(),
            at_ns: record.values["ns"].i64().unwrap(),
        };
        (key, scalar.unwrap())
    };
    records.into_iter().map(point).collect()
}

#[tokio::test]
async fn a_real_influxdb_2_has_all_that_was_sent() {
    let variable = |name: &str| std::env::var(format!("CITYGATE_TEST_INFLUX2{name}"));
    let Ok(url) = variable("") else {
        println!("NOT CHECKED: InfluxDB 2, for CITYGATE_TEST_INFLUX2 names none");
        return;
    };
    let [org, bucket, token_file] = ["_ORG", "_BUCKET", "_TOKEN_FILE"].map(|name| {
        variable(name).unwrap_or_else(|_| panic!("CITYGATE_TEST_INFLUX2{name} is missing"))
    });
    let dir = tempfile::tempdir().unwrap();
    let city = City::start(
        dir,
        &format!(
            "[[store]]\nname = \"store\"\nurl = \"{url}\"\norg = \"{org}\"\nbucket = \"{bucket}\"\ntoken_file = \"{token_file}\"\n"
        ),
    );
    // What earlier runs wrote is not taken for this one's.
    let suffix = format!("-{}", std::process::id());
    let load = Load::of(0, 12).named(&suffix);
    city.publish(&load);
    let counts = city.delivered("store", load.count());
    assert_eq!((counts.rejected, counts.expired), (0, 0), "{counts:?}");
    let token = std::fs::read_to_string(&token_file).unwrap();
    let client = influxdb2::Client::new(url, org, token.trim());
    let found = read(&client, &bucket, &suffix).await;
    let said = differences(
        Kind::Influx,
        &expected(Kind::Influx, &load.readings),
        &found,
    );
    assert!(said.is_empty(), "{said}");
}

/// The reader itself, on an answer in the form of `InfluxDB`'s annotated CSV.
#[tokio::test]
async fn annotated_csv_is_read() {
    let csv = "#datatype,string,long,dateTime:RFC3339,double,string,string,string,string,long\r\n\
               #group,false,false,false,false,true,true,true,true,false\r\n\
               #default,_result,,,,,,,,\r\n\
               ,result,table,_time,_value,_field,_measurement,device,phase,ns\r\n\
               ,,0,2026-10-31T00:00:00.5Z,-1.5,voltage,meter,d-7,a,1793404800500000000\r\n\r\n\
               #datatype,string,long,dateTime:RFC3339,string,string,string,string,long\r\n\
               #group,false,false,false,false,true,true,true,false\r\n\
               #default,_result,,,,,,,\r\n\
               ,result,table,_time,_value,_field,_measurement,device,ns\r\n\
               ,,1,2026-10-31T00:00:00Z,\"a, \"\"b\"\"\",firmware_version,meter,d-7,1793404800000000000\r\n\r\n";
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).unwrap() > 0);
        let length = csv.len();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{csv}").unwrap();
    });
    let client = influxdb2::Client::new(format!("http://127.0.0.1:{port}"), "org", "token");
    let points = read(&client, "bucket", "-7").await;
    server.join().unwrap();
    let told: Vec<_> = points
        .iter()
        .map(|(key, value)| (key.field.as_str(), key.at_ns, key.tags.len(), value.clone()))
        .collect();
    let wanted = [
        (
            "voltage",
            1_793_404_800_500_000_000,
            2,
            Scalar::Number(-1.5),
        ),
        (
            "firmware_version",
            1_793_404_800_000_000_000,
            1,
            Scalar::Text("a, \"b\"".to_owned()),
        ),
    ];
    assert_eq!(told, wanted);
}
