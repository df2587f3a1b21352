# Work on files as people do it, by the applets of busybox: what it prints is the same here and on Linux (files_test.py).
set -e
/bin/busybox --install -s /bin
export PATH=/bin
cd /tmp
mkdir -p a/b/c
seq 1 2000 > a/numbers
sort -rn a/numbers | head -3
cp -r a z
diff -r a z && echo same
tar cf t.tar a z
mkdir out; tar xf t.tar -C out
cmp a/numbers out/z/numbers && echo equal
find . -type f | sort
sed -n 's/^19\(.\)$/x\1/p' a/numbers | tr '\n' ' '
awk '{s+=$1} END {print s}' a/numbers
wc -l < a/numbers
ln -s numbers a/link; ln a/numbers a/hard; readlink a/link; stat -c '%h %s %F' a/hard
mkfifo p; (echo through the pipe > p) & cat p; wait
dd if=/dev/zero of=big bs=64k count=16 2>/dev/null; md5sum big
truncate -s 100 big; stat -c %s big
mkdir /mnt
mount -t tmpfs -o size=16k none /mnt
dd if=/dev/zero of=/mnt/x bs=4k count=10 2>/dev/null || echo full
stat -c %s /mnt/x; umount /mnt; ls /mnt | wc -l
chmod 640 big; stat -c %a big; touch -d @1000000 big; stat -c %Y big
rm -r a z out t.tar big p
ls -A /tmp | wc -l
echo done
