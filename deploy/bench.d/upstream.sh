# shellcheck shell=bash
# shellcheck disable=SC2154 # data, parley, place, postgres and top are those of deploy/bench
# `deploy/bench upstream`: the gateway between the load and an OpenAI-compatible upstream that only streams. To be sourced
# by deploy/bench, behind servers.sh.

# bench_upstream STREAMS HELD SECONDS
bench_upstream() {
    need_packages gcc libc6-dev libssl-dev 9>&-
    cc -O2 -o "$data/upstream" "$top/deploy/bench.d/upstream.c" || die "the upstream does not compile" 70
    cc -O2 -o "$data/floor" "$top/deploy/bench.d/floor.c" -lcrypto || die "floor.c does not compile" 70
    cluster_sql "$place" postgres -c "drop database if exists bench with (force)" 9>&-
    cluster_database "$place" bench 9>&-
    DATABASE_URL=$(cluster_url "$place" bench)
    export DATABASE_URL
    "$parley" migrate up >"$data/migrate.log" 2>&1 9>&- || die "the migrations failed: see $data/migrate.log" 70
    in_child /usr/bin/python3 "$top/deploy/bench.d/upstream.py" --data "$data" --parley "$parley" --bench "$bench" --public "$top/public" \
        --postgres "$postgres" --streams "$1" --held "$2" --seconds "$3" 9>&-
}
