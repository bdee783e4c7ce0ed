//! The catalogue: what is shipped, and what an operator may add.
#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "tests")]
use super::*;

fn extended(text: &str) -> (Catalogue, Vec<String>) {
    let mut catalogue = Catalogue::shipped();
    let mut problems = Vec::new();
    let mut top = Section::new("", toml::from_str(text).unwrap(), &mut problems);
    catalogue.extend(&mut top);
    top.finish();
    (
        catalogue,
        problems.iter().map(ToString::to_string).collect(),
    )
}

fn convert(metric: &str, value: f64, unit: &str) -> Result<f64, String> {
    let catalogue = Catalogue::shipped();
    let metric = catalogue.metric(metric).unwrap();
    catalogue
        .convert(metric, value, unit)
        .map_err(|error| error.to_string())
}

/// CJ/T 188: eight digits, four of them behind the point. A top bit that is set, by damage or as a sign of its
/// maker's, makes 0.3412 of it 8000.3412.
#[test]
fn a_flow_with_its_top_bit_set_is_no_good_one() {
    let catalogue = Catalogue::shipped();
    let (min, max) = catalogue.metric("heat_flow").unwrap().range("meter.heat");
    assert!(min > -8000.0 && max < 8000.0, "{min}..{max}");
}

#[test]
fn shipped_files_have_no_problem() {
    let (catalogue, problems) = read_shipped();
    assert_eq!(problems, []);
    assert!(catalogue.metrics().count() > 140);
    assert!(catalogue.kinds().count() > 20);
}

#[test]
fn every_number_has_a_range_and_everything_a_chinese_name() {
    let catalogue = Catalogue::shipped();
    let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    for metric in catalogue.metrics() {
        assert!(chinese(&metric.zh), "{}", metric.name);
        assert_ne!(metric.en, metric.name);
        let bounded = metric.min.is_finite() && metric.max.is_finite();
        assert_eq!(
            bounded,
            metric.kind_of_value == Type::Number,
            "{}",
            metric.name
        );
        assert!(!metric.register || metric.min == 0.0, "{}", metric.name);
    }
    for kind in catalogue.kinds() {
        assert!(chinese(&kind.zh), "{}", kind.name);
    }
}

/// As `frozen.txt` has it: "voltage number V".
fn line(metric: &Metric) -> String {
    let kind = match metric.kind_of_value {
        Type::Number => "number",
        Type::Flag => "flag",
        Type::Word(_) => "word",
        Type::Text => "text",
    };
    let register = if metric.register { " register" } else { "" };
    format!("{} {kind} {}{register}", metric.name, metric.unit)
}

#[test]
fn no_shipped_metric_ever_changes_its_unit_or_type() {
    let frozen: Vec<&str> = include_str!("frozen.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let mut lines: Vec<String> = Catalogue::shipped().metrics().map(line).collect();
    lines.sort();
    for line in &frozen {
        assert!(lines.iter().any(|own| own == line), "{line} was changed");
    }
    for line in &lines {
        assert!(frozen.contains(&line.as_str()), "add to frozen.txt: {line}");
    }
}

#[test]
fn units_of_equivalents_convert() {
    for metric in Catalogue::shipped().metrics() {
        for equivalent in metric.equivalents.iter().filter(|e| !e.unit.is_empty()) {
            assert_eq!(metric.convert(1.0, &equivalent.unit).err(), None);
            assert_ne!(equivalent.unit, metric.unit);
        }
    }
}

#[test]
fn safety_metrics_are_gas_oxygen_fire_and_water() {
    let catalogue = Catalogue::shipped();
    let safety: Vec<&str> = catalogue
        .metrics()
        .filter(|metric| metric.safety)
        .map(|metric| &*metric.name)
        .collect();
    assert_eq!(
        safety.join(" "),
        "co2 ammonia hydrogen_sulfide carbon_monoxide oxygen methane_lel combustible_gas_lel \
         gas_alarm water_level water_immersion smoke_alarm fire_alarm smoke_density"
    );
}

#[test]
fn units_are_those_of_the_contract() {
    let catalogue = Catalogue::shipped();
    for (name, unit) in [
        ("active_energy_interval", "kW.h"),
        ("gas_energy_interval", "kW.h"),
        ("reactive_power", "kvar"),
        ("rsrp", "dBm"),
        ("methane_lel", "%{LEL}"),
        ("oxygen", "%"),
        ("partial_discharge_level", "dB[mV]"),
        ("partial_discharge_charge", "pC"),
        ("pm2_5", "ug/m3"),
        ("hydrogen_sulfide", "mg/m3"),
        ("water_flow", "m3/h"),
        ("co2", "[ppm]"),
        ("lamp_on", "1"),
    ] {
        assert_eq!(&*catalogue.metric(name).unwrap().unit, unit, "{name}");
    }
    let interval = catalogue.metric("gas_energy_interval").unwrap();
    assert_eq!((interval.min, interval.max), (0.0, 1e6));
    assert!(!interval.register);
    assert!(catalogue.metric("active_energy_import").unwrap().register);
    let state = catalogue.metric("valve_state").unwrap();
    let words = ["open", "closed", "fault"].map(Into::into).to_vec();
    assert_eq!(state.kind_of_value, Type::Word(words));
}

#[test]
fn known_conversions() {
    for (metric, value, unit, expected) in [
        ("active_energy_import", 12_008.0, "Wh", 12.008),
        ("active_energy_import", 12.34, "KWH", 12.34),
        ("heat_energy", 3.6, "GJ", 1_000.0),
        ("gas_volume", 1_234.0, "L", 1.234),
        ("gas_flow", 2.0, "l/s", 7.2),
        ("water_level", 150.0, "cm", 1.5),
        ("air_pressure", 101.3, "kPa", 1_013.0),
        ("air_temperature", 21.5, "C", 21.5),
        ("relative_humidity", 0.455, "/", 45.5),
        ("relative_humidity", 45.5, "%RH", 45.5),
        ("battery_level", 80.0, "%EL", 80.0),
        ("oxygen", 20.9, "%VOL", 20.9),
        ("methane_lel", 1.0, "%VOL", 20.0),
        ("sound_level_a", 62.5, "dB(A)", 62.5),
        ("sound_level_a", 6.25, "Bspl", 62.5),
        ("leakage_current", 0.03, "A", 30.0),
        ("temperature_difference", 12.5, "Cel", 12.5),
        ("power_factor", 95.0, "%", 0.95),
        ("rsrp", -144.0, "dBW", -114.0),
        ("no2", 2_445.0, "ppb", 4_600.5),
        ("rainfall", 2.0, "l/m2", 2.0),
        ("partial_discharge_level", 60.0, "dBuV", 0.0),
    ] {
        assert_eq!(convert(metric, value, unit), Ok(expected), "{value} {unit}");
    }
    for (metric, value, unit, expected, within) in [
        ("heat_energy", 1.0, "GJ", 277.777_777_777_777_8, 1e-12),
        ("hydrogen_sulfide", 7.2, "ppm", 10.036, 0.001),
        ("carbon_monoxide", 1.0, "ppm", 1.1456, 0.0001),
        (
            "tilt_angle",
            std::f64::consts::FRAC_PI_4,
            "rad",
            45.0,
            1e-12,
        ),
        ("wind_speed", 10.0, "mph", 4.4704, 1e-12),
        ("gas_pressure", 1.0, "psi", 6.894_757, 1e-6),
    ] {
        let got = convert(metric, value, unit).unwrap();
        assert!((got - expected).abs() <= within, "{value} {unit} is {got}");
    }
}

#[test]
fn another_quantity_is_an_error_that_names_both_units() {
    for (metric, unit, error) in [
        (
            "active_energy_import",
            "m3",
            r#""m3" measures volume, but active_energy_import needs "kW.h" (energy)"#,
        ),
        (
            "methane_lel",
            "%",
            r#""%" measures a ratio, but methane_lel needs "%{LEL}" (share of the lower explosive limit)"#,
        ),
        (
            "tvoc",
            "ppb",
            r#""ppb" measures share of a volume, but tvoc needs "ug/m3" (mass per volume)"#,
        ),
        (
            "gas_volume",
            "Nm³",
            r#""Nm³" measures volume at normal conditions, but gas_volume needs "m3" (volume)"#,
        ),
        (
            "lamp_on",
            "V",
            r#""V" measures voltage, but lamp_on needs "1" (no quantity)"#,
        ),
        (
            "air_pressure",
            "kPaa",
            r#"unknown unit "kPaa"; did you mean `kPa`?"#,
        ),
        ("air_pressure", "bananas", r#"unknown unit "bananas""#),
        ("air_pressure", "", r#"unknown unit """#),
    ] {
        assert_eq!(convert(metric, 1.0, unit), Err(error.to_owned()));
    }
}

#[test]
fn a_range_is_that_of_the_longest_kind() {
    let (catalogue, problems) = extended(
        "[[kind]]\nname = 'tunnel.gas.cabin'\n\
         [[metric]]\nname = 'x'\nmin = 0\nmax = 100\nrange = [\n\
         { kind = 'tunnel', max = 50 }, { kind = 'tunnel.gas', min = 10, max = 20 }]",
    );
    assert_eq!(problems, [""; 0]);
    let metric = catalogue.metric("x").unwrap();
    assert_eq!(metric.range("tunnel.gas.cabin"), (10.0, 20.0));
    assert_eq!(metric.range("tunnel.water"), (0.0, 50.0));
    assert_eq!(metric.range("tunnelling"), (0.0, 100.0));
    assert_eq!(metric.range("meter.gas"), (0.0, 100.0));
    let air = catalogue.metric("air_temperature").unwrap();
    assert_eq!(air.range("tunnel.environment"), (-20.0, 70.0));
    assert_eq!(air.range("pole.environment"), (-50.0, 70.0));
}

#[test]
fn a_kind_prefix_is_of_whole_parts() {
    let catalogue = Catalogue::shipped();
    assert!(catalogue.has_kind_prefix("meter"));
    assert!(catalogue.has_kind_prefix("meter.gas"));
    for wrong in ["met", "meter.", "meter.gas.x", "", "."] {
        assert!(!catalogue.has_kind_prefix(wrong), "{wrong}");
    }
    assert_eq!(catalogue.nearest_kind("meters"), Some("meter"));
    assert_eq!(catalogue.nearest_kind("tunel.gas"), Some("tunnel.gas"));
    assert_eq!(catalogue.nearest_kind("zzzzzzzz"), None);
}

#[test]
fn a_slip_in_a_name_is_understood_and_an_alias_found() {
    let catalogue = Catalogue::shipped();
    assert_eq!(
        catalogue.nearest_metric("active_energy_inport"),
        Some("active_energy_import")
    );
    assert_eq!(catalogue.nearest_metric(&"a".repeat(100_000)), None);
    assert_eq!(&*catalogue.metric("PM2.5").unwrap().name, "pm2_5");
    assert_eq!(
        &*catalogue.metric("humidity").unwrap().name,
        "relative_humidity"
    );
    // Nobody says of what: a metric of its own, and no station's.
    assert_eq!(
        &*catalogue.metric("temperature").unwrap().name,
        "temperature"
    );
    assert_eq!(catalogue.metric("temp"), None);
}

#[test]
fn an_operator_adds_a_metric_and_a_kind() {
    let (catalogue, problems) = extended(
        "[[kind]]\nname = 'pole.flag'\nen = 'Flag pole'\nzh = '旗杆'\n\
         [[metric]]\nname = 'chlorine'\nzh = '氯气'\nunit = 'mg/m3'\nmolar_mass = 70.9\nmax = 50\n\
         safety = true\naliases = ['Cl2']\nequivalents = { lwm2m = ['3325/5700 [ppm]'] }\n\
         range = [{ kind = 'pole.flag', max = 5 }]",
    );
    assert_eq!(problems, [""; 0]);
    assert!(catalogue.has_kind_prefix("pole.flag"));
    let metric = catalogue.metric("Cl2").unwrap();
    assert_eq!(&*metric.en, "chlorine");
    assert_eq!((metric.min, metric.max), (f64::NEG_INFINITY, 50.0));
    assert_eq!(metric.convert(2.445, "ppm"), Ok(7.09));
}

#[test]
fn every_mistake_of_an_addition_is_a_problem() {
    let (catalogue, problems) = extended(
        "[[kind]]\nname = 'meter'\n[[kind]]\nname = 'Meter.X'\n[[kind]]\nzh = '表'\n\
         [[metric]]\nname = 'voltage'\nunit = 'mV'\n\
         [[metric]]\nname = 'Bad-Name'\n\
         [[metric]]\nname = 'ts'\n\
         [[metric]]\nname = 'air_quality'\n\
         [[metric]]\nname = 'a'\nunit = 'kWH'\n\
         [[metric]]\nname = 'bb'\nunit = 'kWh'\n\
         [[metric]]\nname = 'b'\nunit = 'furlong'\n\
         [[metric]]\nname = 'c'\ntype = 'numbr'\n\
         [[metric]]\nname = 'd'\nmin = 2\nmax = 1\n\
         [[metric]]\nname = 'e'\nunit = 'V'\nquantity = 'energy'\n\
         [[metric]]\nname = 'f'\ntype = 'word'\nwords = ['on', 'on']\n\
         [[metric]]\nname = 'g'\ntype = 'flag'\nunit = 'V'\nmax = 3\nregister = true\n\
         [[metric]]\nname = 'h'\nmax = 9\nrange = [{ kind = 'tunel', max = 10 }]\n\
         [[metric]]\nname = 'i'\naliases = ['voltage', 'i', 'x y']\nunits = 'V'\n\
         [[metric]]\nname = 'j'\nunit = 'mg/m3'\nmolar_mass = 1.23456\nmin = nan\n",
    );
    let expected = [
        "kind[0].name = meter: there is such a kind already",
        "kind[1].name = Meter.X: must be parts of [a-z][a-z0-9_]* joined by dots, 64 characters at most",
        "kind[2].name = : a kind needs a name",
        "metric[0].name = voltage: there is such a metric already, and a metric never changes its unit or meaning",
        "metric[1].name = Bad-Name: must be [a-z][a-z0-9_]*, 64 characters at most",
        "metric[2].name = ts: payloads and stores use this name for something else",
        "metric[3].name = air_quality: stores write bad values to `.._bad` and qualities to `.._quality`",
        "metric[4].unit = kWH: unknown unit; did you mean `kW.h`?",
        "metric[5].unit = kWh: write the UCUM code `kW.h`",
        "metric[6].unit = furlong: unknown unit",
        "metric[7].type = \"numbr\": must be one of number, flag, word, text",
        "metric[8].min = 2: must not be above max = 1",
        "metric[9].unit = V: does not measure energy",
        "metric[10].words = on, on: must be 2 to 64 different words of the form [a-z][a-z0-9_]*",
        "metric[11].unit = V: only a number has a unit",
        "metric[11].min = 3: only a number has a range",
        "metric[11].register = true: only a number is a register",
        "metric[12].range[0].kind = tunel: no such kind; did you mean `tunnel`?",
        "metric[12].range[0].range = -inf to 10: must lie in the metric's own range -inf to 9",
        "metric[13].aliases = voltage: there is such a metric or alias already",
        "metric[13].aliases = i: there is such a metric or alias already",
        "metric[13].aliases = x y: must be of [A-Za-z0-9._-], 64 characters at most",
        "metric[13].units = \"V\": unknown key; did you mean `unit`?",
        "metric[14].molar_mass = 1.23456: must have at most three decimals",
        "metric[14].min = nan: must be a number from",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}\n{expected}");
    }
    assert_eq!(&*catalogue.metric("voltage").unwrap().unit, "V");
}

#[test]
fn every_unit_name_of_every_metric_keeps_order() {
    for metric in Catalogue::shipped().metrics() {
        for unit in metric.units() {
            let (low, high) = (metric.convert(1.0, unit), metric.convert(2.0, unit));
            assert!(low.unwrap() < high.unwrap(), "{} in {unit}", metric.name);
        }
    }
}
