//! Device profiles: TOML files that map a vendor's JSON, CBOR or bytes onto catalogue metrics.
//!
//! ```text
//!  profiles/*.toml --read, checked against the catalogue--> Profile --decode--> Decoded, as a codec gives
//! ```
//! A profile is data, not a program: it has no loops, no expressions and no patterns to match, so what
//! it costs is bounded by its own length and the payload's.
mod binary;
mod config;
mod document;
mod fixture;
mod folder;
mod frames;
mod inner;
mod literal;
mod map;
mod profile;
mod reading;
mod rules;
mod scale;
mod shipped;
mod step;
mod time;

pub use config::Config;
pub use fixture::{Expected, ExpectedValue, Fixture};
pub use profile::Profile;

pub use crate::codecs::{Spot, Trace, Traced};

use crate::codecs::{self, Decode, Decoded, Dialect, Fault, Limits, Told};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What reads a payload: a codec that needs no file, or a profile.
#[derive(Clone, Copy, Debug)]
pub enum Codec<'p> {
    /// Name and function.
    BuiltIn(&'static str, Decode),
    /// Out of a file.
    File(&'p Profile),
}

/// What a profile may ask while it decodes.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// Bounds of one uplink.
    pub limits: Limits,
    /// For payloads that lie in payloads.
    pub profiles: &'a Profiles,
    /// Name of the profile that the inventory gives a device, by id or alias; "" where it gives none to
    /// one that it has.
    pub profile_of: &'a dyn Fn(&str) -> Option<&'a str>,
}

impl Around<'_> {
    /// What the profile that the inventory gives a meter settles.
    fn dialect_of(&self, alias: &str) -> Option<Dialect> {
        match self.profiles.find((self.profile_of)(alias)?)? {
            Codec::BuiltIn(_, decode) => decode.is_frames().then(Dialect::default),
            Codec::File(profile) => profile.dialect(),
        }
    }
}

impl std::fmt::Debug for Around<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Around")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl<'p> Codec<'p> {
    /// The profile's name.
    pub fn name(self) -> &'p str {
        match self {
            Self::BuiltIn(name, _) => name,
            Self::File(profile) => profile.name(),
        }
    }

    /// Its version; "" of one that needs no file.
    pub fn version(self) -> &'p str {
        match self {
            Self::BuiltIn(..) => "",
            Self::File(profile) => profile.version(),
        }
    }

    /// Kind of the devices that it is made for; "" where it does not say.
    pub fn kind(self) -> &'p str {
        match self {
            Self::BuiltIn(..) => "",
            Self::File(profile) => profile.kind(),
        }
    }

    /// Decodes a payload into `out`, which is empty.
    ///
    /// # Errors
    /// Nothing of it can be used.
    pub fn decode<'a>(
        self,
        payload: &'a [u8],
        around: Around<'a>,
        out: &mut Decoded<'a>,
    ) -> Result<(), Fault>
    where
        'p: 'a,
    {
        match self {
            Self::BuiltIn(_, decode) => {
                let dialect_of = |alias: &str| around.dialect_of(alias);
                let told = Told {
                    limits: around.limits,
                    dialect: Dialect::default(),
                    dialect_of: &dialect_of,
                };
                decode.decode(payload, told, out)
            }
            Self::File(profile) => profile.decode(payload, around, out),
        }
    }
}

/// All profiles of files, by name. Those that need no file are [`codecs::CODECS`].
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    by_name: BTreeMap<Box<str>, Arc<Profile>>,
    /// Those that were read, besides the shipped ones.
    files: Vec<PathBuf>,
}

impl Profiles {
    /// The codec of this name.
    pub fn find(&self, name: &str) -> Option<Codec<'_>> {
        let file = self.by_name.get(name);
        file.map(|profile| Codec::File(profile))
            .or_else(|| codecs::named(name).map(|(name, decode)| Codec::BuiltIn(name, decode)))
    }

    /// Names of all, those that need no file first, for messages: "json, cbor, senml, vega-nb".
    pub fn names(&self) -> String {
        let files = self.by_name.keys().map(|name| &**name);
        let names: Vec<&str> = codecs::CODECS
            .iter()
            .map(|(name, _)| *name)
            .chain(files)
            .collect();
        names.join(", ")
    }

    /// Those out of files, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Profile>> {
        self.by_name.values()
    }
}
