#!/bin/sh
# Process 1 beside the services: waits for them, ends them one by one, starts others, and says what came of it, for
# tests/bare/services_test.py. Every wait has a deadline, after which the rest is not tried.
export PATH=/usr/bin:/bin HOME=/root NO_COLOR=1
system="bus config health hooks init log reincarnation registry resource store"

. /await.sh
is_ready() { [ "$(field "$1" state)" = ready ]; }
is_again() { [ "$(field "$1" instances)" -gt "$2" ] && is_ready "$1"; }
number() { field "$1" process; }

await "kernel.ready" is_up
grove boot | sed -n 's/ after .*//; /^kernel.ready/p; /^degraded/p'
for name in $system; do
    await "system.$name" is_ready "system.$name"
    echo "up: system.$name"
done
for name in $system; do
    instances=$(field "system.$name" instances)
    kill -9 "$(number "system.$name")" || grove ps
    await "the next system.$name" is_again "system.$name" "$instances"
    echo "again: system.$name"
done

grove doctor | sed -n 's/  *enforced.*/ is enforced/p; s/^as the running kernel of the machine /machine: /p'

mkdir -p /var/yard
chmod 777 /var/yard
grove up --no-wait /yard
await "the jail" has_logged yard.jail done
grove logs yard.jail | sed 's/^/jail: /; s/ *$//'
echo "kept: $(cat /var/yard/kept)"
await "the hog's end" eval 'grove status yard.hog | grep -q "^reason.*memory"'
echo "hog: $(field yard.hog state)"
await "the bomb" has_logged yard.bomb "can't fork"
grove logs yard.bomb | sed -n 's/^depth/bomb: &/p'
grove down --project yard
ps | grep -q '[s]leep 1000000' && echo "left over: $(ps)"

/conformance-driver /conformance-service | sed 's/^/conformance: /'

grove down --all --timeout 15s 2>/dev/null && echo "down"
ps | grep '[g]rove-'
echo "the end"
