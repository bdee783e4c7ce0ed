//! Wills that wait for their Will Delay Interval (MQTT 5 §3.1.3.2.2). They end with the process:
//! a gateway that stops loses every connection, and that says nothing about a device.
use crate::model::Timestamp;
use crate::sources::mqtt::connect::Will;
use std::collections::{BTreeMap, HashMap};

/// Wills that may wait for their delay. Past it a will acts at once.
const WILLS_MAX: usize = 20_000;

/// A will that acts now.
#[derive(Debug)]
pub struct DueWill {
    /// Whose.
    pub client: Box<str>,
    /// User name, "" if none.
    pub user: Box<str>,
    /// What it says.
    pub will: Box<Will>,
    /// How the connection ended.
    pub cause: &'static str,
}

/// Those that wait, by due time and by client id.
#[derive(Default)]
pub struct Wills {
    /// The number keeps equal times apart.
    waiting: BTreeMap<(Timestamp, u64), DueWill>,
    of: HashMap<Box<str>, (Timestamp, u64)>,
    next: u64,
}

impl Wills {
    /// The device is back.
    pub fn cancel(&mut self, client: &str) {
        if let Some(place) = self.of.remove(client) {
            self.waiting.remove(&place);
        }
    }

    /// Keeps a will until `due`, in place of an older one of the same client id.
    ///
    /// # Errors
    /// Too many wait: the will acts now.
    pub fn delay(&mut self, will: DueWill, due: Timestamp) -> Result<(), DueWill> {
        self.cancel(&will.client);
        if self.waiting.len() >= WILLS_MAX {
            return Err(will);
        }
        self.next += 1;
        let place = (due, self.next);
        self.of.insert(will.client.clone(), place);
        self.waiting.insert(place, will);
        Ok(())
    }

    /// Takes those out whose delay is over.
    pub fn due(&mut self, now: Timestamp) -> Vec<DueWill> {
        let later = self.waiting.split_off(&(now, u64::MAX));
        let due: Vec<_> = std::mem::replace(&mut self.waiting, later)
            .into_values()
            .collect();
        for will in &due {
            self.of.remove(&will.client);
        }
        due
    }
}
