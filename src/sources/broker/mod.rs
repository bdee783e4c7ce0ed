//! Uplinks from a city's own MQTT broker.
