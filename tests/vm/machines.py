"""The machines that tests/vm can boot: what QEMU is told, and where their kernel and libraries lie."""
import fcntl
import glob
import os
import re
import shutil
import subprocess
import sys


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def unpacked_kernel(cache):
    """Debian's cloud kernel for this processor: from /boot, or unpacked from its package (never installed)."""
    installed = sorted(glob.glob("/boot/vmlinuz-*cloud-amd64"))
    if installed:
        return installed[-1]
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, "lock"), "w", encoding="utf-8") as lock:  # machines are begun beside each other
        fcntl.flock(lock, fcntl.LOCK_EX)
        return unpack_kernel(cache)


def unpack_kernel(cache):
    found = sorted(glob.glob(cache + "/boot/vmlinuz-*"))
    if found:
        return found[-1]
    depends = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.DEVNULL, check=False).stdout
    name = re.search(r"Depends: (linux-image-\S+)", depends)
    if name is None:
        skip("the package index does not know linux-image-cloud-amd64")
    if subprocess.run(["apt-get", "download", name.group(1)], cwd=cache, stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL, check=False).returncode != 0:
        skip(f"{name.group(1)} cannot be downloaded")
    for package in glob.glob(cache + "/*.deb"):
        subprocess.run(["dpkg", "-x", package, cache], check=True)
        os.unlink(package)
    return sorted(glob.glob(cache + "/boot/vmlinuz-*"))[-1]


class Machine:
    """A processor to boot, and the root of the system whose programs and libraries go into the guest."""

    def __init__(self, build, root):
        self.build, self.root = build, root

    def find(self, path):
        """Where a file of that system lies here."""
        return os.path.realpath(self.root + path) if self.root == "" else self.root + path

    def needed(self, program):
        """The loader and the libraries that a program names, as paths of that system."""
        told = subprocess.run(["readelf", "-ld", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=False).stdout
        loader = re.findall(r"interpreter: (/[^\]]+)\]", told)
        folders = [f"/usr/lib/{self.triplet}", f"/lib/{self.triplet}", "/usr/lib", "/usr/local/lib"]
        libraries = []
        for name in re.findall(r"\(NEEDED\).*\[(.*)\]", told):
            places = [os.path.join(folder, name) for folder in folders]
            libraries += [place for place in places if os.path.exists(self.find(place))][:1]
        return loader + libraries


class X86(Machine):
    triplet, console = "x86_64-linux-gnu", "ttyS0"
    command = ["qemu-system-x86_64", "-M", "q35", "-cpu", "max"]

    def kernel(self):
        return unpacked_kernel(os.path.join(self.build, "vm-kernel"))


class Aarch64(Machine):
    triplet, console = "aarch64-linux-gnu", "ttyAMA0"
    # Authenticated pointers are most of the emulator's work, unless it may do them its own way.
    command = ["qemu-system-aarch64", "-M", "virt", "-cpu", "max,pauth-impdef=on"]

    def kernel(self):
        found = sorted(glob.glob(self.root + "/boot/vmlinuz-*"))
        if not found:
            skip(f"there is no kernel in {self.root}/boot: tools/aarch64/root {self.root} guest")
        return found[-1]


def choose(name, build, root):
    machine = {"x86_64": X86, "aarch64": Aarch64}[name](build, root)
    if root == "" and os.uname().machine != name:
        skip(f"the programs of {name} are not here; give --root")
    if shutil.which(machine.command[0]) is None:
        skip(f"{machine.command[0]} is not installed")
    return machine
