"""grove run where something is odd: no program to run, paths that lead elsewhere, grants that overlap, streams that are
closed, every status. What env(1), a shell and bubblewrap do is what is expected, or said why not."""

import os
import signal
import subprocess

import support

PYTHON = "/usr/bin/python3"
ELSEWHERE = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xf3\x00\x01\x00\x00\x00" + bytes(200)  # a processor that is not ours


class Corners(support.CommandTest):
    def run_grove(self, *arguments, **options):
        return self.grove("run", "--own-kernel", *arguments, **options)

    def fails(self, status, sentence, *arguments):
        result = self.run_grove(*arguments)
        self.assertEqual(result.returncode, status, (arguments, result.stderr))
        self.assertIn(sentence, result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertEqual(result.stdout, "")

    # ---- the program ----

    def test_programs_that_cannot_be_run(self):
        os.mkdir(self.path("folder"))
        os.mkfifo(self.path("pipe"))
        self.write("plain", "text\n")
        self.write("without", "echo no first line\n", 0o755)
        self.write("wrong", "#!/no/such/interpreter\n", 0o755)
        self.write("empty", "", 0o755)
        self.write("foreign", "", 0o755)
        with open(self.path("foreign"), "wb") as file:
            file.write(ELSEWHERE)
        self.fails(127, "there is no such program on the PATH", "--", "no-such-program")
        self.fails(127, "./nothing: there is no such program", "--", "./nothing")
        self.fails(127, "the name of the program is empty", "--", "")
        self.fails(126, "./folder is a folder and not a program", "--", "./folder")
        self.fails(126, "./pipe is no file and not a program", "--", "./pipe")
        self.fails(126, "./plain: it may not be executed", "--", "./plain")
        for name in ("without", "empty", "foreign"):
            self.fails(126, "a script needs a first line such as #!/bin/sh", "--", "./" + name)
        self.fails(127, "its interpreter or its loader is not visible there", "--", "./wrong")
        self.assertEqual(self.run_grove("--").returncode, 125)

    def test_the_dashes_may_be_left_out(self):
        self.assertEqual(self.run_grove("sh", "-c", "echo $0 $1", "--json", "-x").stdout, "--json -x\n")
        self.assertEqual(self.run_grove("printf", "[%s]", "", "--", "").stdout, "[][--][]")

    def test_relative_programs(self):
        self.write("sub/tool", "#!/bin/sh\necho ran\n", 0o755)
        for program in ("sub/tool", "./sub/tool", "sub/../sub/tool", self.path("sub/tool"), "../" + self.folder.split("/")[-1] + "/sub/tool"):
            self.assertEqual(self.run_grove("--", program).stdout, "ran\n", program)

    def test_every_status(self):
        for status in (*range(0, 256, 15), 1, 2, 77, 124, 125, 126, 127, 128, 254):
            self.assertEqual(self.run_grove("--", "sh", "-c", f"exit {status}").returncode, status)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV, signal.SIGPIPE,
                       signal.SIGTERM, signal.SIGSYS, signal.SIGRTMIN, signal.SIGRTMAX):
            result = self.run_grove("--", PYTHON, "-c", f"import os, resource, signal; "
                                    f"signal.signal({int(number)}, signal.SIG_DFL) if {int(number)} != 9 else None; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "
                                    f"os.kill(os.getpid(), {int(number)})")
            self.assertEqual(result.returncode, 128 + number, number)

    # ---- paths that are allowed ----

    def test_what_is_allowed_and_not_there_is_named(self):
        os.symlink("nowhere", self.path("broken"))
        self.fails(125, f"FS_READ:{self.path('nothing')}: there is no such file or folder", "--allow", "FS_READ:nothing", "--", "true")
        self.fails(125, f"FS_WRITE:{self.path('broken')}: this is a link to nowhere, which does not exist", "--allow",
                   "FS_WRITE:broken", "--", "true")
        self.write("a.yaml", "name: a\nexec: ['true']\ncapabilities: [{allow: 'FS_READ:/no/such', optional: true}]\n")
        self.good("run", "--own-kernel", "--manifest", "a.yaml")

    def test_links_files_and_ways_around(self):
        self.write("data/file", "content\n")
        os.symlink("data/file", self.path("link"))
        os.symlink("data", self.path("folder-link"))
        for path, read in (("link", "link"), ("folder-link", "folder-link/file"), ("data/file", "data/file"), ("./data//", "data/file"),
                           ("data/../data", "data/file"), ("..", "data/file"), (self.path("data") + "/", "data/file")):
            result = self.run_grove("--allow", f"FS_READ:{path}", "--", "cat", self.path(read))
            self.assertEqual((result.stdout, result.returncode), ("content\n", 0), (path, result.stderr))

    def test_grants_that_overlap(self):
        self.write("data/file", "content\n")
        script = "echo x > data/inner; echo y > outer; cat data/file"
        result = self.run_grove("--allow", "FS_READ:.", "--allow", "FS_WRITE:data", "--allow", "FS_READ:.", "--", "sh", "-c", script)
        self.assertEqual(result.stdout, "content\n")
        self.assertEqual((os.path.exists(self.path("data/inner")), os.path.exists(self.path("outer"))), (True, False))
        os.unlink(self.path("data/inner"))
        self.run_grove("--allow", "FS_READ:data", "--allow", "FS_WRITE:.", "--", "sh", "-c", script)
        self.assertEqual((os.path.exists(self.path("data/inner")), os.path.exists(self.path("outer"))), (False, True))

    def test_the_whole_host_to_read_leaves_programs_executable(self):
        tool = self.write("tool", "#!/bin/sh\necho BAD\n", 0o755)
        for grant in ("FS_READ:/", "FS_READ"):
            result = self.run_grove("--allow", grant, "--", "sh", "-c", f"cat {tool} | head -1; {tool}; : > {self.folder}/new")
            self.assertEqual(result.stdout, "#!/bin/sh\n", result.stderr)
            self.assertFalse(os.path.exists(self.path("new")))
        self.assertEqual(self.run_grove("--bare", "--allow", "FS_READ:/", "--", "true").returncode, 126)

    def test_the_whole_host_to_write(self):
        self.good("run", "--own-kernel", "--allow", "FS_WRITE:/", "--", "sh", "-c", f"echo x > {self.folder}/new")
        self.assertTrue(os.path.exists(self.path("new")))

    def test_a_folder_that_is_not_granted_is_not_the_working_folder(self):
        self.assertEqual(self.run_grove("--", "pwd").stdout, "/\n")
        self.assertEqual(self.run_grove("--allow", "FS_READ:..", "--", "pwd").stdout, self.folder + "\n")

    # ---- streams and amounts ----

    def closed(self, redirection, script):
        return subprocess.run(["sh", "-c", f'exec "$0" run --own-kernel -- sh -c "$1" {redirection}', support.GROVE, script],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=self.environment, cwd=self.folder, timeout=support.DEADLINE, check=False)

    def test_closed_streams(self):
        self.assertEqual(self.closed("<&-", "cat; echo $?").stdout, "0\n")
        result = self.closed(">&-", "echo lost || exit 9; echo also lost")
        self.assertEqual((result.returncode, result.stdout), (9, ""))
        self.assertEqual(self.closed("2>&-", "echo kept; echo lost >&2 || exit 8").returncode, 8)

    def test_huge_output_is_whole_and_a_reader_may_leave(self):
        process = subprocess.run([support.GROVE, "run", "--own-kernel", "--", "head", "-c", "100000000", "/dev/zero"],
                                 stdout=subprocess.PIPE, env=self.environment, timeout=support.DEADLINE, check=True)
        self.assertEqual(len(process.stdout), 100000000)
        with subprocess.Popen([support.GROVE, "run", "--own-kernel", "--", "yes"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env=self.environment) as process:
            process.stdout.read(10)
            process.stdout.close()
            self.assertEqual(process.wait(timeout=support.DEADLINE), 128 + signal.SIGPIPE)

    def test_too_many_arguments_are_refused_with_what_to_do(self):
        self.fails(125, "there are more than 256 arguments; what is longer goes in by a file", "--", "echo", *["x"] * 1000)
        self.fails(125, "longer than 64 KiB in all; what is longer", "--", "echo", "x" * 100000)

    def test_the_environment_outside_may_be_large(self):
        environment = dict(self.environment, **{f"V{number}": "y" * 100000 for number in range(15)})
        self.good("run", "--own-kernel", "--", "true", env=environment)


if __name__ == "__main__":
    support.main()
