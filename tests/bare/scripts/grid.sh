#!/bin/sh
# Process 1 beside the services: operates the example grid while services are killed, and says whether anything was lost, for
# tests/bare/grid_test.py.
export PATH=/usr/bin:/bin HOME=/root NO_COLOR=1
grid=/opt/grid/examples/grid
. /await.sh

await "kernel.ready" is_up
grove up $grid --timeout 60s 2>/dev/null || { grove ps; grove logs -n 30; exit 1; }
/opt/grid/chaos --every 500 --seconds 6 --seed 1 >/tmp/chaos &
/opt/grid/operator --config $grid/services/grid.conf --grove /usr/bin/grove --seconds 8 --lines
echo "operator: $?"
wait
echo "killed: $(grep -c killed /tmp/chaos)"
grove down --all --timeout 15s 2>/dev/null && echo "down"
