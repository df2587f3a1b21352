# Work on files by the applets of busybox.
mkdir -p /tmp/work && cd /tmp/work || exit 1
seq 1 200 | awk '{ printf "%d %s %d\n", $1, ($1 % 3 ? "odd" : "third"), $1 * $1 }' >table
awk '{ sum[$2] += $3; count[$2]++ } END { for (k in sum) print k, count[k], sum[k] }' table | sort
sort -k2,2 -k3,3nr table | head -5
sort -rn table | sed -n '1,3s/odd/ODD/p'
grep -c '^1.*third' table; grep -En '(99|100) ' table | cut -d: -f1 | tr '\n' ' '; echo
mkdir -p tree/a/b tree/c; for i in 1 2 3; do seq 1 $((i * 500)) >tree/a/file$i; done
ln -s ../a/file1 tree/c/link; ln tree/a/file2 tree/c/hard; chmod 640 tree/a/file3
find tree -type f -size +1k | sort; find tree -links 2 -type f | sort; find tree -name 'f*' -exec wc -l {} + | sort
tar cf one.tar tree && mkdir copy && tar xf one.tar -C copy && diff -r tree copy/tree && echo the same
tar czf two.tgz tree && tar tzf two.tgz | sort
ls -ln copy/tree/a copy/tree/c | awk '{ print $1, $2, $3, $5, $9, $10, $11 }'
gzip -c table | gunzip | md5sum; bzip2 -c table | bunzip2 | sha256sum
find tree -type f | cpio -o -H newc 2>/dev/null | (mkdir -p out && cd out && cpio -id 2>/dev/null && find . -type f | sort)
sed -n 1,70p table >part.aa; sed -n 71,140p table >part.ab; sed -n '141,$p' table >part.ac; cat part.?? | cmp - table && ls part.* | cat
printf 'b\na\nc\na\n' | sort | uniq -c; grep -cxFf part.aa table; paste -d, part.aa part.ab | tail -1
dd if=/dev/zero of=sparse bs=1k seek=64 count=1 2>/dev/null; stat -c '%s %F %a' sparse; od -A d -t x1 -N 4 sparse
xargs -n 3 echo <part.ac | tail -1; echo 'a b' | xargs -I {} echo '<{}>'
diff part.aa part.ab | head -3; patch -v >/dev/null 2>&1; expr 6 '*' 7; printf '%05.1f|%-5s|%x\n' 3.14159 ab 255
(sleep 0.05; echo late) & wait; echo "waited $?"
mkfifo pipe; cat pipe & echo through >pipe; wait
timeout 0.05 sleep 5; echo "timeout says $?"
vi -c ':%s/odd/even/g' -c ':wq' part.aa >/dev/null 2>&1 </dev/null; grep -c even part.aa
du -s tree >/dev/null && df . >/dev/null && touch -d '2020-01-02 03:04:05' old && stat -c '%Y' old
readlink -f tree/c/link; realpath tree/../table; basename /a/b.c .c; dirname /a/b.c
od -c part.aa | sed -n 1p; strings -n 5 /bin/busybox | grep -c 'BusyBox v'; cal 11 2026; date -u -d @86400 +%F
echo 'tcp-free' | nc -h 2>/dev/null; test -r /etc/passwd && id -u && whoami; env -i A=1 env; uname -s -m
rm -r /tmp/work && ls /tmp
