"""grove learn with programs of the system: learn, then run confined with what was learned, and do real work."""

import os
import shutil
import signal
import socket
import subprocess
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
        self.assertEqual(result.returncode, 1)
        self.assertIn("--force overwrites it", result.stderr)
        self.assertEqual(self.grove("learn", "--", "no-such-program").returncode, 127)
        self.assertIn("name: true\n", self.good("learn", "-o", "-", "--", "true").stdout)

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
