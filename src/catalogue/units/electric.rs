//! The units of electricity, radio and data; rows as in [`super::table`].
use super::{Unit, shifted, unit};

/// Decibels above another reference: `base = value + add`.
const fn level(names: &'static str, add: i64) -> Unit {
    shifted(names, 1, add, 1)
}

/// Base J.
pub(super) const ENERGY: &[Unit] = &[
    unit("J W.s Ws", 1, 1),
    unit("kJ KJ", 1_000, 1),
    unit("MJ", 1_000_000, 1),
    unit("GJ", 1_000_000_000, 1),
    unit("TJ", 1_000_000_000_000, 1),
    unit("W.h Wh WH wh W-h", 3_600, 1),
    unit(
        "kW.h kWh KWh KWH kwh Kwh kwH KW.h KW.H kW-h kWhr",
        3_600_000,
        1,
    ),
    unit("MW.h MWh MW-h", 3_600_000_000, 1),
    unit("GW.h GWh", 3_600_000_000_000, 1),
    unit("cal_th", 4_184, 1_000),
    unit("kcal_th", 4_184, 1),
    unit("Gcal_th", 4_184_000_000, 1),
    unit("cal_IT", 41_868, 10_000),
    unit("kcal_IT", 41_868, 10),
    unit("Gcal_IT", 4_186_800_000, 1),
    unit("[Btu_IT]", 105_505_585_262, 100_000_000),
];

/// Base W.
pub(super) const POWER: &[Unit] = &[
    unit("uW", 1, 1_000_000),
    unit("mW", 1, 1_000),
    unit("W w J/s watt watts Watt", 1, 1),
    unit("kW KW kw Kw kJ/s", 1_000, 1),
    unit("MW", 1_000_000, 1),
    unit("GW", 1_000_000_000, 1),
    unit("J/h J.h-1", 1, 3_600),
    unit("kJ/h kJ.h-1", 1_000, 3_600),
    unit("MJ/h MJ.h-1", 1_000_000, 3_600),
    unit("GJ/h GJ.h-1", 1_000_000_000, 3_600),
];

/// UCUM has no apparent power of its own: `V.A` is a product.
pub(super) const APPARENT_POWER: &[Unit] = &[
    unit("V.A VA va", 1, 1),
    unit("kV.A kVA KVA kva", 1_000, 1),
    unit("MV.A MVA", 1_000_000, 1),
];

/// UCUM has no var; RFC 8798 has `var` and `kvar`.
pub(super) const REACTIVE_POWER: &[Unit] = &[
    unit("var Var VAR VAr", 1, 1),
    unit("kvar kVar kVAr kVAR KVAR Kvar kvAr KVar", 1_000, 1),
    unit("Mvar MVar MVAr MVAR", 1_000_000, 1),
];

/// Base `V.A.s`.
pub(super) const APPARENT_ENERGY: &[Unit] = &[
    unit("V.A.s VAs", 1, 1),
    unit("V.A.h VAh", 3_600, 1),
    unit("kV.A.h kVAh KVAh KVAH kvah", 3_600_000, 1),
    unit("MV.A.h MVAh", 3_600_000_000, 1),
];

/// Base `var.s`.
pub(super) const REACTIVE_ENERGY: &[Unit] = &[
    unit("var.s vars", 1, 1),
    unit("var.h varh VARh VArh Varh VARH", 3_600, 1),
    unit(
        "kvar.h kvarh kVARh kVArh kVarh KVARH KVARh Kvarh",
        3_600_000,
        1,
    ),
    unit("Mvar.h Mvarh MVArh MVARh", 3_600_000_000, 1),
];

/// `MV` stays out: on displays in capitals it is a millivolt as often.
pub(super) const VOLTAGE: &[Unit] = &[
    unit("uV", 1, 1_000_000),
    unit("mV mv mVolt", 1, 1_000),
    unit("V v volt volts Volt Volts VOLT VAC VDC Vac Vdc", 1, 1),
    unit("kV KV kv", 1_000, 1),
];

pub(super) const CURRENT: &[Unit] = &[
    unit("nA", 1, 1_000_000_000),
    unit("uA", 1, 1_000_000),
    unit("mA", 1, 1_000),
    unit("A amp Amp amps Amps ampere AMP", 1, 1),
    unit("kA KA", 1_000, 1),
];

/// Base C.
pub(super) const CHARGE: &[Unit] = &[
    unit("pC", 1, 1_000_000_000_000),
    unit("nC", 1, 1_000_000_000),
    unit("uC", 1, 1_000_000),
    unit("mC", 1, 1_000),
    unit("C", 1, 1),
    unit("mA.h mAh", 36, 10),
    unit("A.h Ah AH", 3_600, 1),
];

pub(super) const RESISTANCE: &[Unit] = &[
    unit("mOhm mohm", 1, 1_000),
    unit("Ohm ohm OHM", 1, 1),
    unit("kOhm kohm KOhm", 1_000, 1),
    unit("MOhm Mohm", 1_000_000, 1),
];

pub(super) const CONDUCTANCE: &[Unit] = &[
    unit("S", 1, 1),
    unit("mS", 1, 1_000),
    unit("uS", 1, 1_000_000),
];

/// Base `S/m`.
pub(super) const CONDUCTIVITY: &[Unit] = &[
    unit("S/m", 1, 1),
    unit("mS/cm", 1, 10),
    unit("mS/m", 1, 1_000),
    unit("uS/cm", 1, 10_000),
];

pub(super) const CAPACITANCE: &[Unit] = &[
    unit("F", 1, 1),
    unit("uF", 1, 1_000_000),
    unit("nF", 1, 1_000_000_000),
    unit("pF", 1, 1_000_000_000_000),
];

pub(super) const FREQUENCY: &[Unit] = &[
    unit("mHz", 1, 1_000),
    unit("Hz HZ hz", 1, 1),
    unit("kHz KHz KHZ", 1_000, 1),
    unit("MHz MHZ", 1_000_000, 1),
    unit("GHz GHZ", 1_000_000_000, 1),
];

/// Says how many times, not of what. Ratios of radio levels (RSRQ, SINR) are meant so.
pub(super) const LEVEL: &[Unit] = &[level("dB DB db", 0)];

/// Base `dBm`, decibels above a milliwatt; RFC 8428 has `dBW`.
pub(super) const POWER_LEVEL: &[Unit] = &[
    level("dBm dBM DBM DBm dbm dB[mW] dBmW", 0),
    level("dB[W] dBW", 30),
];

/// Base `dB[mV]`. A factor of 1000 in voltage is 60 dB.
pub(super) const VOLTAGE_LEVEL: &[Unit] = &[
    level("dB[mV] dBmV dBmv dbmV", 0),
    level("dB[V] dBV", 60),
    level("dB[uV] dBuV dBuv dbuV", -60),
];

/// Base byte. UCUM's byte is `By`; RFC 8798 has `B`.
pub(super) const DATA: &[Unit] = &[
    unit("bit", 1, 8),
    unit("By B byte bytes", 1, 1),
    unit("kBy kB", 1_000, 1),
    unit("MBy MB", 1_000_000, 1),
    unit("GBy GB", 1_000_000_000, 1),
    unit("KiBy KiB", 1 << 10, 1),
    unit("MiBy MiB", 1 << 20, 1),
    unit("GiBy GiB", 1 << 30, 1),
];

/// Base `bit/s`.
pub(super) const DATA_RATE: &[Unit] = &[
    unit("bit/s bps", 1, 1),
    unit("kbit/s kbps", 1_000, 1),
    unit("Mbit/s Mbps", 1_000_000, 1),
    unit("By/s B/s", 8, 1),
    unit("MBy/s MB/s", 8_000_000, 1),
];
