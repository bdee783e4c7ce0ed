//! The kinds of device that are simulated, by the names of the catalogue.

/// What a device is. The names are those of the catalogue's kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    PoleLight,
    PoleEnvironment,
    TunnelGas,
    TunnelEnvironment,
    Electricity,
    Gas,
    Water,
    Heat,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::PoleLight,
        Self::PoleEnvironment,
        Self::TunnelGas,
        Self::TunnelEnvironment,
        Self::Electricity,
        Self::Gas,
        Self::Water,
        Self::Heat,
    ];

    /// The catalogue's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::PoleLight => "pole.light",
            Self::PoleEnvironment => "pole.environment",
            Self::TunnelGas => "tunnel.gas",
            Self::TunnelEnvironment => "tunnel.environment",
            Self::Electricity => "meter.electricity",
            Self::Gas => "meter.gas",
            Self::Water => "meter.water",
            Self::Heat => "meter.heat",
        }
    }

    /// First part of its devices' ids.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::PoleLight => "lamp",
            Self::PoleEnvironment => "air",
            Self::TunnelGas => "tg",
            Self::TunnelEnvironment => "te",
            Self::Electricity => "em",
            Self::Gas => "gm",
            Self::Water => "wm",
            Self::Heat => "hm",
        }
    }

    /// Seconds between two messages, and how many of 100 devices are of this kind by default.
    pub(super) const fn interval_and_share(self) -> (f64, f64) {
        match self {
            Self::PoleLight => (60.0, 20.0),
            Self::PoleEnvironment => (60.0, 10.0),
            Self::TunnelGas => (15.0, 5.0),
            Self::TunnelEnvironment => (30.0, 5.0),
            Self::Electricity => (60.0, 30.0),
            Self::Gas => (300.0, 10.0),
            Self::Water => (300.0, 12.0),
            Self::Heat => (300.0, 8.0),
        }
    }

    /// No mains where it hangs: it sleeps between its reports.
    pub(super) const fn is_on_battery(self) -> bool {
        matches!(self, Self::Gas | Self::Water | Self::Heat)
    }

    /// Poles send no time of their own; meters and tunnels do.
    pub(super) const fn is_dated(self) -> bool {
        !matches!(self, Self::PoleLight | Self::PoleEnvironment)
    }
}
