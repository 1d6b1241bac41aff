# The container engine for the scripts that need one; sourced after lib.sh. Not a program.
# shellcheck shell=bash

base_image=debian:bookworm-slim
started_engine=

engine_answers() { docker info >/dev/null 2>&1; }

# compose ARGUMENT...: whichever of the two generations is installed.
compose() {
    if docker compose version >/dev/null 2>&1; then
        docker compose "$@"
    else
        docker-compose "$@"
    fi
}

# Starts a daemon if none answers and we may. The caller stops it again with stop_engine.
start_engine() {
    engine_answers && return
    ((EUID == 0)) && command -v dockerd >/dev/null || return
    say "starting dockerd"
    setsid dockerd >/tmp/hearsay-dockerd.log 2>&1 </dev/null &
    started_engine=$!
    for _ in {1..150}; do
        engine_answers && return
        kill -0 "$started_engine" 2>/dev/null || break
        sleep 0.2
    done
    tail -n 3 /tmp/hearsay-dockerd.log >&2
    stop_engine
    return 1
}

stop_engine() {
    [[ -n $started_engine ]] || return 0
    kill "$started_engine" 2>/dev/null || true
    wait "$started_engine" 2>/dev/null || true
    started_engine=
}

# The image that ours is built on: here already, from a registry, or, where no registry can be
# reached, made of Debian's own packages.
have_base_image() {
    docker image inspect "$base_image" >/dev/null 2>&1 && return
    say "fetching $base_image"
    timeout 120 docker pull -q "$base_image" >/dev/null 2>&1 && return
    ((EUID == 0)) && command -v debootstrap >/dev/null || return
    say "no registry answers: making $base_image with debootstrap"
    local tree ok=0
    tree=$(mktemp -d)
    debootstrap --variant=minbase bookworm "$tree" >/dev/null &&
        tar -C "$tree" -c . | docker import - "$base_image" >/dev/null || ok=1
    rm -rf "$tree"
    return "$ok"
}
