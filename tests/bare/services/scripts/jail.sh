# What a service sees of the machine; each line goes to its log.
x=/bin/busybox
echo "root has $($x ls / | $x tr '\n' ' ')"
echo "numbers in /proc are $($x ls /proc | $x grep -c '^[0-9]')" # its own, and two of this line
$x kill -9 1 2>/dev/null && echo "killed process 1" || echo "there is no process 1"
[ -e /proc/1 ] && echo "sees process 1" || echo "sees no process 1"
{ echo x > /etc/motd; } 2>/dev/null && echo "wrote /etc/motd" || echo "may not write /etc/motd"
echo "motd is $($x cat /etc/motd)"
{ echo kept > /var/yard/kept; } 2>/dev/null && echo "wrote /var/yard/kept" || echo "may not write /var/yard/kept"
$x mount -t tmpfs none /tmp 2>/dev/null && echo "mounted" || echo "may not mount"
$x chroot /tmp /bin/true 2>/dev/null && echo "changed its root" || echo "may not change its root"
$x hostname other 2>/dev/null && echo "named the machine" || echo "may not name the machine"
[ "$($x id -u)" -ge 1879048192 ] && echo "is nobody's user" || echo "is user $($x id -u)"
[ "$($x grep -c CapEff.*0000000e $x /proc/self/status 2>/dev/null)" ] && $x grep NoNewPrivs /proc/self/status
echo "done"
exec $x sleep 1000000
