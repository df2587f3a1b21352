"""A full run folder, a full or read-only state folder, and memory taken away by the control group, with the grid at work."""
import ctypes
import os
import shutil
import subprocess
import sys

import faults_support as fs
from faults_support import gs

CLONE_NEWNS = 0x20000


def own_mounts():
    libc = ctypes.CDLL(None, use_errno=True)
    return os.geteuid() == 0 and libc.unshare(CLONE_NEWNS) == 0 and \
        subprocess.run(["mount", "--make-rprivate", "/"], check=False).returncode == 0


def fill(folder):
    path = os.path.join(folder, "filler")
    with open(path, "wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(b"x" * size) > 0:
                    pass
            except OSError:
                pass
    return path


class Storage(fs.Scarcity):
    def setUp(self):
        """Like the others, with the run and the state folder on small disks of their own."""
        make = gs.System.__init__

        def with_disks(system):
            make(system)
            for folder, size in ((system.run, "8m"), (system.state, "24m")):
                os.mkdir(folder)
                subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none", folder], check=True)
                self.addCleanup(subprocess.run, ["umount", "-l", folder], check=False, capture_output=True)
            os.chmod(system.run, 0o700)
        gs.System.__init__ = with_disks
        self.addCleanup(setattr, gs.System, "__init__", make)
        super().setUp()
        gs.System.__init__ = make

    def up(self, *files):
        """With short segments for the historian, which writes on into the one that it has when the disk is full."""
        folder = os.path.join(self.system.folder, "grid")
        if not os.path.exists(folder):
            shutil.copytree(fs.grid.GRID, folder)
            path = os.path.join(folder, "services", "grid.conf")
            with open(path, encoding="utf-8") as file:
                text = file.read()
            self.assertIn(" segment 4M ", text)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace(" segment 4M ", " segment 64K "))
        super().up(*(files or [folder]))

    def remount(self, folder, *options):
        return subprocess.run(["mount", "-o", ",".join(("remount",) + options), folder], check=False,
                              capture_output=True).returncode == 0

    def test_a_full_run_folder(self):
        self.assert_all_is_well(self.use_everything())
        self.system.grove("down", "-p", "extra")
        before, kernel = self.account(), self.system.kernel
        self.use_while_full(kernel)
        self.assert_as_before(before, lambda: self.use_while_full(kernel))

    def use_while_full(self, kernel):
        filler = fill(self.system.run)
        wanted = self.use_everything()
        self.assertEqual(self.system.kernel, kernel)
        self.assertFalse(gs.has_ended(kernel), "a store into the run folder ended the kernel")
        os.unlink(filler)
        self.assert_all_is_well(wanted)
        self.system.grove("down", "-p", "extra")

    def test_a_kernel_that_finds_its_run_folder_full(self):
        self.system.kill_kernel()
        os.unlink(os.path.join(self.system.run, "containers"))  # and with it a megabyte that would be enough
        filler = fill(self.system.run)
        result = self.system.grove("up", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "full|No space left")
        self.assertNotIn("signal", result.stderr)
        os.unlink(filler)
        self.system.grove("up")
        self.assert_all_is_well()

    def test_a_full_state_folder(self):
        stored = self.historian()["stored"]
        before = set(self.system.services())
        filler = fill(self.system.state)
        gs.wait_for("the historian's disk is full", lambda: self.historian()["is_blocked"])
        wanted = self.use_everything()
        for name in ("system.init", "system.registry", "system.log", "grid.historian", "grid.acquire", "grid.protect",
                     "grid.alarm"):
            self.attempt("kill", "-s", "KILL", name)
        for name in fs.grid_test.USER_SERVICES:
            self.system.wait_for_state(f"grid.{name}", "ready")
        self.assertGreaterEqual(self.historian()["stored"], stored)
        self.assertLessEqual(before, set(self.system.services()))
        os.unlink(filler)
        gs.wait_for("the disk takes readings again", lambda: not self.historian()["is_blocked"])
        self.assert_all_is_well(wanted)

    def test_a_read_only_state_folder(self):
        """It becomes so while the system is down, as after a disk error: everything that can work without it does."""
        stored = self.historian()["stored"]
        before = set(self.system.services())
        self.system.grove("down", "--all")
        self.assertTrue(self.remount(self.system.state, "ro"))
        self.system.grove("up", check=False)
        gs.wait_for("the services are known", lambda: before <= set(self.system.services()))
        for name in ("system.registry", "system.log", "grid.substation", "grid.protect", "grid.alarm"):
            self.system.wait_for_state(name, "ready")
        result = self.attempt("up", "--timeout", "5s", self.system.write_project("second", {
            "one": f'exec: ["{self.system.actors}/actor", echo, one]\nprovides: [one]'}))
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "read-only|Read-only")
        self.use_everything()
        self.assertTrue(self.remount(self.system.state, "rw"))
        self.assert_all_is_well()
        self.assertGreaterEqual(self.historian()["stored"], stored)

    def test_memory_taken_away_by_the_control_group(self):
        """As when the machine has none left: Linux ends the process, and it is started again with all it had."""
        self.assert_all_is_well()
        ended = 0
        for name in ("system.registry", "system.log", "grid.historian", "grid.acquire", "grid.protect", "grid.alarm"):
            with self.subTest(name):
                process = self.process_of(name)
                files = self.limit_files(process)
                generation = self.system.services()[name]["generation"]
                if not files:
                    self.skipTest("no control group with a limit of memory here")
                said = [open(path, encoding="ascii").read().strip() for path in files]
                for path in files:
                    self.leave_nothing(path)
                self.use_everything()
                ended += self.system.services()[name]["generation"] > generation
                for path, value in zip(files, said):
                    if os.path.exists(path):
                        with open(path, "w", encoding="ascii") as file:
                            file.write("-1" if value.startswith("9223372") else value)
                self.assert_all_is_well()
        self.assertGreater(ended, 0, "no process was ended: the limits limit nothing")

    @staticmethod
    def leave_nothing(path):
        """The lowest limit that is taken: below what is in use, Linux refuses it (version 1) or ends the process."""
        for bytes_left in range(4096, 2 << 20, 4096):
            try:
                with open(path, "w", encoding="ascii") as file:
                    file.write(str(bytes_left))
                return
            except OSError:
                continue

    @staticmethod
    def limit_files(process):
        with open(f"/proc/{process}/cgroup", encoding="ascii") as file:
            lines = [line.strip().split(":", 2) for line in file]
        paths = [f"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes" for _, kinds, path in lines if kinds == "memory"] + \
            [f"/sys/fs/cgroup{path}/memory.max" for _, kinds, path in lines if kinds == ""]
        return [path for path in paths if "grove-kernel-" in path and os.path.exists(path)]


if __name__ == "__main__":
    if not own_mounts():
        print("skipped: it takes root and a mount namespace to make small disks")
        sys.exit(77)
    gs.main()
