#!/bin/sh
# ./parley try   a gateway in its development mode, with a private PostgreSQL in .data (or DATABASE_URL); Ctrl-C stops it
# ./parley …     the program
here=$(dirname "$(readlink -f "$0")")
[ "${1-}" = try ] || exec "$here/bin/parley" "$@"
shift
command -v bash >/dev/null || { echo "parley: try needs bash" >&2; exit 69; }
if [ -z "${DATABASE_URL-}" ] && ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then
    echo "parley: PostgreSQL is not installed here: apt install postgresql, or DATABASE_URL of one elsewhere" >&2
    exit 69
fi
export PARLEY_DATA="${PARLEY_DATA:-$here/.data}"
export WIDGET_LIBRARIES="${WIDGET_LIBRARIES:-$here/share}"
exec "$here/share/parley/deploy/run" --program "$here/bin/parley" "$@"
