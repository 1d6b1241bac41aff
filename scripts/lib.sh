# Shared by the scripts of this folder, which source it first. Not a program.
# shellcheck shell=bash

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd -- "$root" || exit

# Without this ccache does not cache what uses a precompiled header.
export CCACHE_SLOPPINESS=pch_defines,time_macros

# say TEXT...: what happens now, on stderr, so that stdout stays a program's own.
say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

fail() {
    say "$@"
    exit 1
}

# configure PRESET [CMAKE OPTION...]: only when there is nothing yet, or the presets changed;
# everything else that can change, Ninja notices by itself.
configure() {
    local dir=build/$1 log
    [[ -f $dir/build.ninja && ! CMakePresets.json -nt $dir/build.ninja ]] && return
    say "configuring $dir"
    log=$(mktemp)
    if cmake --preset "$@" >"$log" 2>&1; then
        rm -f "$log"
        touch "$dir/build.ninja"
    else
        cat "$log" >&2
        rm -f "$log" "$dir/build.ninja"
        return 1
    fi
}

# build PRESET [TARGET...]: with as many compilers as there are cores. The lock is there because two
# Ninjas in one tree take each other's dependency files away.
build() {
    local dir=build/$1
    configure "$1" || return
    shift
    say "building $dir: ${*:-everything}"
    flock "$dir" ninja -C "$dir" -j "$(nproc)" "$@" >&2
}

# run_tests PRESET [CTEST OPTION...]: the built tests of a preset. The last line of stdout is
# `N passed, N failed`; a test that was skipped has not passed. Returns whether none failed.
run_tests() {
    local preset=$1 report=$root/build/$1/tests.xml
    shift
    rm -f "$report"
    ctest --preset "$preset" --output-junit "$report" "$@" || true
    local total=0 bad=1
    if [[ -f $report ]]; then
        total=$(attribute tests "$report")
        bad=$(($(attribute failures "$report") + $(attribute disabled "$report") +
            $(attribute skipped "$report")))
        ((total > 0)) || { say "no test matches"; bad=1 total=1; }
    else
        total=1
    fi
    echo "$((total - bad)) passed, $bad failed"
    ((bad == 0))
}

# attribute NAME FILE: a number that ctest's JUnit report gives in its <testsuite>.
attribute() {
    grep -om1 -E "\b$1=\"[0-9]+\"" "$2" | tr -dc 0-9
}
