#!/bin/sh
# The program with its own libraries: by this system's C library where that is new enough, else by the one beside it.
needed=@GLIBC@
lib=$(dirname "$(readlink -f "$0")")/../lib/parley
have=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/.* //') || have=''
if [ "$(printf '%s\n' "$needed" "${have:-0}" | sort -V | head -n 1)" = "$needed" ]; then
    exec "$lib/parley" "$@"
fi
exec "$lib/libc/ld-linux-x86-64.so.2" --library-path "$lib:$lib/libc" --argv0 "$0" "$lib/parley" "$@"
