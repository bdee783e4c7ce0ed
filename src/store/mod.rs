//! Readings to a city's own time-series store, by the `InfluxDB` API.
