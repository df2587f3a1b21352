# What process 1 of a test beside the services waits with; read by the other scripts here. `patience`: looks until it is late (600).

await() { # WHAT COMMAND...
    what=$1 left=${patience:-600}
    shift
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        if [ $left = 0 ]; then
            echo "late: $what"
            grove ps
            grove logs -n 40
            exit 1
        fi
        usleep 50000
    done
}
field() { grove status "$1" 2>/dev/null | sed -n "s/^$2  *//p"; }
has_logged() { grove logs "$1" | grep -q "$2"; }
is_up() { grove boot 2>/dev/null | grep -q '^kernel.ready after'; }
