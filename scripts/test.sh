#!/usr/bin/env bash
# Every check of the project, from a clean clone: scripts/test.sh
#
# Installs what the tests need and the machine lacks (Debian packages as root, Python packages into .venv), then runs
# the checks in the order in which they are likely to fail. What cannot be checked here is said, never passed over.
set -euo pipefail
exec </dev/null

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export CI=true CARGO_TERM_COLOR=never PATH="$PATH:/usr/sbin:/sbin"
skipped=()

step() { printf '\n== %s (%d s since the start)\n' "$1" "$SECONDS"; }
skip() {
    skipped+=("$1")
    printf 'NOT CHECKED: %s\n' "$1"
}

# Debian starts and enables the services that it installs. The tests start their own on ports of their own, so
# neither is wanted: policy-rc.d forbids the start while apt runs, and what we installed is disabled afterwards.
install_packages() {
    local policy=/usr/sbin/policy-rc.d own_policy=no
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
        own_policy=yes
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    apt-get -o DPkg::Lock::Timeout=120 update
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"
    if [ "$own_policy" = yes ]; then
        rm -f "$policy"
        trap - EXIT
    fi
    local service
    for service in mosquitto prometheus victoria-metrics influxdb; do
        if [[ " $* " == *" $service "* ]] && command -v systemctl >/dev/null; then
            systemctl disable "$service" || true
        fi
    done
}

step "what the tests need"
missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v curl >/dev/null || missing+=(curl)
command -v mosquitto >/dev/null || missing+=(mosquitto)
command -v mosquitto_pub >/dev/null || missing+=(mosquitto-clients)
command -v victoria-metrics >/dev/null || missing+=(victoria-metrics)
command -v influxd >/dev/null || missing+=(influxdb)
command -v openssl >/dev/null || missing+=(openssl)
command -v coap-client-notls >/dev/null || missing+=(libcoap3-bin)
command -v chromium >/dev/null || missing+=(chromium)
# Screenshots and widths of the Chinese page need some font that has the letters.
fc-list :lang=zh 2>/dev/null | grep -q . || missing+=(fontconfig fonts-droid-fallback)
# deploy/ is judged by the tools that will read it.
command -v promtool >/dev/null || missing+=(prometheus)
command -v systemd-analyze >/dev/null || missing+=(systemd)
command -v docker-compose >/dev/null || missing+=(docker-compose)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "Missing: run as root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    install_packages "${missing[@]}"
fi
if ! command -v cargo >/dev/null; then
    echo "Missing: Rust, of the version in Cargo.toml or later, with clippy and rustfmt" >&2
    exit 1
fi

# The stamp names the place and what is inside, so that a second run installs nothing and a moved clone starts anew.
stamp="$root $(python3 --version) $(sha256sum <tests/requirements.txt)"
if [ "$(cat .venv/stamp 2>/dev/null)" != "$stamp" ]; then
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/pip install --disable-pip-version-check --quiet --requirement tests/requirements.txt
    printf '%s' "$stamp" >.venv/stamp
fi
export CITYGATE_TEST_PYTHON="$root/.venv/bin/python"

# Node's peers lie in tests/node_modules, where the test scripts find them by themselves.
stamp="$root $(node --version) $(sha256sum <tests/package-lock.json)"
if [ "$(cat tests/node_modules/.stamp 2>/dev/null)" != "$stamp" ]; then
    npm --prefix tests ci --ignore-scripts
    printf '%s' "$stamp" >tests/node_modules/.stamp
fi

step "format"
cargo fmt --all --check

step "licences, bans, sources"
# tests/house.rs compares the lock file with deny.toml in any case; cargo-deny looks deeper.
if command -v cargo-deny >/dev/null; then
    cargo deny --locked check bans licenses sources
else
    skip "cargo-deny is not installed (tests/house.rs checks licences, bans and sources by itself)"
fi
skip "advisories: the advisory database is on no package registry"

step "clippy"
cargo clippy --workspace --all-targets --locked -- -D warnings

step "tests"
timeout 3000 cargo test --workspace --locked --no-fail-fast

[ -n "${CITYGATE_TEST_INFLUX2:-}" ] || skip "InfluxDB 2: CITYGATE_TEST_INFLUX2 names none (tests/store/influx2.rs)"

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

step "oldest Rust that Cargo.toml names"
oldest=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
if [[ "$(rustc --version)" == "rustc $oldest"* ]]; then
    echo "this is $oldest"
elif rustup run "$oldest" cargo --version >/dev/null 2>&1; then
    rustup run "$oldest" cargo check --workspace --all-targets --locked
else
    skip "Rust $oldest is not installed"
fi

step "benches build"
cargo bench --workspace --locked --no-run

step "done"
for what in "${skipped[@]}"; do
    printf 'NOT CHECKED: %s\n' "$what"
done
