"""What the tests of the command line share: running it as a person would, in folders of its own."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

GROVE = os.environ["GROVE"]
DEADLINE = 60


class CommandTest(unittest.TestCase):
    """A test with a folder to work in, outside /tmp because that is private in containers, and no kernel running."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="grove-cli-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.environment = dict(os.environ, GROVE_RUN=self.path("run"), GROVE_STATE=self.path("state"))
        self.environment.pop("NO_COLOR", None)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(path, mode)
        return path

    def grove(self, *arguments, **options):
        options.setdefault("cwd", self.folder)
        options.setdefault("env", self.environment)
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([GROVE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=DEADLINE, check=False, **options)

    def good(self, *arguments, **options):
        result = self.grove(*arguments, **options)
        self.assertEqual(result.returncode, 0, f"{arguments}: {result.stderr}{result.stdout}")
        return result

    def is_enforced(self, layer):
        """Whether this machine and user have that layer of the sandbox."""
        found = {row["layer"]: row["enforced"] for row in json.loads(self.grove("doctor", "--json").stdout)["layers"]}
        return found[layer]

    def json(self, *arguments, status=0, **options):
        result = self.grove(*arguments, **options)
        self.assertEqual(result.returncode, status, result.stderr)
        return json.loads(result.stdout)


def main():
    unittest.main(argv=[sys.argv[0], "-v"])
