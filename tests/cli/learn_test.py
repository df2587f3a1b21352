"""grove learn with programs of the system: learn, then run confined with what was learned, and do real work."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import support

PYTHON = "/usr/bin/python3"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def need(program):
    return unittest.skipUnless(shutil.which(program, path="/usr/sbin:/usr/bin"), f"{program} is not installed")


class Learning(support.CommandTest):
    def learn(self, name, *command, **options):
        self.good("learn", "-o", name, "--", *command, **options)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as stream:
            return stream.read()

    def serve(self, *arguments, port, work):
        """Start a server with grove, do the work when it listens, and end it with Ctrl-C."""
        process = subprocess.Popen([support.GROVE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, env=self.environment, cwd=self.folder)
        try:
            deadline = time.monotonic() + support.DEADLINE
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        self.fail(f"{arguments} does not listen: {process.communicate()[0]}")
                    time.sleep(0.02)
            work()
            process.send_signal(signal.SIGINT)
            output = process.communicate(timeout=support.DEADLINE)[0]
        finally:
            process.kill()
            process.wait()
        return output

    def test_python(self):
        self.write("app.py", "import sys\nopen('out/result', 'w').write(open('data.txt').read() * 2)\nsys.exit(0)\n")
        self.write("data.txt", "ab")
        os.mkdir(self.path("out"))
        self.learn("app.yaml", PYTHON, "app.py")
        os.unlink(self.path("out/result"))
        self.good("run", "--manifest", "app.yaml")
        self.assertEqual(self.read("out/result"), "abab")
        manifest = self.read("app.yaml")
        self.assertIn(f"FS_READ:{self.folder}/data.txt", manifest)
        self.assertNotIn("/usr", manifest.split("capabilities:")[1])

    def test_status_and_files(self):
        self.assertEqual(self.grove("learn", "-o", "a.yaml", "--", "sh", "-c", "exit 9").returncode, 9)
        result = self.grove("learn", "-o", "a.yaml", "--", "true")
        self.assertEqual(result.returncode, 125)
        self.assertIn("--force overwrites it", result.stderr)
        self.assertEqual(self.grove("learn", "--", "no-such-program").returncode, 127)
        self.assertIn("name: true\n", self.good("learn", "-o", "-", "--", "true").stdout)

    def granted(self, name):
        """What the manifest grants, but for the host's tables of users and time zones that libraries look into."""
        lines = self.read(name).split("capabilities:\n")[1].splitlines()
        grants = [line.strip()[2:].split(" #")[0].strip() for line in lines if line.startswith("  - ")]
        return sorted(grant for grant in grants if not grant.startswith("FS_READ:/etc/"))

    @need("curl")
    def test_curl(self):
        self.write("site/page", "hello\n")
        self.write("site/secret", "not this\n")
        os.mkdir(self.path("down"))
        with subprocess.Popen([PYTHON, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", "site"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=self.folder) as server:
            try:
                port = int(server.stdout.readline().split(" port ")[1].split()[0])
                self.learn("curl.yaml", "curl", "-sf", "-o", "down/page", f"http://127.0.0.1:{port}/page")
                self.assertEqual(self.granted("curl.yaml"),
                                 [f"FS_WRITE:{self.path('down')}", f"NET_CONNECT:127.0.0.1:{port}/tcp"])
                os.unlink(self.path("down/page"))
                self.good("run", "--manifest", "curl.yaml")
                self.assertEqual(self.read("down/page"), "hello\n")
                # Nothing in it is idle: without the address it fails.
                result = self.grove("run", "--manifest", "curl.yaml", "--deny", "NET_CONNECT")
                self.assertEqual(result.returncode, 7, result.stderr)
            finally:
                server.kill()

    @need("sqlite3")
    def test_sqlite(self):
        os.mkdir(self.path("data"))
        command = ["sqlite3", "data/test.db", "create table if not exists t(a); insert into t values(1); select count(*) from t"]
        self.learn("sqlite.yaml", *command)
        self.assertEqual(self.granted("sqlite.yaml"), [f"FS_WRITE:{self.path('data')}"])
        self.assertEqual(self.good("run", "--manifest", "sqlite.yaml").stdout, "2\n")

    def test_a_pipeline(self):
        self.write("in/one", "b\n")
        self.write("in/two", "a\n")
        self.write("in/other", "unread\n")
        os.mkdir(self.path("out"))
        self.learn("pipe.yaml", "sh", "-c", "cat in/one in/two | sort | tee out/sorted | wc -l")
        self.assertEqual(self.granted("pipe.yaml"), [f"FS_READ:{self.path('in/one')}", f"FS_READ:{self.path('in/two')}",
                                                     f"FS_WRITE:{self.path('out')}"])
        os.unlink(self.path("out/sorted"))
        self.assertEqual(self.good("run", "--manifest", "pipe.yaml").stdout, "2\n")
        self.assertEqual(self.read("out/sorted"), "a\nb\n")

    def test_children_that_do_the_work(self):
        program = ("import os, subprocess, threading\n"
                   "child = os.fork()\n"
                   "if child == 0:\n"
                   "    open('out/made', 'w').write(open('in/forked').read())\n"
                   "    os._exit(0)\n"
                   "assert os.waitpid(child, 0)[1] == 0\n"
                   "subprocess.run(['cat', 'in/executed'], check=True)\n"
                   "thread = threading.Thread(target=lambda: print(open('in/threaded').read(), end=''))\n"
                   "thread.start(), thread.join()\n")
        for name in ("forked", "executed", "threaded", "other"):
            self.write("in/" + name, name + "\n")
        os.mkdir(self.path("out"))
        # Python lists the folder of its program for every import.
        self.write("program/app.py", program)
        self.learn("app.yaml", PYTHON, "program/app.py")
        self.assertEqual(self.granted("app.yaml"),
                         sorted([f"FS_READ:{self.path('program')}", f"FS_WRITE:{self.path('out')}",
                                 *(f"FS_READ:{self.path('in/' + name)}" for name in ("forked", "executed", "threaded"))]))
        os.unlink(self.path("out/made"))
        self.assertEqual(self.good("run", "--manifest", "app.yaml").stdout, "executed\nthreaded\n")
        self.assertEqual(self.read("out/made"), "forked\n")

    @need("git")
    def test_git(self):
        git = ["/usr/bin/git", "-c", "user.name=n", "-c", "user.email=e@x", "-c", "safe.directory=*"]
        work = self.path("work")
        subprocess.run(["/usr/bin/git", "init", "-q", work], check=True)
        self.write("work/file", "1\n")
        subprocess.run([*git, "-C", work, "add", "file"], check=True)
        subprocess.run([*git, "-C", work, "commit", "-qm", "first"], check=True)
        self.write("work/file", "2\n")
        self.good("learn", "-o", "../git.yaml", "--", *git, "commit", "-qam", "learned", cwd=work)
        self.write("work/file", "3\n")
        self.good("run", "--manifest", "../git.yaml", cwd=work)
        log = subprocess.run([*git, "-C", work, "log", "--format=%s"], stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(log.stdout.split(), ["learned", "learned", "first"])

    @need("redis-server")
    def test_redis(self):
        port = free_port()
        data = self.path("data")
        os.mkdir(data)

        def ask(*words):
            return subprocess.run(["redis-cli", "-p", str(port), *words], stdout=subprocess.PIPE, text=True,
                                  timeout=support.DEADLINE, check=True).stdout.strip()

        def learn_from():
            self.assertEqual(ask("set", "a", "1"), "OK")
            self.assertEqual(ask("save"), "OK")

        def use():
            self.assertEqual(ask("get", "a"), "1")
            self.assertEqual(ask("set", "b", "2"), "OK")
            self.assertEqual(ask("save"), "OK")

        command = ["/usr/bin/redis-server", "--port", str(port), "--dir", data]
        self.serve("learn", "-o", "redis.yaml", "--", *command, port=port, work=learn_from)
        self.assertIn(f"NET_BIND:0.0.0.0:{port}/tcp", self.read("redis.yaml"))
        self.serve("run", "--manifest", "redis.yaml", port=port, work=use)

    @need("nginx")
    @unittest.skipUnless(os.geteuid() == 0, "Debian's nginx is made to be started by root")
    def test_a_folder_in_tmp_that_was_there_before(self):
        """What the program makes in /tmp it will make in its own; a folder of others it would not find there."""
        folder = tempfile.mkdtemp(dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        made = os.path.join(folder, "made")
        own = f"/tmp/{os.path.basename(folder)}-own"
        command = ["sh", "-c", f"mkdir {own} && echo new >{own}/file && cat {own}/file >{made} && rm -r {own}"]
        self.learn("tmp.yaml", *command)
        self.assertEqual([line.strip() for line in self.read("tmp.yaml").splitlines() if "FS_WRITE" in line], [f"- FS_WRITE:{folder}"])
        os.unlink(made)
        self.good("run", "--manifest", "tmp.yaml")
        with open(made, encoding="ascii") as file:
            self.assertEqual(file.read(), "new\n")

    def test_nginx(self):
        port = free_port()
        self.write("site/index.html", "hello from inside\n")
        os.chmod(self.folder, 0o755)
        configuration = self.write("nginx.conf", f"""
            user www-data; worker_processes 2; pid {self.folder}/pid/nginx.pid; error_log {self.folder}/log/error.log;
            events {{}}
            http {{ access_log {self.folder}/log/access.log;
                    server {{ listen 127.0.0.1:{port}; root {self.folder}/site; }} }}""")
        os.mkdir(self.path("log"))
        os.mkdir(self.path("pid"))

        def page(path):
            return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=support.DEADLINE).read().decode()

        def work():
            self.assertEqual(page("/index.html"), "hello from inside\n")
            with self.assertRaises(urllib.error.HTTPError):
                page("/nothing")

        command = ["/usr/sbin/nginx", "-c", configuration, "-g", "daemon off;"]
        self.serve("learn", "-o", "nginx.yaml", "--", *command, port=port, work=work)
        manifest = self.read("nginx.yaml")
        self.assertIn(f"NET_BIND:127.0.0.1:{port}/tcp", manifest)
        self.good("check", "nginx.yaml")
        self.serve("run", "--manifest", "nginx.yaml", port=port, work=work)


if __name__ == "__main__":
    support.main()
