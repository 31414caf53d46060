# shellcheck shell=bash
# shellcheck disable=SC2154 # data, parley, peers, place, socket, tokens, pace and top are those of deploy/bench
# The servers of deploy/bench: have_NAME says whether it can be had (installing what is missing) or why not;
# start_NAME starts it on core 0 and sets `server` to its process and `url` to its socket. To be sourced by deploy/bench.

# shellcheck disable=SC2034 # used by deploy/bench
url='' cores=0 shards=1

# launch NAME COMMAND…: on its cores, with its log.
launch() {
    local log=$data/$1.log
    shift
    taskset -c "$cores" "$@" </dev/null >"$log" 2>&1 9>&- &
    server=$!
}

# wait_port PORT: until somebody listens there.
wait_port() {
    local ticks
    for ((ticks = 0; ticks < 400; ticks++)); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
            url=ws://127.0.0.1:$1/ws
            return
        fi
        alive "$server" || return 1
        sleep 0.05
    done
    return 1
}

port=18900

have_parley() { [[ -x $parley ]] || { echo "there is no $parley" && return 1; }; }

start_parley() {
    local ticks
    DATABASE_URL=$(cluster_url "$place" bench)
    export DATABASE_URL
    "$parley" migrate up >"$data/migrate.log" 2>&1 9>&- || return 1
    launch parley env SHARDS="$shards" AGENT=scripted HTTP_HOST=127.0.0.1 HTTP_PORT=0 MAX_SOCKETS=100000 MAX_SOCKETS_PER_ADDRESS=100000 LOG_LEVEL=warning \
        PUBLIC_DIR="$top/public" "$parley" serve
    for ((ticks = 0; ticks < 400; ticks++)); do
        if url=$(sed -n 's|^listening on http://\(.*[^/]\)/*$|ws://\1/ws|p' "$data/parley.log") && [[ -n $url ]]; then return; fi
        alive "$server" || return 1
        sleep 0.05
    done
    return 1
}

# Another build of Parley, with which this one is compared.
have_before() { [[ -x $before ]] || { echo "there is no $before" && return 1; }; }

start_before() {
    local parley=$before
    start_parley
}

# The least C program: the system calls of a stream and nothing else.
have_floor() {
    need_packages gcc libc6-dev libssl-dev >/dev/null || { echo "a C compiler can't be installed" && return 1; }
    cc -O2 -o "$data/floor" "$top/deploy/bench.d/floor.c" -lcrypto || { echo "floor.c does not compile" && return 1; }
}

start_floor() {
    launch floor "$data/floor" --port $((++port)) --tokens "$tokens" --pace "$pace"
    wait_port "$port"
}

# The Python servers' packages, in an environment of their own.
have_python() {
    [[ -e $peers/$1 ]] || { echo "there is no $peers/$1" && return 1; }
    [[ -e $data/venv/installed ]] && return
    need_packages python3-venv >/dev/null || { echo "python3-venv can't be installed" && return 1; }
    rm -rf "$data/venv"
    if /usr/bin/python3 -m venv "$data/venv" && "$data/venv/bin/pip" install -q --disable-pip-version-check \
        fastapi uvicorn websockets sqlmodel asyncpg greenlet uvloop picows >"$data/pip.log" 2>&1; then
        touch "$data/venv/installed"
    else
        echo "PyPI's packages can't be installed: see $data/pip.log"
        return 1
    fi
}

have_fastapi() { have_python fastapi_chat.py; }

start_fastapi() {
    DATABASE_URL="postgresql+asyncpg://parley@/bench?host=$socket" TOKENS=$tokens PACE_MS=$pace \
        launch fastapi "$data/venv/bin/uvicorn" --app-dir "$peers" fastapi_chat:app --port $((++port)) --loop uvloop \
        --log-level warning --ws websockets
    wait_port "$port"
}

have_picows() { have_python picows_chat.py; }

start_picows() {
    DSN="postgresql://parley@/bench?host=$socket" TOKENS=$tokens PACE_MS=$pace \
        launch picows "$data/venv/bin/python" "$peers/picows_chat.py" $((++port))
    wait_port "$port"
}

# Debian's ws and pg are JavaScript alone: unpacked into a folder they serve whatever node the machine has.
node_packages=(node-ws node-pg node-postgres node-buffer-writer node-packet-reader node-pgpass node-split2 node-xtend)

have_node() {
    local modules=$data/node/usr/share/nodejs
    [[ -e $peers/node_chat.js ]] || { echo "there is no $peers/node_chat.js" && return 1; }
    if ! command -v node >/dev/null; then need_packages nodejs >/dev/null || { echo "nodejs can't be installed" && return 1; }; fi
    if [[ ! -e $data/node/unpacked ]]; then
        rm -rf "$data/node"
        mkdir -p "$data/node/packages"
        have_candidates node-ws || apt_get update -q >/dev/null
        (cd "$data/node/packages" && for name in "${node_packages[@]}"; do apt-get download -q "$name"; done) >"$data/node.log" 2>&1 || true
        local package
        for package in "$data"/node/packages/*.deb; do dpkg-deb -x "$package" "$data/node" 2>>"$data/node.log" || true; done
        touch "$data/node/unpacked"
    fi
    NODE_PATH=$modules node -e "require('ws'); require('pg')" 2>>"$data/node.log" ||
        { echo "ws and pg of Debian don't load in node $(node --version)" && return 1; }
}

start_node() {
    NODE_PATH=$data/node/usr/share/nodejs PGHOST=$socket PGUSER=parley PGDATABASE=bench TOKENS=$tokens PACE_MS=$pace \
        launch node node "$peers/node_chat.js" $((++port))
    wait_port "$port"
}
