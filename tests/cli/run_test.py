"""grove run with a kernel of its own: streams, status, signals, rights, refusals explained, nothing left behind."""

import glob
import os
import signal
import socket
import subprocess
import threading

import support

PYTHON = "/usr/bin/python3"


def descendants(process):
    """Process numbers below one, at any depth."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8") as stream:
                parents[int(entry)] = int(stream.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    found = {process}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found - {process}
        found |= more


def cgroups_of(process):
    """The folders of the cgroups that grove made for a process."""
    with open(f"/proc/{process}/cgroup", encoding="utf-8") as stream:
        paths = {line.rstrip("\n").split(":", 2)[2] for line in stream}
    folders = set()
    for path in paths:
        if "/grove-kernel-" in path:
            folders.update(root + path for root in ["/sys/fs/cgroup", *glob.glob("/sys/fs/cgroup/*")]
                           if os.path.isdir(root + path))
    return folders


class Passing(support.CommandTest):
    def run_grove(self, *arguments, **options):
        return self.grove("run", "--own-kernel", *arguments, **options)

    def test_streams_and_status(self):
        result = self.run_grove("--", "sh", "-c", "cat; echo to-error >&2; exit 7", stdin=None, input="to-output\n")
        self.assertEqual((result.returncode, result.stdout), (7, "to-output\n"))
        self.assertIn("to-error\n", result.stderr)

    def test_status_of_a_signal(self):
        self.assertEqual(self.run_grove("--", "sh", "-c", "kill -SEGV $$").returncode, 128 + signal.SIGSEGV)

    def test_timeout(self):
        self.assertEqual(self.run_grove("--timeout", "200ms", "--", "sleep", "600").returncode, 124)

    def test_own_errors(self):
        self.assertEqual(self.run_grove("--", "no-such-program").returncode, 127)
        self.write("plain", "text")
        self.assertEqual(self.run_grove("--", "./plain").returncode, 126)
        result = self.run_grove("--allow", "FS_RAED:/x", "--", "true")
        self.assertEqual(result.returncode, 125)
        self.assertIn("--allow: FS_RAED is no capability; did you mean FS_READ?", result.stderr)
        result = self.run_grove("--memory", "much", "--", "true")
        self.assertEqual(result.returncode, 125)
        self.assertIn("--memory", result.stderr)
        self.assertEqual(self.run_grove().returncode, 125)
        result = self.run_grove("--optional", "cgroups", "--", "true")
        self.assertEqual(result.returncode, 125)
        self.assertIn('"cgroups" is no layer', result.stderr)
        result = self.run_grove("--bare", "--", "ls")
        self.assertEqual(result.returncode, 127)
        self.assertIn("not visible", result.stderr)

    def test_signals_are_passed_on(self):
        """To the command, or to all of its process group as timeout(1) does: its own kernel is in that, too."""
        program = "trap 'echo got it; exit 3' TERM; echo ready; while :; do sleep 0.1; done"
        for send in (os.kill, os.killpg):
            process = subprocess.Popen([support.GROVE, "run", "--own-kernel", "--", "sh", "-c", program], start_new_session=True,
                                       stdout=subprocess.PIPE, text=True, env=self.environment, cwd=self.folder)
            self.assertEqual(process.stdout.readline(), "ready\n")
            send(process.pid, signal.SIGTERM)
            output, _ = process.communicate(timeout=support.DEADLINE)
            self.assertEqual((output, process.returncode), ("got it\n", 3))

    def test_a_killed_grove_takes_its_program_along(self):
        process = subprocess.Popen([support.GROVE, "run", "--own-kernel", "--", "sh", "-c", "echo ready; sleep 600"],
                                   stdout=subprocess.PIPE, text=True, env=self.environment)
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.kill()
        # The program holds the other end of the pipe: its end is the end of the pipe.
        self.assertEqual(process.stdout.read(), "")
        process.stdout.close()
        process.wait()

    def test_arguments_of_any_bytes(self):
        result = subprocess.run([support.GROVE, "run", "--own-kernel", "--", "printf", "%s", b"\xff\n${x} 'a' \"b\""],
                                stdout=subprocess.PIPE, env=self.environment, timeout=support.DEADLINE, check=True)
        self.assertEqual(result.stdout, b"\xff\n${x} 'a' \"b\"")

    def test_nothing_is_left_behind(self):
        with subprocess.Popen([support.GROVE, "run", "--own-kernel", "--", "sh", "-c", "echo ready; cat"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment) as process:
            self.assertEqual(process.stdout.readline(), "ready\n")
            below = descendants(process.pid)
            folders = set().union(*(cgroups_of(number) for number in below))
            self.assertGreaterEqual(len(below), 2)
            self.assertEqual(bool(folders), self.is_enforced("cgroup"), (below, folders))
            process.stdin.close()
            self.assertEqual(process.wait(timeout=support.DEADLINE), 0)
        self.assertEqual([number for number in below if os.path.exists(f"/proc/{number}")], [])
        self.assertEqual([folder for folder in folders if os.path.exists(folder)], [])


class Rights(support.CommandTest):
    def run_grove(self, *arguments, **options):
        return self.grove("run", "--own-kernel", *arguments, **options)

    def test_only_system_files_are_visible(self):
        result = self.run_grove("--", "sh", "-c", "ls /home /root /var /etc/passwd; ls /tmp; test -x /usr/bin/env")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout, "")

    def test_relative_paths_and_working_folder(self):
        self.write("data.txt", "hello\n")
        self.assertEqual(self.run_grove("--allow", "FS_READ:.", "--", "sh", "-c", "pwd; cat data.txt").stdout,
                         self.folder + "\nhello\n")
        self.assertEqual(self.run_grove("--", "pwd").stdout, "/\n")

    def test_reading_is_not_writing(self):
        self.assertNotEqual(self.run_grove("--allow", "FS_READ:.", "--", "sh", "-c", "echo x > new").returncode, 0)
        self.assertEqual(self.run_grove("--allow", "FS_WRITE:.", "--", "sh", "-c", "echo x > new").returncode, 0)
        self.assertTrue(os.path.exists(self.path("new")))

    def test_environment(self):
        environment = dict(self.environment, SECRET="hidden", GIVEN="passed")
        lines = self.run_grove("-e", "A=1 2", "-e", "GIVEN", "--", "env", env=environment).stdout.splitlines()
        self.assertIn("A=1 2", lines)
        self.assertIn("GIVEN=passed", lines)
        self.assertFalse([line for line in lines if line.startswith("SECRET")])
        self.assertEqual(len([line for line in lines if line.startswith("PATH=")]), 1)

    def test_a_hidden_file_is_named(self):
        path = self.write("data.txt", "hello\n")
        result = self.run_grove("--", "cat", "data.txt")
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"{path} exists, but the program cannot see it: FS_READ:{path} is missing", result.stderr)
        self.assertIn(f"--allow FS_READ:{path}", result.stderr)

    def test_explain_names_a_module_that_is_not_granted(self):
        self.write("lib/helper_module.py", "value = 7\n")
        program = [PYTHON, "-c", "import sys; sys.path.append(sys.argv[1]); import helper_module", self.path("lib")]
        before = self.run_grove("--", *program)
        self.assertNotIn("FS_READ:/etc", before.stderr)
        result = self.run_grove("--explain", "-n", "demo.app", "--", *program)
        self.assertEqual(result.returncode, 1)
        path = self.path("lib")
        self.assertEqual(result.stderr.count(f"demo.app may not read {path}: FS_READ:{path} is missing\n"), 1, result.stderr)
        self.assertIn(f"to grant it: --allow FS_READ:{path}   (in a manifest, below capabilities: - FS_READ:{path})",
                      result.stderr)
        self.assertNotIn(f"FS_READ:{self.folder} is missing", result.stderr)  # the folders above are no need
        granted = self.good("run", "--own-kernel", "--explain", "--allow", f"FS_READ:{path}", "--", *program)
        self.assertNotIn(f"FS_READ:{path}", granted.stderr)

    def test_explain_names_a_folder_that_is_read_only(self):
        self.write("folder/old", "x\n")
        script = "cd folder; echo a > new; echo b >> new; echo c > old; mkdir sub; rm old; : > /tmp/own; ls nothing"
        result = self.run_grove("--explain", "--allow", "FS_READ:folder", "--", "sh", "-c", script)
        missing = [line.split()[-3] for line in result.stderr.splitlines() if line.endswith("is missing")]
        self.assertEqual([text for text in missing if self.folder in text or "/tmp/own" in text],
                         [f"FS_WRITE:{self.path('folder')}", f"FS_WRITE:{self.path('folder/old')}"], result.stderr)

    def test_explain_names_a_program_that_may_not_be_executed(self):
        path = self.write("tool", "#!/bin/sh\necho ran\n", 0o755)
        result = self.run_grove("--explain", "--allow", "FS_READ:.", "--", "sh", "-c", "./tool")
        self.assertEqual(result.stdout, "")
        self.assertIn(f"FS_EXEC:{path} is missing", result.stderr)
        result = self.run_grove("--explain", "--allow", "FS_EXEC:.", "--", "sh", "-c", "./tool")
        self.assertEqual((result.stdout, path in result.stderr), ("ran\n", False))

    def test_explain_opens_nothing(self):
        path = self.write("file", "x")
        script = ("chmod u+s file && echo set-id; chmod 4755 file && echo set-id; mknod device c 1 3 && echo device; "
                  "cat /etc/hostname && echo read; echo x > /usr/new && echo written; " + PYTHON + " -c 'import os; "
                  "os.open(\"made\", os.O_CREAT | os.O_WRONLY, 0o4755); print(\"made\")'")
        result = self.run_grove("--explain", "--allow", "FS_WRITE:.", "--allow", "NET_CONNECT:127.0.0.1:9", "--", "sh", "-c", script)
        self.assertEqual(result.stdout, "")
        self.assertEqual(os.stat(path).st_mode & 0o7000, 0)
        self.assertFalse(os.path.exists(self.path("made")))
        self.assertIn("FS_READ:/etc/hostname is missing", result.stderr)

    def test_explain_in_a_manifest(self):
        self.write("hidden/data", "x\n")
        self.write("a.yaml", f"name: a\nexec: [cat, {self.path('hidden/data')}]\nexplain: true\n")
        result = self.run_grove("--manifest", "a.yaml")
        self.assertIn(f"FS_READ:{self.path('hidden/data')} is missing", result.stderr)

    def connect(self, port):
        return ["--", PYTHON, "-c", f"import socket; socket.create_connection(('127.0.0.1', {port})).close()"]

    def test_network_is_refused_and_explained(self):
        result = self.run_grove("-n", "demo.app", *self.connect(9))
        self.assertEqual(result.returncode, 1)
        self.assertIn("grove run: demo.app may not connect to 127.0.0.1:9/tcp: NET_CONNECT:127.0.0.1:9/tcp is missing\n",
                      result.stderr)
        self.assertIn("--allow NET_CONNECT:127.0.0.1:9/tcp", result.stderr)

    def test_network_is_allowed_to_one_address(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            thread = threading.Thread(target=lambda: server.accept()[0].close())
            thread.start()
            result = self.run_grove("--allow", f"NET_CONNECT:127.0.0.1:{port}", *self.connect(port))
            self.assertEqual(result.returncode, 0, result.stderr)
            thread.join()

    def test_memory_is_limited(self):
        result = self.run_grove("--memory", "48M", "--", PYTHON, "-c", "x = bytearray(400 << 20); x[::4096] = x[::4096]")
        self.assertNotEqual(result.returncode, 0)

    def test_a_manifest_and_denials(self):
        self.write("data/file", "x\n")
        self.write("a.yaml", "name: a\nexec: [cat, '${manifest}/data/file']\ncapabilities: ['FS_READ:data', 'NET_CONNECT:*:80']\n")
        self.assertEqual(self.run_grove("--manifest", "a.yaml").stdout, "x\n")
        self.assertNotEqual(self.run_grove("--manifest", "a.yaml", "--deny", "FS_READ").returncode, 0)
        result = self.run_grove("--manifest", "a.yaml", "--deny", "NET_CONNECT:10.0.0.1:80")
        self.assertEqual(result.returncode, 125)
        self.assertIn("a part cannot be taken out", result.stderr)


class Doctor(support.CommandTest):
    def test_layers_are_listed(self):
        result = self.grove("doctor", "--json")
        document = support.json.loads(result.stdout)
        self.assertEqual(result.returncode, 0 if document["all_enforced"] else 1)
        self.assertIn("seccomp", [layer["layer"] for layer in document["layers"]])
        for layer in document["layers"]:
            self.assertTrue(layer["enforced"] or layer["advice"], layer)


if __name__ == "__main__":
    support.main()
