//! What the inventory names and nobody heard: it is seen by whom its kind and district are granted, and its
//! other names tell nobody else that it exists.
use crate::city::{City, grants};
use crate::matrix::within;
use crate::oracle::{Device, Grant};
use citygate::model::proto;
use tonic::Code;

const ROWS: &str = "\
id,kind,district,aliases,place,metering_point,parent
zq-gas-x,meter.gas,370102,sn:1001,where-gas-x-is,mp-of-gas-x,zq-hub-x
zq-heat-x,meter.heat,410105,sn:2002,where-heat-x-is,mp-of-heat-x,zq-hub-x
zq-hub-x,pole.environment,370103,sn:3003,where-hub-x-is,mp-of-hub-x,
";
/// No name of anybody.
const NOBODY: &str = "sn:4004";

/// Each device of the rows, with its alias.
fn listed() -> [(Device, &'static str); 3] {
    let device = |id, kind, district| Device::new(id, kind, district, 0);
    [
        (device("zq-gas-x", "meter.gas", "370102"), "sn:1001"),
        (device("zq-heat-x", "meter.heat", "410105"), "sn:2002"),
        (device("zq-hub-x", "pole.environment", "370103"), "sn:3003"),
    ]
}

/// Everything that only the row says.
fn words(device: &Device, alias: &str) -> [String; 4] {
    let short = device.id.strip_prefix("zq-").unwrap();
    [
        device.id.clone(),
        alias.to_owned(),
        format!("where-{short}-is"),
        format!("mp-of-{short}"),
    ]
}

#[track_caller]
fn assert_clean(grant: &Grant, asked: &str, body: &str) {
    for (device, alias) in listed().iter().filter(|(device, _)| !grant.sees(device)) {
        for word in words(device, alias) {
            let told = body.contains(&word) && !asked.contains(&word);
            assert!(!told, "{} asked {asked}: {word} in {body}", grant.name);
        }
    }
}

fn lists(city: &City, grant: &Grant) {
    let seen: Vec<String> = listed()
        .into_iter()
        .filter(|(device, _)| grant.sees(device))
        .map(|(device, _)| device.id)
        .collect();
    let page = city.get(grant, "/v1/devices");
    assert_clean(grant, "", &page.body);
    let page = page.json();
    let devices = page["devices"].as_array().unwrap();
    let ids: Vec<&str> = devices
        .iter()
        .map(|device| device["deviceId"].as_str().unwrap())
        .collect();
    assert_eq!(ids, seen, "{}", grant.name);
    let count = |name: &str| {
        page["counts"][name]
            .as_str()
            .map_or(0, |n| n.parse().unwrap())
    };
    assert_eq!((count("total"), count("never")), (seen.len(), seen.len()));
    // A parent that is not seen has no children, whatever it is called.
    for parent in ["zq-hub-x", "sn:3003"] {
        let target = format!("/v1/devices?parent={parent}");
        let children = city.get(grant, &target);
        assert_clean(grant, &target, &children.body);
        let (hub, _) = &listed()[2];
        let expected = seen.iter().filter(|id| *id != "zq-hub-x").count();
        let expected = if grant.sees(hub) { expected } else { 0 };
        let found = children.json()["devices"].as_array().unwrap().len();
        assert_eq!(found, expected, "{} {parent}", grant.name);
    }
}

/// By its id and its alias: all of it, or what a name of nobody gets.
fn names(city: &City, grant: &Grant) {
    for (device, alias) in listed() {
        for name in [device.id.as_str(), alias] {
            for behind in ["", "/readings", "/timeline"] {
                let target = |name: &str| format!("/v1/devices/{name}{behind}");
                let answer = city.get(grant, &target(name));
                assert_clean(grant, &target(name), &answer.body);
                if grant.sees(&device) {
                    assert_eq!(answer.status, 200, "{} {}", target(name), answer.body);
                    continue;
                }
                let near = |sentence: String| sentence.split("; did").next().unwrap().to_owned();
                let nobody = near(city.get(grant, &target(NOBODY)).problem(404));
                let says = near(answer.problem(404)).replace(name, NOBODY);
                assert_eq!(says, nobody, "{} {}", grant.name, target(name));
            }
            let search = format!("/v1/devices?q={name}");
            let answer = city.get(grant, &search);
            assert_clean(grant, &search, &answer.body);
            let found = answer.json()["devices"].as_array().unwrap().len();
            assert_eq!(found, usize::from(grant.sees(&device)), "{search}");
            // A page redirects to the id, or knows nobody.
            let path = |name: &str| format!("/d/{}", name.replace(':', "%3A"));
            let answer = city.get(grant, &path(name));
            assert_clean(grant, &format!("{name} {}", path(name)), &answer.body);
            let expected = match (grant.sees(&device), name == alias) {
                (true, true) => (303, Some(format!("/d/{}", device.id))),
                (true, false) => (200, None),
                (false, _) => (city.get(grant, &path(NOBODY)).status, None),
            };
            let location = answer.header("location").map(str::to_owned);
            assert_eq!((answer.status, location), expected, "{} {name}", grant.name);
        }
    }
}

async fn calls(city: &City, grant: &Grant) {
    let mut registry = city.registry(&grant.token).await;
    for (device, alias) in listed() {
        let mut get = async |name: &str| {
            let request = proto::GetDeviceRequest {
                device_id: name.to_owned(),
            };
            within(registry.get_device(request)).await
        };
        let nobody = get(NOBODY).await.unwrap_err();
        match get(alias).await {
            Ok(found) => {
                assert!(grant.sees(&device), "{} {alias}", grant.name);
                let found = found.into_inner().device.unwrap();
                assert_eq!(found.device_id, device.id);
                assert_clean(grant, "", &format!("{found:?}"));
                assert_eq!(found.aliases, [alias]);
            }
            Err(status) => {
                assert!(!grant.sees(&device), "{status}");
                assert_eq!(status.code(), Code::NotFound);
                let near = |text: &str| text.split("; did").next().unwrap().to_owned();
                let says = near(status.message()).replace(alias, NOBODY);
                assert_eq!(says, near(nobody.message()));
            }
        }
    }
}

#[tokio::test]
async fn names_of_the_inventory_cannot_be_probed() {
    let city = City::listing(grants(), ROWS);
    for grant in &city.grants {
        lists(&city, grant);
        names(&city, grant);
        calls(&city, grant).await;
    }
}
