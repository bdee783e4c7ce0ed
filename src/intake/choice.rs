//! Which device an uplink is of, and which codec reads it.
use super::Intake;
use super::reject;
use super::route::{Shape, Target};
use super::settings::Settings;
use super::uplink::Uplink;
use crate::codecs::{self, Decode, Fault, json};
use crate::inventory::Entry;
use crate::model::{DeviceId, Source, Timestamp};
use crate::profiles::{Codec, Profiles};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt::Write;

impl Intake {
    /// The device that the topic or the credentials name: for wills. `None` if no route matches or
    /// the name is no device id.
    pub fn device_of(&self, topic: &str, client: &str, user: &str) -> Option<String> {
        let settings = self.settings();
        let target = settings.routes.find(topic, Source::Mqtt)?;
        let now = self.clock.now();
        let (device, _) = settings.name(&target, (client, user), now);
        DeviceId::check(&device).ok().map(str::to_owned)
    }

    /// The pattern that leads from the topic, for this source.
    pub fn route_of(&self, topic: &str, source: Source) -> Option<String> {
        let settings = self.settings();
        let target = settings.routes.find(topic, source)?;
        Some(target.route.to_owned())
    }

    /// Does a route lead from the topic, for this source?
    pub fn serves(&self, topic: &str, source: Source) -> bool {
        self.settings().routes.find(topic, source).is_some()
    }
}

impl Settings {
    /// A device that was found before, by credentials that are not kept.
    pub(super) fn named<'a>(
        &'a self,
        device: &'a str,
        at: Timestamp,
    ) -> (Cow<'a, str>, Option<Entry<'a>>) {
        let entry = self.knowledge.inventory.lookup(device, at);
        (
            Cow::Borrowed(entry.map_or(device, |entry| entry.id())),
            entry,
        )
    }

    /// The device's name, and what the inventory knows of it at a time.
    pub(super) fn name<'a>(
        &'a self,
        target: &Target<'a>,
        (client, user): (&'a str, &'a str),
        at: Timestamp,
    ) -> (Cow<'a, str>, Option<Entry<'a>>) {
        if target.payload_names {
            return (Cow::Borrowed(""), None);
        }
        let inventory = &self.knowledge.inventory;
        let entry = match (target.token, target.device) {
            (Some(token), _) => inventory.lookup_token(token, at),
            (None, Some(device)) => self.knowledge.entry(device, at),
            (None, None) => inventory.lookup_user(user, at),
        };
        let named = match (entry, target.token) {
            (Some(entry), _) => Cow::Borrowed(entry.id()),
            (None, Some(token)) => Cow::Owned(pseudonym(token)),
            (None, None) => Cow::Borrowed(target.device.unwrap_or(client)),
        };
        (named, entry)
    }
}

/// Bytes of the digest that name a device: 48 bits. Of 10,000 devices two share a
/// name in one city out of five million.
const PSEUDONYM_BYTES: usize = 6;

/// The name of a device that is known by its token alone: always the same, and not the token.
fn pseudonym(token: &str) -> String {
    let mut name = "token:".to_owned();
    if token.is_empty() {
        // No device id: it is refused as such.
        return String::new();
    }
    for byte in Sha256::digest(token.as_bytes())
        .iter()
        .take(PSEUDONYM_BYTES)
    {
        // Writing to a text cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// The codec: the route's, else the Content-Format's, else the inventory's, else `json`.
pub(super) fn codec<'a>(
    target: &Target<'a>,
    entry: Option<Entry<'a>>,
    uplink: &Uplink<'_>,
    profiles: &'a Profiles,
) -> Result<Codec<'a>, Fault> {
    if target.shape == Shape::Gateway {
        return Ok(Codec::BuiltIn("json", Decode::Plain(json::gateway)));
    }
    let of_device = entry.map(Entry::profile).filter(|name| !name.is_empty());
    let profile = match target.profile {
        "" => match codecs::profile_of(uplink.content_format)? {
            Some(profile) => profile,
            None => of_device.unwrap_or("json"),
        },
        "json" if codecs::is_cbor(uplink.content_format) == Some(true) => "cbor",
        named => named,
    };
    let found = profiles.find(profile);
    found.ok_or_else(|| reject::unknown_profile(profile, &profiles.names()))
}
