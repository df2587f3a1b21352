# Everything, one after the other; what each prints is the same here and on Linux.
export PATH=/usr/bin:/usr/sbin:/bin:/sbin HOME=/root
cd /root
for each in "sh /work/busybox.sh" "bash /work/bash.sh" "dash /work/dash.sh" "lua5.4 /work/work.lua" "sqlite3 /tmp/base.db" "python3 /work/work.py"; do
    echo "== $each"
    case $each in sqlite3*) $each </work/work.sql ;; *) $each </dev/null ;; esac 2>&1
    echo "-- $?"
done
