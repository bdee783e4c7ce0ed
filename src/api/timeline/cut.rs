//! Entries of a timeline as the holder of a grant sees them.
use super::{Arrived, Decoded, Entry, Uplink, What};
use crate::access::Grant;
use crate::api::cut::Cut;

/// Said where an uplink's bytes are kept, and not for everybody's eyes.
pub(super) const NOT_GRANTED: &str =
    "this token does not grant the bytes of this uplink: other values may stand in them";

impl Cut<'_> {
    /// Leaves of an entry what is granted; false: nothing.
    pub(super) fn entry(&self, entry: &mut Entry) -> bool {
        if self.grant().is_unrestricted() {
            return true;
        }
        match &mut entry.what {
            What::Uplink(uplink) => self.uplink(uplink),
            What::Event(event, arrived) => {
                let device = event.device_id.clone();
                if let Some(arrived) = arrived {
                    quiet(arrived, &device, self.grant());
                    if !self.grant().sees_all_devices() && !arrived.alone {
                        // It may be another device's that carried it.
                        arrived.topic.clear();
                        arrived.client.clear();
                        arrived.address = None;
                    }
                    // Whatever a device notes of itself may stand in them.
                    arrived.raw.clear();
                }
                self.event(event)
            }
            What::Reject(reject, _) => {
                self.reject(reject);
                true
            }
            What::State(..) => true,
        }
    }

    fn uplink(&self, uplink: &mut Uplink) -> bool {
        let own = uplink.report.via.is_empty();
        if !self.report(&mut uplink.report) {
            return false;
        }
        if let Some(arrived) = &mut uplink.arrived {
            if self.grant().sees_all_devices() || (own && arrived.alone) {
                quiet(arrived, &uplink.report.device_id, self.grant());
            } else {
                uplink.arrived = None;
                uplink.note = NOT_GRANTED;
            }
        }
        true
    }

    /// Leaves of a decode what is granted.
    pub(super) fn decoded(&self, decoded: &mut Decoded) {
        if self.grant().is_unrestricted() {
            return;
        }
        let preview = &mut decoded.preview;
        let readings = std::mem::take(&mut preview.readings).into_iter();
        let origins = std::mem::take(&mut preview.origins);
        let both = readings.zip(origins);
        let seen = both.filter(|(reading, origin)| {
            self.grant().sees_metric(&reading.metric)
                && (origin.device.is_empty() || origin.is_own || self.sees_named(&origin.device))
        });
        (preview.readings, preview.origins) = seen.unzip();
        preview.devices.retain(|known| self.sees_named(&known.id));
        for said in &mut preview.events {
            said.detail.clear();
        }
        preview.faults.clear();
        // Pieces are bytes, and hold every value.
        preview.pieces.clear();
    }
}

/// Bytes hold every metric; a client may be another device's.
fn quiet(arrived: &mut Arrived, device: &str, grant: &Grant) {
    if !grant.metrics.is_all() {
        arrived.raw.clear();
    }
    if !grant.sees_all_devices() && arrived.client != device {
        arrived.client.clear();
    }
}
