"""What an installation holds, that it works from where it is, that removing it leaves nothing, and that it makes a package.

    install_test.py ROOT BUILD PREFIX

Installs the programs as they are built, with the prefix they are built for, below a folder of its own. Nothing outside that folder is touched.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT, BUILD, PREFIX = sys.argv[1:4]
HELLO = """
#include <grove/grove.h>
#include <stdio.h>
int main(void) { return puts(grove_status_text(GROVE_DENIED)) < 0; }
"""


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
                          **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}")
    return done.stdout


def files_below(folder):
    return {os.path.relpath(os.path.join(path, name), folder)
            for path, _, names in os.walk(folder) for name in names}


class Installation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="grove-install-")
        os.chmod(cls.folder, 0o755)
        cls.destination = os.path.join(cls.folder, "destination")
        cls.environment = dict(os.environ, BUILD=BUILD, DESTDIR=cls.destination, PREFIX=PREFIX)
        run(os.path.join(ROOT, "tools", "install"), env=cls.environment)
        cls.base = cls.destination + PREFIX
        cls.grove = os.path.join(cls.base, "bin", "grove")
        cls.library = os.path.dirname(glob.glob(cls.base + "/lib/**/libgrove.so.1", recursive=True)[0])
        cls.python = os.path.dirname(glob.glob(cls.base + "/lib/python*/*/grove")[0])

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def test_every_command_has_a_page_and_each_shell_its_completion(self):
        names = {os.path.basename(page) for page in glob.glob(self.base + "/share/man/man*/*")}
        commands = re.findall(r"^  ([a-z]+) ", run(self.grove, "--help"), re.M)
        self.assertGreater(len(commands), 20)
        for command in commands:
            self.assertIn(f"grove-{command}.1", names)
            self.assertIn(f"grove {command}", run(self.grove, command, "--help"))
        self.assertLessEqual({"grove.1", "groved.8", "grove-manifest.5"}, names)
        for place in ("bash-completion/completions/grove", "zsh/site-functions/_grove",
                      "fish/vendor_completions.d/grove.fish"):
            with open(os.path.join(self.base, "share", place), encoding="utf-8") as file:
                self.assertIn("doctor", file.read())

    def test_only_what_is_grove_is_installed(self):
        for path in files_below(self.base):
            self.assertIn("grove", path)
            mode = os.lstat(os.path.join(self.base, path)).st_mode
            self.assertTrue(os.path.islink(os.path.join(self.base, path)) or mode & 0o022 == 0, f"{path} {mode:o}")

    def test_the_system_runs_from_where_it_is(self):
        state = os.path.join(self.folder, "state")
        environment = dict(os.environ, GROVE_RUN=os.path.join(self.folder, "run"), GROVE_STATE=state)
        run(self.grove, "up", env=environment, cwd=self.folder)
        try:
            with open(os.path.join(self.folder, "run", "kernel.pid"), encoding="utf-8") as file:
                kernel = int(file.read().split()[0])
            self.assertEqual(os.readlink(f"/proc/{kernel}/exe"), os.path.join(self.base, "sbin", "groved"))
            services = json.loads(run(self.grove, "ps", "--json", env=environment))
            manifests = os.listdir(os.path.join(self.base, "lib", "grove"))
            installed = {"system." + name[:-len(".yaml")] for name in manifests if name.endswith(".yaml")}
            self.assertLessEqual({"system.init", "system.log", "system.registry", "system.store"}, installed)
            self.assertEqual({service["name"] for service in services}, installed)
            # Answered by the log service, so that one runs too.
            run(self.grove, "logs", "system.registry", env=environment)
        finally:
            run(self.grove, "down", "--all", env=environment)

    def test_programs_are_built_with_it(self):
        source = os.path.join(self.folder, "hello.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write(HELLO)
        settings = dict(os.environ, PKG_CONFIG_PATH=os.path.join(self.library, "pkgconfig"),
                        PKG_CONFIG_SYSROOT_DIR=self.destination)
        flags = run("pkg-config", "--cflags", "--libs", "grove", env=settings).split()
        for kind, libraries in (("shared", flags), ("static", [flag for flag in flags if not flag.startswith("-l")]
                                                    + [os.path.join(self.library, "libgrove.a")])):
            program = os.path.join(self.folder, "hello-" + kind)
            run("gcc", source, "-o", program, *libraries)
            said = run(program, env=dict(os.environ, LD_LIBRARY_PATH=self.library if kind == "shared" else ""))
            self.assertGreater(len(said.strip()), 3)

    def test_python_finds_the_binding(self):
        environment = dict(os.environ, PYTHONPATH=self.python, LD_LIBRARY_PATH=self.library, PYTHONDONTWRITEBYTECODE="1")
        found = run("/usr/bin/python3", "-c", "import grove; print(grove.__file__, grove.Denied.name)", env=environment)
        self.assertEqual(found.split(), [os.path.join(self.python, "grove", "__init__.py"), "DENIED"])

    def test_removing_leaves_what_is_not_ours(self):
        destination = os.path.join(self.folder, "removed")
        environment = dict(self.environment, DESTDIR=destination)
        run(os.path.join(ROOT, "tools", "install"), env=environment)
        other = os.path.join(destination + PREFIX, "bin", "other")
        with open(other, "w", encoding="utf-8"):
            pass
        run(os.path.join(ROOT, "tools", "install"), "remove", env=environment)
        self.assertEqual(files_below(destination), {os.path.relpath(other, destination)})

    def test_it_makes_a_package(self):
        stage, folder = os.path.join(self.folder, "stage"), os.path.join(self.folder, "package")
        os.makedirs(stage)
        shutil.copytree(self.base, os.path.join(stage, "usr"), symlinks=True)
        run(os.path.join(ROOT, "tools", "deb-pack"), stage, folder)
        package = glob.glob(folder + "/grove_*.deb")[0]
        self.assertIn("libc6", run("dpkg-deb", "-f", package, "Depends"))
        control, content = os.path.join(folder, "control"), os.path.join(folder, "content")
        run("dpkg-deb", "-e", package, control)
        self.assertEqual(set(os.listdir(control)),
                         {"control", "md5sums", "postrm", "prerm", "shlibs", "triggers"})
        run("dpkg-deb", "-x", package, content)
        run("md5sum", "--quiet", "-c", os.path.join(control, "md5sums"), cwd=content)
        files = files_below(content)
        self.assertLessEqual({"usr/bin/grove", "usr/sbin/groved", "usr/lib/grove/grove-init", "usr/lib/grove/init.yaml",
                              "usr/share/man/man1/grove-run.1.gz", "usr/share/doc/grove/copyright",
                              "usr/share/doc/grove/changelog.gz", "lib/systemd/system/grove.service"}, files)
        self.assertEqual({path.split("/")[0] for path in files}, {"usr", "lib"})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
