"""Images of programs for the bare machines' tests: made of tables, booted, and entered on this computer's Linux too."""
import os
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "tools", "image-x86_64")

# In name spaces of its own: what the kernel finds in its initramfs, with the devices and folders that it makes itself.
ENTER = """
mount -t tmpfs none "$1" && cd "$1" && shift || exit 99
/bin/busybox cpio -id <"$1" 2>/dev/null && shift || exit 99
mkdir -p tmp proc sys dev && mount -t proc proc proc && mount -t tmpfs none dev && mkdir dev/pts && mkdir -m 1777 dev/shm || exit 99
mount -t devpts -o newinstance,ptmxmode=666 none dev/pts && ln -s pts/ptmx dev/ptmx && ln -s /proc/self/fd dev/fd || exit 99
mknod dev/null c 1 3 && mknod dev/zero c 1 5 && mknod dev/urandom c 1 9 && mknod dev/tty c 5 0 && chmod 666 dev/null dev/zero dev/urandom dev/tty || exit 99
exec chroot . "$@"
"""


def make(output, *tables):
    subprocess.run([TOOL, output, *tables], check=True)


def on_linux(image, words, deadline_s):
    """What a program of the image prints on Linux. Needs root."""
    with tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", ENTER, "sh", folder, image, *words],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                               timeout=deadline_s, env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"})
    if ended.returncode != 0:
        raise AssertionError(f"on Linux it ended with {ended.returncode}: {ended.stdout.decode(errors='replace')}")
    return ended.stdout.decode(errors="replace")
