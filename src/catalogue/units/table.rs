//! The units, as data: one row a unit, grouped by what they measure.
//!
//! `unit("code other names", mul, div)` means `base = value * mul / div`, where the base is any unit
//! of the group whose row says 1, 1; whole numbers keep 12008 `W.h` at exactly 12.008 `kW.h`. The
//! first name is the code that the catalogue writes: UCUM, except where UCUM has none (`dBm`, `var`).
//! The others are the names of `SenML` (RFC 8428 §12.1; RFC 8798 §2 and §3) and the spellings that
//! devices send, in the plain form that [`super::plain`] makes of them (no blanks, `^`, raised
//! digits or Greek letters).
//!
//! A name may stand in several groups: `C` is a coulomb for a charge and a common slip for `Cel` for
//! a temperature, `%` measures humidity, oxygen and brightness. The metric says which group holds.
//! What stays out, because it would be a guess: `mwh` and `MWH` (milli or mega), `BTU`, `cal` and
//! `gal` (several definitions), and `Nm3` as an `m3` (it depends on the gas's state).
use super::electric::{
    APPARENT_ENERGY, APPARENT_POWER, CAPACITANCE, CHARGE, CONDUCTANCE, CONDUCTIVITY, CURRENT, DATA,
    DATA_RATE, ENERGY, FREQUENCY, LEVEL, POWER, POWER_LEVEL, REACTIVE_ENERGY, REACTIVE_POWER,
    RESISTANCE, VOLTAGE, VOLTAGE_LEVEL,
};
use super::{Quantity, Unit, shifted, unit};

const fn quantity(key: &'static str, name: &'static str, units: &'static [Unit]) -> Quantity {
    Quantity { key, name, units }
}

/// Where a name stands in several groups, the first says what it measures in a message.
pub(super) const QUANTITIES: &[Quantity] = &[
    quantity("ratio", "a ratio", RATIO),
    quantity("temperature", "temperature", TEMPERATURE),
    quantity(
        "temperature_difference",
        "temperature difference",
        TEMPERATURE_DIFFERENCE,
    ),
    quantity("relative_humidity", "relative humidity", RELATIVE_HUMIDITY),
    quantity("volume_fraction", "share of a volume", VOLUME_FRACTION),
    quantity(
        "explosive_limit",
        "share of the lower explosive limit",
        EXPLOSIVE_LIMIT,
    ),
    quantity("battery_level", "battery level", BATTERY_LEVEL),
    quantity("mass_concentration", "mass per volume", MASS_CONCENTRATION),
    quantity("energy", "energy", ENERGY),
    quantity("power", "power", POWER),
    quantity("apparent_power", "apparent power", APPARENT_POWER),
    quantity("reactive_power", "reactive power", REACTIVE_POWER),
    quantity("apparent_energy", "apparent energy", APPARENT_ENERGY),
    quantity("reactive_energy", "reactive energy", REACTIVE_ENERGY),
    quantity("voltage", "voltage", VOLTAGE),
    quantity("current", "electric current", CURRENT),
    quantity("charge", "electric charge", CHARGE),
    quantity("resistance", "resistance", RESISTANCE),
    quantity("conductance", "conductance", CONDUCTANCE),
    quantity("conductivity", "conductivity", CONDUCTIVITY),
    quantity("capacitance", "capacitance", CAPACITANCE),
    quantity("frequency", "frequency", FREQUENCY),
    quantity("level", "a level without a reference", LEVEL),
    quantity("power_level", "power level", POWER_LEVEL),
    quantity("voltage_level", "voltage level", VOLTAGE_LEVEL),
    quantity("sound_level", "sound level", SOUND_LEVEL),
    quantity("sound_level_a", "A-weighted sound level", SOUND_LEVEL_A),
    quantity("volume", "volume", VOLUME),
    quantity(
        "normal_volume",
        "volume at normal conditions",
        NORMAL_VOLUME,
    ),
    quantity(
        "standard_volume",
        "volume at standard conditions",
        STANDARD_VOLUME,
    ),
    quantity("volume_flow", "volume flow", VOLUME_FLOW),
    quantity("mass", "mass", MASS),
    quantity("mass_flow", "mass flow", MASS_FLOW),
    quantity("length", "length", LENGTH),
    quantity("precipitation", "precipitation", PRECIPITATION),
    quantity("area", "area", AREA),
    quantity("speed", "speed", SPEED),
    quantity("acceleration", "acceleration", ACCELERATION),
    quantity("angle", "angle", ANGLE),
    quantity("time", "time", TIME),
    quantity("rate", "events per time", RATE),
    quantity("pressure", "pressure", PRESSURE),
    quantity("illuminance", "illuminance", ILLUMINANCE),
    quantity("irradiance", "irradiance", IRRADIANCE),
    quantity("data", "amount of data", DATA),
    quantity("data_rate", "data rate", DATA_RATE),
    quantity("count", "a count", &[unit("{count} count beats pcs", 1, 1)]),
    quantity("turbidity", "turbidity", &[unit("NTU", 1, 1)]),
    quantity("acidity", "acidity", &[unit("[pH] pH ph PH", 1, 1)]),
    // What is left of RFC 8428, so that a message can say what such a unit measures.
    quantity("luminous_flux", "luminous flux", &[unit("lm", 1, 1)]),
    quantity(
        "luminous_intensity",
        "luminous intensity",
        &[unit("cd", 1, 1)],
    ),
    quantity("luminance", "luminance", &[unit("cd/m2", 1, 1)]),
    quantity("amount", "amount of substance", &[unit("mol", 1, 1)]),
    quantity("solid_angle", "solid angle", &[unit("sr", 1, 1)]),
    quantity("force", "force", &[unit("N", 1, 1), unit("kN", 1_000, 1)]),
    quantity("magnetic_flux", "magnetic flux", &[unit("Wb", 1, 1)]),
    quantity(
        "magnetic_field",
        "magnetic flux density",
        &[unit("T", 1, 1)],
    ),
    quantity("inductance", "inductance", &[unit("H", 1, 1)]),
    quantity("activity", "radioactivity", &[unit("Bq", 1, 1)]),
    quantity("absorbed_dose", "absorbed dose", &[unit("Gy", 1, 1)]),
    quantity("equivalent_dose", "equivalent dose", &[unit("Sv", 1, 1)]),
    quantity("catalysis", "catalytic activity", &[unit("kat", 1, 1)]),
    quantity(
        "battery_time",
        "remaining battery time",
        &[unit("EL", 1, 1)],
    ),
    quantity("position", "position", &[unit("lat lon", 1, 1)]),
    quantity(
        "energy_per_distance",
        "energy per distance",
        &[unit("J/m", 1, 1), unit("W.h/km Wh/km", 18, 5)],
    ),
];

/// A plain number is the ratio itself; RFC 8428 writes it `/`, RFC 8798 has `/100` and `/1000`. `%` is
/// UCUM's, a hundredth. RFC 8428 §12.1 note 1 has a historical `%` that means `/`: a codec that follows
/// it to the letter says `/` here.
const RATIO: &[Unit] = &[
    unit("1 /", 1, 1),
    unit("% /100 percent", 1, 100),
    unit("[ppth] /1000 ‰", 1, 1_000),
];

/// Base `Cel`. `C` and `F` alone are what displays print; as coulomb and farad no temperature metric
/// could take them.
const TEMPERATURE: &[Unit] = &[
    unit("Cel °C degC C deg_C celsius Celsius cel CEL", 1, 1),
    shifted("K kelvin Kelvin", 100, -27_315, 100),
    shifted("[degF] °F degF F fahrenheit Fahrenheit", 5, -160, 9),
];

/// A difference has no offset: 1 K is 1 `Cel`.
const TEMPERATURE_DIFFERENCE: &[Unit] = &[
    unit("K Cel °C degC C", 1, 1),
    unit("mK", 1, 1_000),
    unit("[degF] °F degF F", 5, 9),
];

const RELATIVE_HUMIDITY: &[Unit] = &[
    unit("% %RH %rh %Rh %r.h. RH% rh% RH /100 percent", 1, 1),
    unit("1 /", 100, 1),
    unit("[ppth] /1000 ‰", 1, 10),
];

/// Base ppm.
const VOLUME_FRACTION: &[Unit] = &[
    unit("1 /", 1_000_000, 1),
    unit(
        "% %{vol} %vol %VOL %Vol vol% VOL% Vol% %(vol) %(VOL) %v/v /100 percent",
        10_000,
        1,
    ),
    unit("[ppth] /1000 ‰ mmol/mol", 1_000, 1),
    unit("[ppm] ppm PPM Ppm ppmv ppm(v) umol/mol", 1, 1),
    unit("[ppb] ppb PPB ppbv nmol/mol", 1, 1_000),
];

/// Never from a plain `%`: that may be a share of the volume, twenty times as dangerous.
const EXPLOSIVE_LIMIT: &[Unit] = &[unit(
    "%{LEL} %LEL %lel %Lel LEL% %L.E.L. %L.E.L %(LEL) LEL",
    1,
    1,
)];

const BATTERY_LEVEL: &[Unit] = &[unit("% %EL /100 percent", 1, 1), unit("1 /", 100, 1)];

/// Base `ug/m3`.
const MASS_CONCENTRATION: &[Unit] = &[
    unit("ng/m3 ng.m-3", 1, 1_000),
    unit("ug/m3 ug.m-3 ugm3 UG/M3 ug/M3 ng/l ng/L", 1, 1),
    unit("mg/m3 mg.m-3 mg/M3 ug/l ug/L", 1_000, 1),
    unit("g/m3 g.m-3 mg/l mg/L", 1_000_000, 1),
    unit("kg/m3 kg.m-3 g/l g/L", 1_000_000_000, 1),
];

/// RFC 8428 has `Bspl`, bels; a plain `dB` of a sound can only be above 20 uPa.
const SOUND_LEVEL: &[Unit] = &[
    unit("dB[SPL] dBSPL dB(SPL) dBspl dB DB db", 1, 1),
    unit("B[SPL] Bspl", 10, 1),
];

/// The same, for metrics whose name says that the sound was weighted.
const SOUND_LEVEL_A: &[Unit] = &[
    unit(
        "dB[SPL] dBSPL dB(SPL) dBspl dB DB db dBA dB(A) dBa dB(a) DBA DB(A) db(A)",
        1,
        1,
    ),
    unit("B[SPL] Bspl", 10, 1),
];

/// Base `m3`.
const VOLUME: &[Unit] = &[
    unit("m3 M3 cbm kl kL KL", 1, 1),
    unit("hl hL", 1, 10),
    unit(
        "l L dm3 ltr liter litre Liter Litre liters litres",
        1,
        1_000,
    ),
    unit("cl cL", 1, 100_000),
    unit("ml mL cm3 ccm", 1, 1_000_000),
    unit("[cft_i] ft3 cft", 28_316_846_592, 1_000_000_000_000),
    unit("[gal_us]", 3_785_411_784, 1_000_000_000_000),
];

const NORMAL_VOLUME: &[Unit] = &[unit("Nm3 m3N m3(N) NM3", 1, 1)];
const STANDARD_VOLUME: &[Unit] = &[unit("Sm3 m3S m3(S) SM3 scm", 1, 1)];

/// Base `m3/s`.
const VOLUME_FLOW: &[Unit] = &[
    unit("m3/s m3.s-1 M3/S", 1, 1),
    unit("m3/min m3.min-1", 1, 60),
    unit("m3/h m3.h-1 m3/hr M3/H m3/H cbm/h CMH", 1, 3_600),
    unit("m3/d m3.d-1 m3/day", 1, 86_400),
    unit("l/s l.s-1 L/s L/S lps LPS", 1, 1_000),
    unit("l/min l.min-1 L/min L/MIN lpm LPM", 1, 60_000),
    unit("l/h l.h-1 L/h L/H l/hr L/hr lph LPH", 1, 3_600_000),
    unit("ml/min mL/min", 1, 60_000_000),
];

/// Base g.
const MASS: &[Unit] = &[
    unit("ug", 1, 1_000_000),
    unit("mg", 1, 1_000),
    unit("g gram", 1, 1),
    unit("kg KG Kg", 1_000, 1),
    unit("t", 1_000_000, 1),
];

/// Base `kg/s`.
const MASS_FLOW: &[Unit] = &[
    unit("kg/s kg.s-1", 1, 1),
    unit("kg/h kg.h-1 kg/hr", 1, 3_600),
    unit("t/h t.h-1", 1_000, 3_600),
];

/// Base m. The lengths of a millimetre of rain and of a displacement are the same.
const LENGTH: &[Unit] = &[
    unit("m meter metre meters metres", 1, 1),
    unit("km KM", 1_000, 1),
    unit("dm", 1, 10),
    unit("cm CM", 1, 100),
    unit("mm", 1, 1_000),
    unit("um", 1, 1_000_000),
    unit("nm", 1, 1_000_000_000),
    unit("[in_i] in inch", 254, 10_000),
    unit("[ft_i] ft feet", 3_048, 10_000),
    unit("[mi_i]", 1_609_344, 1_000),
];

/// One litre on a square metre stands a millimetre high.
const PRECIPITATION: &[Unit] = &[
    unit("mm l/m2 L/m2", 1, 1),
    unit("cm", 10, 1),
    unit("m", 1_000, 1),
    unit("[in_i] in inch", 254, 10),
];

const AREA: &[Unit] = &[
    unit("m2", 1, 1),
    unit("cm2", 1, 10_000),
    unit("mm2", 1, 1_000_000),
    unit("km2", 1_000_000, 1),
];

/// Base `m/s`; RFC 8798 puts rain intensity (`mm/h`) here.
const SPEED: &[Unit] = &[
    unit("m/s m.s-1 M/S m/sec mps", 1, 1),
    unit("km/h km.h-1 kmh kph KM/H km/hr kmph", 10, 36),
    unit("m/min", 1, 60),
    unit("m/h", 1, 3_600),
    unit("cm/s", 1, 100),
    unit("mm/s", 1, 1_000),
    unit("mm/min", 1, 60_000),
    unit("mm/h mm/hr l/(m2.h)", 1, 3_600_000),
    unit("mm/d mm/day", 1, 86_400_000),
    unit("[mi_i]/h mph MPH mi/h", 44_704, 100_000),
    unit("[kn_i] kn kt knots", 1_852, 3_600),
    unit("[ft_i]/s ft/s", 3_048, 10_000),
];

const ACCELERATION: &[Unit] = &[
    unit("m/s2 m.s-2", 1, 1),
    unit("mm/s2", 1, 1_000),
    unit("cm/s2 Gal", 1, 100),
    unit("[g] gn", 980_665, 100_000),
    unit("m[g] mgn", 980_665, 100_000_000),
];

/// Base deg. 180/pi to 16 digits, which is finer than a double holds.
const ANGLE: &[Unit] = &[
    unit("deg ° degree degrees DEG", 1, 1),
    unit("' arcmin", 1, 60),
    unit("'' arcsec", 1, 3_600),
    unit("rad", 5_729_577_951_308_232, 100_000_000_000_000),
    unit("mrad", 5_729_577_951_308_232, 100_000_000_000_000_000),
];

/// Base s.
const TIME: &[Unit] = &[
    unit("ns", 1, 1_000_000_000),
    unit("us", 1, 1_000_000),
    unit("ms msec", 1, 1_000),
    unit("s sec secs second seconds", 1, 1),
    unit("min mins minute minutes", 60, 1),
    unit("h hr hrs hour hours", 3_600, 1),
    unit("d day days", 86_400, 1),
    unit("wk week weeks", 604_800, 1),
];

const RATE: &[Unit] = &[
    unit("/s 1/s s-1", 1, 1),
    unit("/min 1/min min-1 beat/min rpm RPM r/min bpm", 1, 60),
    unit("/h 1/h h-1", 1, 3_600),
];

/// Base Pa. NIST SP 811 appendix B.8 for psi, mm[Hg] and the rest.
const PRESSURE: &[Unit] = &[
    unit("Pa pa PA", 1, 1),
    unit("hPa hpa HPA HPa mbar mBar", 100, 1),
    unit("kPa kpa KPa KPA Kpa", 1_000, 1),
    unit("MPa Mpa", 1_000_000, 1),
    unit("bar Bar BAR", 100_000, 1),
    unit("atm", 101_325, 1),
    unit("[psi] psi PSI", 6_894_757_293_168, 1_000_000_000),
    unit("mm[Hg] mmHg mmhg", 133_322_387_415, 1_000_000_000),
    unit("m[H2O] mH2O mH2o", 980_665, 100),
    unit("mm[H2O] mmH2O mmH2o", 980_665, 100_000),
    unit("kgf/cm2", 980_665, 10),
];

const ILLUMINANCE: &[Unit] = &[
    unit("lx lux Lux LUX Lx", 1, 1),
    unit("klx klux kLux", 1_000, 1),
];

const IRRADIANCE: &[Unit] = &[
    unit("W/m2 W.m-2 w/m2", 1, 1),
    unit("mW/cm2", 10, 1),
    unit("kW/m2", 1_000, 1),
];
