#!/usr/bin/python3
"""Somebody at the console of the bare x86-64 kernel: a shell, its jobs, an editor, both kinds of console. Run with the build folder."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from machine import PASSED, QEMU, Talk, kernel_in  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = "build"
PROMPT = "~ # "
NEEDED = ("/bin/busybox", "/bin/bash-static")
VIRTIO = ("-chardev", "stdio,id=virtio", "-device", "virtconsole,chardev=virtio")
TABLE = """
program /bin/bash /bin/bash-static
file /bin/attack 0755 {attack}
"""


class Console(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.initramfs = os.path.join(folder.name, "initramfs")
        cls.small = os.path.join(folder.name, "small")
        shell = os.path.join(ROOT, "tools", "image", "shell.table")
        table = os.path.join(folder.name, "table")
        attack = os.path.abspath(os.path.join(BUILD, "musl", "tests", "bare", "bare-attack"))
        with open(table, "w", encoding="ascii") as file:
            file.write(TABLE.format(attack=attack))
        tool = os.path.join(ROOT, "tools", "image-x86_64")
        subprocess.run([tool, cls.small, shell], check=True)
        subprocess.run([tool, cls.initramfs, shell, table], check=True)

    def sit_down(self, options="", initramfs=None, **how):
        talk = Talk(kernel_in(BUILD), options, initramfs=initramfs or self.initramfs, **how)
        self.addCleanup(talk.__exit__)
        talk.expect(PROMPT)
        return talk

    def say(self, talk, line, prompt=PROMPT):
        """What a command says: behind its echo, before the next prompt."""
        talk.type(line + "\n")
        talk.expect(line + "\r\n")
        return talk.expect(prompt)

    def leave(self, talk):
        talk.type("poweroff -f\n")
        self.assertEqual(talk.end(), PASSED)

    def begin(self, talk, line, said):
        """
        A command in the foreground, which has begun when it says something: until then the shell has the keys. A child of bash itself
        is no such command: it still forgets signals between what it says and what it executes.
        """
        talk.type(line + "\n")
        talk.expect(line + "\r\n")
        talk.expect(said)

    def jobs(self, talk, prompt):
        """Interrupt, stop, go on in front and behind."""
        self.begin(talk, "sh -c 'echo here; sleep 1000'", "here\r\n")
        talk.type("\x03")
        talk.expect("^C")
        talk.expect(prompt)
        self.assertEqual(self.say(talk, "echo $?", prompt), "130\n")
        self.begin(talk, "(echo here; exec cat)", "here\r\n")
        talk.type("onr\x7fe\n")
        talk.expect("one\r\n")
        talk.type("\x1a")
        talk.expect("Stopped")
        talk.expect(prompt)
        self.assertRegex(self.say(talk, "jobs", prompt), r"\[1\]\S?\s+Stopped.*cat")
        self.begin(talk, "fg", "cat")
        talk.type("two\n")
        talk.expect("two\r\n")
        talk.expect("two\r\n")
        talk.type("\x04")
        talk.expect(prompt)
        self.begin(talk, "sh -c 'echo here; sleep 1000'", "here\r\n")
        talk.type("\x1a")
        talk.expect("Stopped")
        talk.expect(prompt)
        self.say(talk, "bg", prompt)
        self.assertRegex(self.say(talk, "jobs", prompt), r"Running.*sleep 1000")
        self.say(talk, "kill %1; wait %1", prompt)
        self.begin(talk, "cat &", prompt)
        self.assertRegex(self.say(talk, "sleep 0.1; jobs", prompt), r"Stopped.*cat")  # it may not read there
        self.say(talk, "kill %1; fg", prompt)

    def test_a_shell_with_jobs_an_editor_and_a_window(self):
        talk = self.sit_down("rows=30 columns=100", processors=2)
        self.assertEqual(self.say(talk, "stty size"), "30 100\n")
        self.assertEqual(self.say(talk, "tty; id -u"), "/dev/console\n0\n")
        self.jobs(talk, PROMPT)
        talk.type("vi /tmp/text\n")
        talk.expect("- /tmp/text")
        # Behind an escape it waits whether that begins a key of more bytes.
        for keys, said in ("i", "I /tmp/text"), ("first lone\rsecond\x1b", "- /tmp/text"), (":%s/lone/line/\r", "1/2 50%"), \
                ("1Gyyp", "Put 1 lines"), ("cw", "I /tmp/text"), ("third\x1b", "- /tmp/text"), ("ddGp:wq\r", PROMPT):
            talk.type(keys)
            talk.expect(said)
        self.assertEqual(self.say(talk, "cat /tmp/text"), "first line\nsecond\nthird line\n")
        self.leave(talk)

    def test_jobs_of_bash(self):
        talk = self.sit_down()
        talk.type("exec bash --norc --noprofile\n")
        talk.expect("bash-5.2# ")
        self.jobs(talk, "bash-5.2# ")
        self.leave(talk)

    def test_what_the_kernel_says_does_not_mix_with_what_programs_write(self):
        talk = self.sit_down(processors=2)
        said = self.say(talk, "seq 1 3000 & for i in 1 2 3; do attack read-kernel; done; wait")
        words = re.findall(r"process: attack ended by page fault at [0-9a-f]{16}, address [0-9a-f]{16}\n", said)
        self.assertEqual(len(words), 3, said)
        for line in words:
            said = said.replace(line, "", 1)
        numbers = [line for line in said.splitlines() if re.fullmatch(r"\d+", line)]
        self.assertGreaterEqual(len(numbers), 3000 - 3)  # a line of the kernel's may stand inside of one
        self.leave(talk)

    def test_a_virtio_console(self):
        for board, device in ("q35", ("-device", "virtio-serial-pci")), \
                ("microvm", ("-global", "virtio-mmio.force-legacy=false", "-device", "virtio-serial-device")):
            with self.subTest(board=board):
                talk = self.sit_down("console=hvc0", board=board, serial="null", extra=(*device, *VIRTIO))
                self.assertEqual(self.say(talk, "tty </dev/hvc0; ps -o pid,tty,args | grep -c \"^ *$$ 229,0  -/bin/sh\""),
                                 "/dev/hvc0\n1\n")
                self.assertEqual(len(self.say(talk, "seq 1 5000").splitlines()), 5000)
                talk.type("attack read-kernel\n")
                talk.expect("ended by page fault")  # the kernel speaks there too
                talk.expect(PROMPT)
                self.begin(talk, "(echo here; exec cat)", "here\r\n")
                talk.type("\x03")
                talk.expect(PROMPT)
                self.leave(talk)

    def test_a_machine_of_8_mib_has_a_shell(self):
        talk = self.sit_down(memory_mib=8, initramfs=self.small)
        self.assertEqual(self.say(talk, "seq 1 5 | sort -rn | head -1"), "5\n")
        self.leave(talk)


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        BUILD = sys.argv.pop(1)
    if QEMU is None or not os.path.exists(kernel_in(BUILD)) or not all(os.path.exists(path) for path in NEEDED):
        print("skipped: qemu-system-x86_64, the kernel (make build MACHINE=x86_64), or Debian's busybox and bash are not there")
        sys.exit(77)
    unittest.main()
