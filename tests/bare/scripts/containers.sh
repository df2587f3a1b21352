#!/bin/sh
# Process 1 beside the services: starts the project of tests/bare/containers and says what came of it, for
# tests/bare/containers_test.py. Every wait has a deadline, after which the rest is not tried.
export PATH=/usr/bin:/bin HOME=/root NO_COLOR=1

patience=900
. /await.sh
is() { [ "$(field "$1" state)" = "$2" ]; }
is_frozen() { [ "$(field pen.frozen reason)" = "is frozen" ]; }
beats() { grove logs pen.frozen | grep -c '^beat'; }
has_more_beats() { [ "$(beats)" -gt "$1" ]; }
tell() { grove logs "pen.$1" | sed "s/^/$1: /; s/ *$//"; }

await "kernel.ready" is_up
grove up --no-wait /pen

await "readiness" is pen.ready ready
await "its word" has_logged pen.ready removed
tell ready

# It may have no further process, which is told, and so it is frozen for a while: by the resource service, as its manifest asks.
while :; do
    await "the freeze" is_frozen
    before=$(beats)
    usleep 600000
    after=$(beats)
    is_frozen && break # else it was thawed meanwhile
done
echo "frozen: $((after - before)) beats"
await "the thaw" has_more_beats "$before"
grove logs pen.frozen | grep -q interrupted && echo "frozen: interrupted"
grove logs pen.frozen | sed -n 's/^child/frozen: child/p'
grove why pen.frozen | sed 's/^/why: /'
# A signal without a handler ends it, frozen or not.
await "the next freeze" is_frozen
kill -USR1 "$(field pen.frozen process)"
await "the end of the frozen" is pen.frozen failed

for name in alone granted; do
    await "the network of $name" has_logged "pen.$name" done
    tell $name
done
grove why pen.alone | sed 's/^/why: /'
for name in first second; do
    await "names of $name" has_logged "pen.$name" done
    tell $name
done
await "sockets made before" has_logged pen.activated port
echo hello | nc 127.0.0.1 8100
await "what was heard there" has_logged pen.activated heard
tell activated

for name in fifth half; do
    await "the share of $name" has_logged "pen.$name" share
    tell $name
done

grove down --all --timeout 15s 2>/dev/null && echo "down"
echo "the end"
