# Real servers and clients on the loopback of the bare machine; the last part where redis is in the image.
export PATH=/bin:/usr/bin
mkdir -p /www /tmp
echo hello from httpd >/www/index.html
dd if=/dev/zero of=/www/large bs=1024 count=3000 2>/dev/null
httpd -f -p 127.0.0.1:8080 -h /www &
server=$!
tries=0
until wget -q -O /tmp/first http://127.0.0.1:8080/index.html 2>/dev/null || [ $tries = 100 ]; do
    tries=$((tries + 1))
    usleep 50000
done
cat /tmp/first
wget -q -O - http://127.0.0.1:8080/large | wc -c
wget -q -O - http://127.0.0.1:8080/none 2>/dev/null || echo there is none
kill $server
nc -l -p 9000 -e cat &
tries=0
until echo through nc | nc 127.0.0.1 9000 2>/dev/null || [ $tries = 100 ]; do
    tries=$((tries + 1))
    usleep 50000
done
[ -x /usr/bin/redis-server ] || exit 0
redis-server --port 6379 --bind 127.0.0.1 --save "" >/tmp/redis.log 2>&1 &
server=$!
tries=0
until redis-cli ping 2>/dev/null | grep -q PONG || [ $tries = 100 ]; do
    tries=$((tries + 1))
    usleep 50000
done
redis-cli set number 42
redis-cli incr number
redis-cli rpush list one two three
redis-cli lrange list 0 -1
redis-cli shutdown nosave
wait $server
echo redis ended with $?
