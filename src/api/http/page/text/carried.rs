//! What a concentrator's uplink brought, in words.
use super::story::Teller;
use crate::api::explain::{Carried, Uplink};

impl Teller<'_> {
    pub(super) fn tell_carried(&self, uplink: &mut Uplink) {
        if let Some(carried) = &mut uplink.carried {
            carried.say = self.carried(carried);
        }
    }

    /// "3 reports for 2 meters: em-1, gm-1"
    fn carried(&self, carried: &Carried) -> String {
        let (reports, devices) = (carried.reports, carried.devices);
        let names = carried.names.join(", ");
        let (en, zh) = match (carried.meters, devices) {
            (true, 1) => ("meter", "台表计"),
            (true, _) => ("meters", "台表计"),
            (false, 1) => ("device", "台设备"),
            (false, _) => ("devices", "台设备"),
        };
        let report = if reports == 1 { "report" } else { "reports" };
        let more = match devices.saturating_sub(carried.names.len()) {
            0 => String::new(),
            more => self.pick(format!(" and {more} more"), format!(" 等，另有 {more} 台")),
        };
        self.pick(
            format!("{reports} {report} for {devices} {en}: {names}{more}"),
            format!("{devices} {zh}的 {reports} 条上报：{names}{more}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::http::page::lang::Lang;
    use crate::model::Timestamp;

    #[test]
    fn names_that_are_left_out_are_counted() {
        let teller = Teller {
            lang: Lang::En,
            now: Timestamp::EPOCH,
            zone: None,
        };
        let mut carried = Carried {
            reports: 5,
            devices: 4,
            meters: true,
            names: vec!["em-1".to_owned(), "gm-1".to_owned()],
            say: String::new(),
        };
        assert_eq!(
            teller.carried(&carried),
            "5 reports for 4 meters: em-1, gm-1 and 2 more"
        );
        carried.names.truncate(1);
        (carried.reports, carried.devices, carried.meters) = (1, 1, false);
        assert_eq!(teller.carried(&carried), "1 report for 1 device: em-1");
    }
}
