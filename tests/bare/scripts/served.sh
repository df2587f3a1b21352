# Work in a folder that bindfs serves, and in an image that squashfuse serves: what it prints is the same here and on Linux
# (served_test.py). $1: a folder to work in, with image.squashfs in it.
PATH=${TOOLS:-/bin}:/usr/bin:/bin
cd "$1"
mkdir source bound image
bindfs source bound || echo "bindfs failed"
cd bound
mkdir -p a/b/c
seq 1 3000 > a/numbers
sort -rn a/numbers | head -3
cp -r a z
diff -r a z && echo same
tar cf t.tar a z
mkdir out; tar xf t.tar -C out
cmp a/numbers out/z/numbers && echo equal
find . | sort
sed -i 's/^29\(.\)$/x\1/' a/numbers; grep -c x a/numbers
ln -s numbers a/link; ln a/numbers a/hard; readlink a/link; stat -c '%h %s %F' a/hard
cat a/link | md5sum
dd if=/dev/zero of=big bs=64k count=16 2>/dev/null; md5sum big
dd if=a/numbers of=big bs=1 seek=500000 count=10 conv=notrunc 2>/dev/null; md5sum big
truncate -s 100 big; wc -c big
chmod 640 big; stat -c '%a' big
touch -d '2001-02-03 04:05:06' big; stat -c '%y' big | cut -c1-19
mv a/numbers a/b/c/moved; ls -1 a a/b/c
rmdir a; rm -r a out z; ls -1
gzip -c t.tar > t.gz; zcat t.gz | cmp - t.tar && echo unpacked
cp /bin/busybox program; ./program echo "a served program"
cmp t.tar ../source/t.tar && echo "the same below"
cd ..; umount bound; ls -1 bound; ls -1 source
squashfuse image.squashfs image || echo "squashfuse failed"
find image | sort
cat image/text image/folder/deep; md5sum image/large; readlink image/link
touch image/new 2>/dev/null || echo "it is only read"
stat -c '%s %F' image/text image/folder
umount image; ls -1 image
echo done
