# Processes below one another, until there may be no more.
echo "depth $1"
/bin/busybox sh /yard/scripts/bomb.sh $(($1 + 1))
