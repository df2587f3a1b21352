"""The JSON schema of manifests: it takes what the compiler takes, and refuses what the compiler refuses."""

import glob
import json
import os
import subprocess
import sys
import tempfile
import unittest

import jsonschema
import yaml

ROOT = os.environ["ROOT"]
GROVE = os.environ["GROVE"]


def load(path):
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def validator(variable):
    schema = load(os.environ[variable])
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


class Schema(unittest.TestCase):
    def setUp(self):
        self.manifest = validator("SCHEMA")
        self.project = validator("PROJECT_SCHEMA")

    def test_every_manifest_of_the_tree_is_good(self):
        manifests = glob.glob(ROOT + "/servers/*/manifest.yaml") + glob.glob(ROOT + "/examples/*/services/*.yaml")
        self.assertGreater(len(manifests), 3)
        for path in manifests:
            with open(path, encoding="utf-8") as stream:
                self.assertEqual([error.message for error in self.manifest.iter_errors(yaml.safe_load(stream))], [], path)
        for path in glob.glob(ROOT + "/examples/*/grove.yaml"):
            with open(path, encoding="utf-8") as stream:
                self.assertEqual([error.message for error in self.project.iter_errors(yaml.safe_load(stream))], [], path)

    def compiles(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as stream:
            stream.write(text)
            stream.flush()
            return subprocess.run([GROVE, "check", stream.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  check=False).returncode == 0

    def test_schema_and_compiler_agree(self):
        least = "name: a\nexec: sh\n"
        good = ["", "resources: {memory: 64M, processes: 5, processor: 50%}\n", "version: 1.2\n", "restart: always\n",
                "restart: {factor: 1.5, delay: 10ms, give-up: 0}\n", "streams: {out: null}\n", "stop-timeout: 5\n",
                "requires: [b, 'c >=1 <2', {name: d, optional: true}]\n", "environment: {A: 1, B: true, C: x}\n",
                "capabilities: ['FS_READ:/x', {allow: 'FS_READ:/y', optional: yes}]\n", "native: yes\n", "ring: 1\n",
                "tags: [a, b-c]\n", "limits: {memory: suspend, processor: {policy: throttle, to: 5%}}\n"]
        bad = ["resourcs: {}\n", "resources: {memory: much}\n", "resources: {memory: -1}\n", "ring: 4\n", "ring: one\n",
               "native: perhaps\n", "restart: {policy: sometimes}\n", "capabilities: FS_READ\n", "exec2: []\n",
               "capabilities: [[a]]\n", "stop-timeout: soon\n", "streams: {out: screen}\n", "environment: [a]\n",
               "provides: [{version: 1.0.0}]\n", "version: one\n", "requires: [{name: b, optinal: true}]\n"]
        for text, wanted in [(least + text, True) for text in good] + [(least + text, False) for text in bad]:
            self.assertEqual(self.manifest.is_valid(yaml.safe_load(text)), wanted, text)
            self.assertEqual(self.compiles(text), wanted, text)


class Reference(unittest.TestCase):
    def test_documentation_holds_the_reference(self):
        with open(ROOT + "/docs/manifest.md", encoding="utf-8") as stream:
            document = stream.read()
        for what in ("markdown", "project-markdown"):
            told = subprocess.run([os.environ["DESCRIBE"], what], stdout=subprocess.PIPE, text=True, check=True).stdout
            self.assertIn(told.strip(), document, f"docs/manifest.md lacks what `manifest-describe {what}` prints")

    def test_examples_of_the_documentation_compile(self):
        with open(ROOT + "/docs/manifest.md", encoding="utf-8") as stream:
            blocks = [block.split("```")[0] for block in stream.read().split("```yaml\n")[1:]]
        self.assertGreater(len(blocks), 1)
        for block in blocks:
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "grove.yaml" if "services:" in block else "example.yaml")
                with open(path, "w", encoding="utf-8") as stream:
                    stream.write(block)
                os.mkdir(folder + "/bin")
                os.mkdir(folder + "/services")
                os.symlink("/bin/true", folder + "/bin/historian")
                with open(folder + "/services/x.yaml", "w", encoding="utf-8") as stream:
                    stream.write("name: x\nexec: sh\n")
                result = subprocess.run([GROVE, "check", path], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                                        check=False)
                self.assertEqual(result.returncode, 0, block + result.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
