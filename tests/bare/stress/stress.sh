#!/bin/sh
# Run stressors of stress-ng, one after the other: words NAME:INSTANCES:OPERATIONS. Which failed is told with all that it said.
mount -t tmpfs none /dev/shm
cd /tmp
failed=0
for each; do
    name=${each%%:*}
    rest=${each#*:}
    if stress-ng --temp-path /tmp --verify --"$name" "${rest%:*}" --"$name"-ops "${rest#*:}" >log 2>&1; then
        echo "done: $name"
    else
        echo "failed: $name: $?"
        cat log
        failed=1
    fi
done
exit $failed
