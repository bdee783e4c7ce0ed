//! What each token grants and each device said, and, by rules written once more, who may see what.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use citygate::access::new_token;
use std::fmt::Write;

pub const METRICS: [&str; 3] = ["voltage", "current", "relative_humidity"];
/// Route, kind, district: no two of a column begin alike but where a prefix is meant.
pub const PLACES: [(&str, &str, &str); 5] = [
    ("g2", "meter.gas", "370102"),
    ("g3", "meter.gas", "370103"),
    ("h2", "meter.heat", "370102"),
    ("h4", "meter.heat", "410105"),
    ("p4", "pole.environment", "410105"),
];

/// A device, and all that was ever said by it.
#[derive(Clone, Debug)]
pub struct Device {
    pub id: String,
    /// "" and "unknown" where no route says so.
    pub kind: &'static str,
    pub district: &'static str,
    /// One reading of each metric: name and value as JSON has it.
    pub readings: Vec<(&'static str, String)>,
    /// Payloads, as they were sent.
    pub payloads: Vec<String>,
    /// Words that stand in nothing else.
    pub marks: Vec<String>,
}

impl Device {
    pub fn new(id: &str, kind: &'static str, district: &'static str, number: usize) -> Self {
        let value = |metric: usize| format!("{}.{number}{metric}7319", 41 + metric);
        let readings = (0..).zip(METRICS).map(|(at, metric)| (metric, value(at)));
        Self {
            id: id.to_owned(),
            kind,
            district,
            readings: readings.collect(),
            payloads: Vec::new(),
            marks: vec![format!("secret-of-{id}"), format!("will-of-{id}")],
        }
    }
}

/// One token of the file.
#[derive(Clone, Debug)]
pub struct Grant {
    pub name: String,
    pub token: String,
    pub digest: String,
    pub kinds: Option<Vec<&'static str>>,
    pub districts: Option<Vec<&'static str>>,
    pub metrics: Option<Vec<&'static str>>,
    pub gateway: bool,
    pub revoked: bool,
}

type Names = Option<Vec<&'static str>>;

impl Grant {
    pub fn new(name: &str, kinds: Names, districts: Names, metrics: Names, gateway: bool) -> Self {
        let (token, digest) = new_token().unwrap();
        Self {
            name: name.to_owned(),
            token: token.reveal().to_owned(),
            digest: digest.to_string(),
            kinds,
            districts,
            metrics,
            gateway,
            revoked: false,
        }
    }

    /// Everything.
    pub fn all(name: &str) -> Self {
        Self::new(name, None, None, None, true)
    }

    pub fn toml(&self) -> String {
        let mut row = format!(
            "[[token]]\nname = \"{}\"\nsha256 = \"{}\"\ncreated = \"2026-11-01T00:00:00Z\"\ngateway = {}\n",
            self.name, self.digest, self.gateway
        );
        for (key, names) in [
            ("kinds", &self.kinds),
            ("districts", &self.districts),
            ("metrics", &self.metrics),
        ] {
            if let Some(names) = names {
                writeln!(row, "{key} = {names:?}").unwrap();
            }
        }
        if self.revoked {
            row.push_str("revoked = \"2026-11-02T00:00:00Z\"\n");
        }
        row
    }

    pub fn sees_all_devices(&self) -> bool {
        self.kinds.is_none() && self.districts.is_none()
    }

    pub fn sees(&self, device: &Device) -> bool {
        let kind = |wanted: &&str| {
            device.kind == *wanted || device.kind.starts_with(&format!("{wanted}."))
        };
        let district = |wanted: &&str| device.district.starts_with(wanted);
        let kinds = self.kinds.as_ref();
        let districts = self.districts.as_ref();
        kinds.is_none_or(|kinds| kinds.iter().any(kind))
            && districts.is_none_or(|districts| districts.iter().any(district))
    }

    pub fn sees_metric(&self, metric: &str) -> bool {
        let metrics = self.metrics.as_ref();
        metrics.is_none_or(|metrics| metrics.contains(&metric))
    }

    /// (device, metric, value) of all that may be seen, sorted.
    pub fn readings(&self, devices: &[Device]) -> Vec<(String, String, String)> {
        let seen = devices.iter().filter(|device| self.sees(device));
        let readings = seen.flat_map(|device| {
            let granted = device.readings.iter();
            let granted = granted.filter(|(metric, _)| self.sees_metric(metric));
            granted.map(|(metric, value)| (device.id.clone(), (*metric).to_owned(), value.clone()))
        });
        let mut readings: Vec<_> = readings.collect();
        readings.sort();
        readings
    }

    pub fn ids(&self, devices: &[Device]) -> Vec<String> {
        let seen = devices.iter().filter(|device| self.sees(device));
        let mut ids: Vec<String> = seen.map(|device| device.id.clone()).collect();
        ids.sort();
        ids
    }

    /// What must not stand in anything that this token gets, but for what the request itself names.
    pub fn forbidden(&self, devices: &[Device], asked: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for device in devices {
            let seen = self.sees(device);
            if !seen && !asked.contains(&device.id) {
                texts.push(device.id.clone());
            }
            for (metric, value) in &device.readings {
                if !seen || !self.sees_metric(metric) {
                    texts.push(value.clone());
                }
            }
            if !seen || self.metrics.is_some() {
                texts.extend(device.marks.iter().cloned());
                // Also inside of others' bytes: so the middle of what base64 makes of them.
                texts.extend(
                    device
                        .payloads
                        .iter()
                        .map(|payload| STANDARD.encode(payload)),
                );
            }
        }
        for metric in METRICS.iter().filter(|metric| !self.sees_metric(metric)) {
            texts.push(format!("\"{metric}\""));
        }
        texts
    }

    /// Looks for all of that.
    #[track_caller]
    pub fn assert_clean(&self, devices: &[Device], asked: &str, text: &str) {
        for forbidden in self.forbidden(devices, asked) {
            assert!(
                !text.contains(&forbidden),
                "{} must not see {forbidden:?}, asked {asked}: {text}",
                self.name
            );
        }
    }
}
