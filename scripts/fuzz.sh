#!/usr/bin/env bash
# Runs the fuzz targets of fuzz/ with the compiler that builds the gateway: scripts/fuzz.sh [SECONDS [TARGET..]]
#
# cargo-fuzz wants a nightly compiler for its sanitizers. Coverage, which is what leads the search, comes from flags of
# the stable one; there is no unsafe code here that a sanitizer would watch. Needs a C++ compiler for libFuzzer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../fuzz"
seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(basename -s .rs fuzz_targets/*.rs)

# The gateway's own versions.
cp ../Cargo.lock Cargo.lock
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
bins=()
for target in "${targets[@]}"; do bins+=(--bin "$target"); done
# With a target named, the flags are not for build scripts.
host=$(rustc -vV | sed -n 's/^host: //p')
cargo build --release --target "$host" "${bins[@]}"
failed=()
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target" "artifacts/$target" "seeds/$target"
    echo "== $target"
    "./target/$host/release/$target" "corpus/$target" "seeds/$target" -max_total_time="$seconds" -max_len=512 \
        -timeout=10 -rss_limit_mb=1024 -artifact_prefix="artifacts/$target/" -print_final_stats=1 2>&1 |
        grep -E '^(stat::|SUMMARY|Done|.*panicked|.*ERROR)' || failed+=("$target")
done
if [ ${#failed[@]} -gt 0 ]; then
    echo "what fails lies in fuzz/artifacts: ${failed[*]}"
    exit 1
fi
