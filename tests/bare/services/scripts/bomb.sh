# As many processes as there can be, and one more; each waits for the others' end.
for i in 1 2 3 4 5 6; do
    /bin/busybox sleep 1000000 &
done
wait
