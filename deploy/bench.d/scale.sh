# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # sockets, seconds, repeats and postgres are deploy/bench's, cores and shards servers.sh's
# deploy/bench scale: how the gateway's costs grow with sockets and shards. To be sourced by deploy/bench.

bench_scale() {
    local round count largest=${sockets##* }
    for ((round = 1; round <= repeats; round++)); do
        for count in $sockets; do
            # With every socket's first turn behind it, and with them: those make a conversation too.
            measure slope parley "$count" "$round" turns --rate 2000 --seconds "$seconds" --warm-up $((count / 2000 + 2))
            measure first parley "$count" "$round" turns --rate 2000 --seconds "$seconds"
        done
    done
    measure storm parley "$largest" 1 storm --streams 500 --stream-tokens 500 --pace 20 --seconds 25

    # Both cores for all of them: server, database and load.
    taskset -acp 0,1 "$postgres" >/dev/null
    taskset -cp 0,1 $$ >/dev/null
    cores=0,1
    for ((round = 1; round <= repeats; round++)); do
        for shards in 1 2; do
            measure "shards$shards" parley 200 "$round" turns --seconds "$seconds"
        done
    done
}
