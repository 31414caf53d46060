# shellcheck shell=bash
# shellcheck disable=SC2154 # data, bench, peers and top are those of deploy/bench
# `deploy/bench echo`: gets the servers, then has echo.py measure them. To be sourced by deploy/bench, behind servers.sh.

all_echo_servers='parley limit nio fox node picows websockets'

# have_swift_peer FOLDER: builds a peer that is a Swift package, in a copy; a later run finds it built.
have_swift_peer() {
    [[ -e $peers/$1/Package.swift ]] || { echo "there is no $peers/$1" && return 1; }
    mkdir -p "$data/peers/$1"
    cp -rT "$peers/$1" "$data/peers/$1"
    chmod -R u+w "$data/peers/$1/Sources" "$data/peers/$1/Package.swift"
    swift build -c release --package-path "$data/peers/$1" >"$data/$1.build.log" 2>&1 || { echo "it does not build: see $data/$1.build.log" && return 1; }
}

have_echo_parley() { [[ -x $bench ]] || { echo "there is no $bench" && return 1; }; }
have_echo_nio() { have_swift_peer nio; }
have_echo_fox() { have_swift_peer fox; }
have_echo_node() { have_node; }
have_echo_picows() { have_python picows_echo.py; }
have_echo_websockets() { have_python websockets_echo.py; }

have_echo_limit() {
    [[ -e $peers/limit_echo.c ]] || { echo "there is no $peers/limit_echo.c" && return 1; }
    cc -O2 -w -o "$data/limit_echo" "$peers/limit_echo.c" || { echo "limit_echo.c does not compile" && return 1; }
}

# bench_echo SERVERS REPEATS
bench_echo() {
    local name reason arguments=()
    need_packages gcc libc6-dev openssl "${build_packages[@]}" 9>&-
    find_swift
    cc -O2 -o "$data/echo_load" "$top/deploy/bench.d/echo_load.c" -lssl -lcrypto -lz || die "the load generator does not compile" 70
    # A certificate for the servers over TLS; nobody checks it.
    [[ -e $data/echo.key ]] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
        -subj /CN=localhost -keyout "$data/echo.key" -out "$data/echo.crt" 2>/dev/null
    for name in $1; do
        [[ " $all_echo_servers " == *" $name "* ]] || die "unknown server: $name" 64
        say "getting $name"
        if reason=$("have_echo_$name" 2>&1 9>&-); then arguments+=("$name"); else arguments+=("$name=${reason##*$'\n'}"); fi
    done
    NODE_PATH=$data/node/usr/share/nodejs in_child /usr/bin/python3 "$top/deploy/bench.d/echo.py" --data "$data" --peers "$peers" \
        --parley "$bench" --repeats "$2" --scripts "$top/deploy/bench.d" "${arguments[@]}" 9>&-
}
