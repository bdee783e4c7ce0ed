#!/bin/sh
# Makes the secrets of docker-compose.yml: at the first start, at random, into a volume. Later starts only hand them out.
#
# Each consumer has a folder of its own under /run/city that only its user can read. The users are those of the images:
# 1883 mosquitto, 1000 influxdb, 472 grafana, 65534 prometheus, 10001 citygate; 10002 is the simulator. InfluxDB
# makes one token at its set-up, which may do everything: gateway and Grafana share it.
set -eu
umask 077
city=${CITY_SECRETS:-/run/city}
tokens=${CITY_TOKENS:-/data/tokens.toml}
mkdir -p "$city/made"
chmod 755 "$city"

# A secret that is there stays.
make() {
    [ -s "$city/made/$1" ] || head -c 30 /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_' >"$city/made/$1"
}

token() {
    name=$1
    shift
    [ -s "$city/made/$name.token" ] && return
    # A name that has a token of which nobody knows the text any more is made anew.
    citygate token revoke "$name" --tokens-file "$tokens" >/dev/null 2>&1 || true
    citygate token create "$name" "$@" --tokens-file "$tokens" >"$city/made/$name.token.new"
    mv "$city/made/$name.token.new" "$city/made/$name.token"
}

# give SECRET USER FOLDER/FILE
give() {
    folder=$city/${3%/*}
    mkdir -p "$folder"
    cp "$city/made/$1" "$city/$3.new"
    chmod 400 "$city/$3.new"
    chown "$2" "$folder" "$city/$3.new"
    chmod 500 "$folder"
    mv "$city/$3.new" "$city/$3"
}

for secret in influx.password influx.token grafana.password mqtt.gateway mqtt.devices; do
    make "$secret"
done
token prometheus --purpose "metrics of this gateway" --expires never --gateway --metric battery_level
token brain --purpose "everything, for people and the city brain" --expires never
chown 10001:10001 "${tokens%/*}" "$tokens"

give influx.password 1000 influxdb/admin.password
give influx.token 1000 influxdb/admin.token
give influx.token 10001 gateway/influx.token
give mqtt.gateway 10001 gateway/mqtt.password
give brain.token 10001 gateway/brain.token
give mqtt.devices 10002 simulator/mqtt.password
give mqtt.gateway 1883 mosquitto/gateway.password
give mqtt.devices 1883 mosquitto/devices.password
give grafana.password 472 grafana/admin.password
give influx.token 472 grafana/influx.token
give prometheus.token 65534 prometheus/gateway.token
echo "secrets are in place"
