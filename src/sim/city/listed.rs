//! What an inventory must say of a city's meters that speak frames: a frame has an address, no name.
use super::{Body, City, DISTRICTS, Member};
use crate::sim::frames::Meter;
use std::fmt::Write;

impl City {
    /// Rows of an inventory, CSV with a header: meters that speak frames, by their addresses, and the
    /// concentrators that carry them. The header alone if there are none.
    pub fn inventory(&self) -> String {
        let mut text = String::from("id,kind,district,place,aliases,parent\n");
        for (number, member) in (0..).zip(&self.members) {
            member.list(number, &mut text);
        }
        text
    }
}

impl Member {
    fn list(&self, number: usize, text: &mut String) {
        let district = DISTRICTS
            .get(number % DISTRICTS.len())
            .copied()
            .unwrap_or_default();
        let mut row = |id: &str, kind: &str, place: &str, alias: &str, parent: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{id},{kind},{district},{place},{alias},{parent}");
        };
        match &self.body {
            Body::Meter(meter) => {
                let kind = meter.model().kind().name();
                row(&self.id, kind, "", &meter.alias(), "");
            }
            Body::Collector(collector) => {
                row(&self.id, "", "Block 12 basement: meter cabinet", "", "");
                for (place, meter) in (1_usize..).zip(collector.meters()) {
                    let id = child(&self.id, place, meter);
                    let flat = format!("Block 12 flat {}01", place.div_ceil(2));
                    let kind = meter.model().kind().name();
                    row(&id, kind, &flat, &meter.alias(), &self.id);
                }
            }
            Body::Device(_) | Body::Concentrator(_) | Body::Stranger(..) => {}
        }
    }
}

/// `dc-0002-wm-5`
fn child(concentrator: &str, place: usize, meter: &Meter) -> String {
    let prefix = meter.model().kind().prefix();
    format!("{concentrator}-{prefix}-{place}")
}
