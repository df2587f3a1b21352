#!/usr/bin/python3
"""Processes and signals on the bare x86-64 kernel are as on Linux: the same program says the same on both. Run with the
build folder. The kernel itself panics if a program leaves memory in use."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from machine import Boot, DEADLINE_S, PASSED, QEMU, archive, kernel_in  # noqa: E402

BUILD = "build"
BUSYBOX = "/bin/busybox"
PROGRAMS = ("processes", "signals")
FORKS = 200

SCRIPT = f"""#!/bin/busybox sh
echo "script $0 with $1 and $2"
i=0
while [ $i -lt {FORKS} ]; do
    i=$(/bin/busybox expr $i + 1)
done
echo "counted to $i"
echo hello | /bin/busybox tr a-z A-Z
/bin/busybox sleep 100 &
kill $!
wait $!
echo "killed: $?"
(exit 7)
echo "exit: $?"
trap 'echo trapped' USR1
kill -USR1 $$
/bin/busybox sh -c 'kill -SEGV $$'
echo "fault: $?"
/none
echo "not there: $?"
exec /bin/busybox echo "the end"
"""


DYNAMIC = """#!/bin/bash
i=0
while [ $i -lt 20 ]; do
    i=$(/bin/dash -c "echo $(($i + 1))")
done
echo "bash counted to $i"
x=$(echo a b c | { read p q; echo $q; })
echo "rest: $x"
/bin/ls / | while read name; do [ "$name" = lib64 ] && echo "seen: $name"; done
exit 0
"""
LOADER = "/lib64/ld-linux-x86-64.so.2"
DYNAMIC_PROGRAMS = ("/bin/bash", "/bin/dash", "/bin/ls")


def with_libraries(programs):
    """Dynamic programs and all that they need, as files of an initramfs."""
    files = {path.lstrip("/"): path for path in (*programs, LOADER)}
    for path in programs:
        listed = subprocess.run(["ldd", path], stdout=subprocess.PIPE, check=True, timeout=DEADLINE_S).stdout.decode()
        files.update({found.lstrip("/"): found for found in re.findall(r"=> (/\S+)", listed)})
    return files


def program_in(build, name):
    return os.path.join(build, "musl", "tests", "bare", f"bare-{name}")


def said_by_program(console):
    """Without the kernel's own lines."""
    return [line for line in console.splitlines() if not re.match("(grove|boot|process|abi): |$", line)]


class Processes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.initramfs = os.path.join(cls.folder, "initramfs")
        script = os.path.join(cls.folder, "script")
        with open(script, "w", encoding="ascii") as file:
            file.write(SCRIPT)
        files = {f"bin/{name}": program_in(BUILD, name) for name in PROGRAMS}
        files["script"] = script
        if os.path.exists(BUSYBOX):
            files["bin/busybox"] = BUSYBOX
        archive(cls.initramfs, files)

    def on_linux(self, name):
        os.makedirs(os.path.join(self.folder, "there"), exist_ok=True)
        path = os.path.join(self.folder, "there", name)
        if not os.path.exists(path):
            os.symlink(os.path.abspath(program_in(BUILD, name)), path)
        ended = subprocess.run([path, os.path.join(self.folder, "there")], stdout=subprocess.PIPE, check=True, timeout=DEADLINE_S)
        return ended.stdout.decode().splitlines()

    def on_bare(self, line, **how):
        machine = Boot(kernel_in(BUILD), line, initramfs=self.initramfs, **how)
        self.assertEqual(machine.status, PASSED, machine.console)
        return machine

    def check(self, name):
        expected = said_by_program("\n".join(self.on_linux(name)))
        self.assertEqual(expected[-1], f"{name}: done")
        for processors in 1, 2, 4:
            with self.subTest(processors=processors):
                machine = self.on_bare(f"run=/bin/{name} -- /", processors=processors)
                self.assertEqual(said_by_program(machine.console), expected)

    @unittest.skipUnless(os.geteuid() == 0, "it becomes another user, which only user 0 may")
    def test_processes_are_as_on_linux(self):
        self.check("processes")

    def test_signals_are_as_on_linux(self):
        self.check("signals")

    @unittest.skipUnless(os.path.exists(BUSYBOX), "busybox-static is not installed")
    def test_a_shell_that_debian_built(self):
        for processors in 1, 4:
            with self.subTest(processors=processors):
                machine = self.on_bare("run=/script -- one two", processors=processors)
                said = said_by_program(machine.console)
                for line in ("script /script with one and two", f"counted to {FORKS}", "HELLO", "killed: 143", "exit: 7",
                             "trapped", "fault: 139", "not there: 127", "the end"):
                    self.assertIn(line, said, machine.console)

    @unittest.skipUnless(all(os.path.exists(path) for path in (*DYNAMIC_PROGRAMS, LOADER)), "these programs are not installed")
    def test_dynamic_programs_that_debian_built(self):
        script, initramfs = (os.path.join(self.folder, name) for name in ("dynamic", "dynamic-initramfs"))
        with open(script, "w", encoding="ascii") as file:
            file.write(DYNAMIC)
        archive(initramfs, {"script": script, **with_libraries(DYNAMIC_PROGRAMS)})
        machine = Boot(kernel_in(BUILD), "run=/script", initramfs=initramfs, processors=2, memory_mib=128)
        self.assertEqual(machine.status, PASSED, machine.console)
        self.assertEqual(said_by_program(machine.console), ["bash counted to 20", "rest: b c", "seen: lib64"])

    @unittest.skipUnless(os.path.exists(BUSYBOX), "busybox-static is not installed")
    def test_calls_that_are_missing_are_counted(self):
        machine = self.on_bare("run=/bin/busybox abi -- true")
        self.assertRegex(machine.console, r"(?m)^abi: busybox made call \d+, which is missing, \d+ times$")


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        BUILD = sys.argv.pop(1)
    if QEMU is None or not os.path.exists(kernel_in(BUILD)) or not os.path.exists(program_in(BUILD, PROGRAMS[0])):
        print("skipped: qemu-system-x86_64, or the kernel (make build MACHINE=x86_64), is not there")
        sys.exit(77)
    unittest.main()
