# shellcheck shell=bash
# Functions that deploy/run and deploy/test share: messages, Debian packages, the toolchain, child processes.
# To be sourced by bash with `set -euo pipefail`; sourcing it changes nothing.

say() { printf '==> %s\n' "$*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit "${2:-1}"
}

# as_root COMMAND…: runs it as root, through sudo where we are not. Never asks for a password: it says what to do instead.
as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        die "needs root for this, and sudo is not there or wants a password. Run it yourself, then start again:
    sudo $*"
    fi
}

# need_packages NAME…: installs the Debian packages that are not installed yet; silent when there is nothing to do.
need_packages() {
    local name missing=()
    for name in "$@"; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || missing+=("$name")
    done
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || die "these Debian packages are needed, and there is no apt-get here: ${missing[*]}"
    say "installing Debian packages: ${missing[*]}"

    # Debian's postgresql would create and start a cluster of its own. This include is read in time to prevent it, and
    # goes afterwards, so that the machine keeps its defaults.
    local guard=''
    if [[ " ${missing[*]} " == *' postgresql '* && ! -e /etc/postgresql-common/createcluster.d/parley.conf ]]; then
        guard=/etc/postgresql-common/createcluster.d/parley.conf
        as_root mkdir -p "${guard%/*}"
        as_root tee "$guard" >/dev/null <<<'create_main_cluster = false'
    fi

    local status=0
    have_candidates "${missing[@]}" || apt_get update -q
    apt_get install -q -y --no-install-recommends "${missing[@]}" || {
        say "once more, with fresh package lists"
        apt_get update -q
        apt_get install -q -y --no-install-recommends "${missing[@]}" || status=$?
    }
    [[ -z $guard ]] || as_root rm -f "$guard"
    ((status == 0)) || die "apt-get could not install: ${missing[*]}" 69
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

# Whether the package lists of this machine know all of them: a new machine has no lists at all.
have_candidates() {
    local name
    for name in "$@"; do
        LC_ALL=C apt-cache policy "$name" 2>/dev/null | grep -q 'Candidate: [^(]' || return 1
    done
}

# What a build needs beside the toolchain. pkg-config tells the package manager where libpq's header is.
# shellcheck disable=SC2034 # used by the scripts
build_packages=(libssl-dev zlib1g-dev libpq-dev libnats-dev pkg-config)

# What the widget shows Markdown, code and mathematics with.
# shellcheck disable=SC2034 # used by the scripts
widget_packages=(libjs-marked node-prismjs libjs-katex)

# What deploy/package packs with.
# shellcheck disable=SC2034 # used by the scripts
package_packages=(binutils ca-certificates dpkg-dev help2man patchelf python3 tzdata xz-utils)

find_swift() {
    local place
    command -v swift >/dev/null && return
    for place in /opt/swift/usr/bin /usr/local/swift/usr/bin /usr/libexec/swift/bin "${HOME:-/}/.local/share/swiftly/bin"; do
        if [[ -x $place/swift ]]; then
            PATH=$place:$PATH
            return
        fi
    done
    die "no Swift toolchain found: put swift 6.2 or newer on PATH (https://www.swift.org/install/linux/)" 69
}

# in_child COMMAND…: runs a long command so that a signal to this script is handled at once and ends the command too.
# A child in the background reads nothing and ignores the terminal's Ctrl-C: `end_child` is what stops it.
child=''
in_child() {
    local status=0
    "$@" </dev/null &
    child=$!
    wait "$child" || status=$?
    child=''
    return "$status"
}

# Ends the command that in_child is waiting for, if there is one.
end_child() {
    if [[ -n $child ]]; then
        end_process "$child" 30
        child=''
    fi
}

# end_process PID SECONDS: asks it to stop, waits that long, then kills it. Reaps it where it is a child of ours.
end_process() {
    local pid=$1 ticks=$(($2 * 20))
    kill -TERM "$pid" 2>/dev/null || return 0
    while alive "$pid" && ((ticks-- > 0)); do sleep 0.05; done
    if alive "$pid"; then
        printf 'process %s did not stop in %s s: killing it\n' "$pid" "$2" >&2
        kill -KILL "$pid" 2>/dev/null || true
    fi
    wait "$pid" 2>/dev/null || true
}

# A process that has ended but was not reaped yet does not count as alive.
alive() {
    local state
    state=$(process_field "$1" 3) && [[ $state != Z && $state != X ]]
}

# process_field PID N: field N (3 or above, see proc(5)) of /proc/PID/stat. The name in field 2 can hold anything.
process_field() {
    local line fields
    line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    read -ra fields <<<"${line##*) }"
    printf '%s' "${fields[$2 - 3]}"
}

# Says "pid start-time": names a process for good, where a pid alone is used again.
process_name() { printf '%s %s' "$1" "$(process_field "$1" 22)"; }

# Twelve hexadecimal digits that stand for a path.
short_hash() { printf '%s' "$1" | sha256sum | cut -c 1-12; }
