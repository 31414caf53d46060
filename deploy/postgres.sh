# shellcheck shell=bash
# A PostgreSQL cluster of our own in one folder: reached by a Unix socket only, seen by no service manager.
# To be sourced after lib.sh. PLACE is the folder: PLACE/data is the cluster, PLACE/log its log, PLACE/socket its socket.
#
#   cluster_place WANTED         where a cluster that is wanted at WANTED can live
#   cluster_start PLACE [LINE…]  makes it where it is missing, recovers it where it was killed, starts it; each LINE is
#                                a line of configuration ("fsync = off")
#   cluster_stop PLACE [MODE]    stops it (fast, or immediate) if it runs
#   cluster_database PLACE NAME  makes the role parley and a database of it, where they are missing
#   cluster_url PLACE DATABASE [ROLE]  its connection URL
#   cluster_follow PLACE PRIMARY  makes it a standby of a running one; cluster_promote PLACE makes it a primary
#
# PostgreSQL refuses to run as root. Root's clusters belong to the user postgres, in a folder that it can reach.

# The newest server that is installed, or the one that made the data; CLUSTER_PROGRAMS (a folder) goes before both.
cluster_programs() {
    local place=$1 version='*' found
    if [[ -n ${CLUSTER_PROGRAMS-} ]]; then
        [[ -x $CLUSTER_PROGRAMS/postgres ]] || die "no PostgreSQL server found under $CLUSTER_PROGRAMS" 69
        printf '%s' "$CLUSTER_PROGRAMS"
        return
    fi
    [[ -r $place/data/PG_VERSION ]] && version=$(<"$place/data/PG_VERSION")
    # shellcheck disable=SC2086 # the star is meant
    found=$(printf '%s\n' /usr/lib/postgresql/$version/bin/postgres | sort -V | tail -n 1)
    if [[ ! -x $found ]]; then
        [[ $version == '*' ]] && die "no PostgreSQL server found under /usr/lib/postgresql" 69
        die "the data in $place was made by PostgreSQL $version, which is not installed" 69
    fi
    printf '%s' "${found%/*}"
}

cluster_user() {
    local place=$1 owner
    if ((EUID != 0)); then
        id -un
    elif owner=$(stat -c %U "$place/data" 2>/dev/null) && [[ $owner != root && $owner != UNKNOWN ]]; then
        printf '%s' "$owner"
    elif id postgres >/dev/null 2>&1; then
        printf postgres
    else
        printf nobody
    fi
}

# as_cluster PLACE COMMAND…: runs it as the cluster's user, in a folder which that user can be in.
as_cluster() {
    local place=$1 user
    shift
    if ((EUID != 0)); then
        (cd / && "$@")
    else
        user=$(cluster_user "$place")
        (cd / && HOME=/ setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- "$@")
    fi
}

# The wanted folder, unless root's cluster user cannot get there (a checkout in /root): then one in /var/lib, and
# WANTED becomes a link to it, so that it is found.
cluster_place() {
    local wanted=$1 other
    if [[ -L $wanted ]]; then
        readlink -f "$wanted"
        return
    fi
    if [[ ! -d $wanted ]] && ((EUID == 0)) && ! as_cluster "$wanted" test -x "$(dirname "$wanted")"; then
        other=/var/lib/parley/$(short_hash "$wanted")
        mkdir -p "$other"
        ln -s "$other" "$wanted"
        wanted=$other
    fi
    printf '%s' "$wanted"
}

# The folder of the socket. The address of a Unix socket holds 107 bytes: a long PLACE gets a short one beside it.
cluster_socket() {
    local LC_ALL=C socket=$1/socket
    ((${#socket} <= 80)) || socket=/tmp/parley-$(short_hash "$1")
    printf '%s' "$socket"
}

cluster_url() {
    local socket
    socket=$(cluster_socket "$1")
    if [[ $socket == *[!A-Za-z0-9/._-]* ]]; then
        socket=$(printf '%s' "$socket" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g')
    fi
    printf 'postgresql://%s@/%s?host=%s' "${3:-parley}" "$2" "$socket"
}

cluster_runs() { as_cluster "$1" "$(cluster_programs "$1")/pg_ctl" -D "$1/data" status >/dev/null 2>&1; }

cluster_start() {
    local place=$1 user group programs socket folder line try
    shift
    programs=$(cluster_programs "$place")
    user=$(cluster_user "$place")
    group=$(id -g "$user")
    socket=$(cluster_socket "$place")

    cluster_recover "$place"
    for folder in "$place" "$socket"; do
        mkdir -p "$folder"
        # In /tmp anyone could have made it first.
        [[ ! -L $folder && $(stat -c %U "$folder") == @("$user"|"$(id -un)") ]] || die "$folder belongs to someone else" 73
        chmod 700 "$folder"
        ((EUID != 0)) || chown "$user:$group" "$folder"
    done

    # A run that was killed while it made the cluster left a part of one: only `data` is a whole one.
    if [[ ! -e $place/data ]]; then
        rm -rf "$place/data.new"
        as_cluster "$place" "$programs/initdb" -D "$place/data.new" -U postgres -E UTF8 --locale=C.UTF-8 \
            --auth-local=trust --auth-host=reject --no-instructions >"$place/setup.log" 2>&1 ||
            die "initdb failed: $(tail -n 3 "$place/setup.log")" 70
        printf "include 'parley.conf'\n" >>"$place/data.new/postgresql.conf"
        mv "$place/data.new" "$place/data"
    fi
    {
        printf '# Written by every start.\n'
        printf "listen_addresses = ''\nunix_socket_directories = '%s'\n" "${socket//\'/\'\'}"
        for line in "$@"; do printf '%s\n' "$line"; done
    } >"$place/data/parley.conf"
    ((EUID != 0)) || chown "$user:$group" "$place/data/parley.conf"

    # Helpers of a server that was killed end by themselves, soon; until then its shared memory is in use.
    for try in 1 2 3; do
        as_cluster "$place" "$programs/pg_ctl" -D "$place/data" -l "$place/log" -s -w -t 60 start </dev/null 2>>"$place/setup.log" && return
        ((try == 3)) || sleep 1
    done
    die "PostgreSQL did not start: $(tail -n 3 "$place/log")" 70
}

# What a killed run can leave: a server that still runs, or its pid file although it does not. The pid may be another
# process's by now, which PostgreSQL could not tell from its own.
cluster_recover() {
    local place=$1 pid
    [[ -e $place/data/postmaster.pid ]] || return 0
    pid=$(head -n 1 "$place/data/postmaster.pid")
    if [[ $pid =~ ^[0-9]+$ ]] && [[ $(readlink "/proc/$pid/cwd" 2>/dev/null) == "$(readlink -f "$place/data")" ]]; then
        say "an earlier run left its database running: stopping it first"
        cluster_stop "$place"
    else
        rm -f "$place/data/postmaster.pid"
    fi
}

cluster_stop() {
    local place=$1 mode=${2:-fast} socket
    [[ -e $place/data/postmaster.pid ]] || return 0
    as_cluster "$place" "$(cluster_programs "$place")/pg_ctl" -D "$place/data" -s -w -t 60 -m "$mode" stop ||
        printf 'the database in %s did not stop: see %s/log\n' "$place" "$place" >&2
    socket=$(cluster_socket "$place")
    [[ $socket == "$place/"* ]] || rmdir "$socket" 2>/dev/null || true
}

cluster_sql() {
    local place=$1 database=$2
    shift 2
    "$(cluster_programs "$place")/psql" -X -q -A -t -v ON_ERROR_STOP=1 -d "$(cluster_url "$place" "$database" postgres)" "$@"
}

cluster_database() {
    local place=$1 name=$2
    # Not a superuser: row-level security and privileges would not hold for one.
    [[ $(cluster_sql "$place" postgres -c "select 1 from pg_roles where rolname = 'parley'") == 1 ]] ||
        cluster_sql "$place" postgres -c "create role parley login createrole"
    [[ $(cluster_sql "$place" postgres -c "select 1 from pg_database where datname = '$name'") == 1 ]] ||
        cluster_sql "$place" postgres -c "create database $name owner parley"
}

# cluster_follow PLACE PRIMARY: makes PLACE a copy of the running cluster in PRIMARY, which follows it once started.
cluster_follow() {
    local place=$1 primary=$2 programs user
    programs=$(cluster_programs "$primary")
    user=$(cluster_user "$primary")
    mkdir -p "$place"
    ((EUID != 0)) || chown "$user:$(id -g "$user")" "$place"
    chmod 700 "$place"
    as_cluster "$primary" "$programs/pg_basebackup" -D "$place/data" -R -X stream -c fast \
        -d "$(cluster_url "$primary" postgres postgres)" >"$place/setup.log" 2>&1 ||
        die "pg_basebackup failed: $(tail -n 3 "$place/setup.log")" 70
}

# cluster_promote PLACE: ends the following; it takes writes when this returns.
cluster_promote() { as_cluster "$1" "$(cluster_programs "$1")/pg_ctl" -D "$1/data" -s -w -t 60 promote; }
