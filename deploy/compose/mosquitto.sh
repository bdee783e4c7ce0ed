#!/bin/sh
# Mosquitto reads hashed passwords only: made of the secrets at each start, then the broker takes over.
set -eu
city=${CITY_SECRETS:-/run/city/mosquitto}
passwords=${CITY_PASSWORDS:-/etc/mosquitto/citygate.passwd}
data=${CITY_MOSQUITTO_DATA:-/var/lib/mosquitto}
mkdir -p "${passwords%/*}" "$data"
: >"$passwords"
chmod 600 "$passwords"
for user in gateway devices; do
    mosquitto_passwd -b "$passwords" "$user" "$(cat "$city/$user.password")"
done
if [ "$(id -u)" = 0 ]; then
    chown mosquitto "$passwords" "$data"
fi
exec mosquitto -c "${CITY_MOSQUITTO:-/mosquitto/config/mosquitto.conf}"
