"""What a service reads: types, sources and their order, files as they change, secrets."""
import os
import subprocess

import config_support as cs
from config_support import gs


class Values(cs.ConfigTest):
    def test_each_type_is_read_as_declared(self):
        self.up()
        self.config("set", "demo.reader", "limit=48.75", "left=-7", "period=1500ms", "size=2M", "on=no", "mode=fast",
                    "name=meter-7", "steps=4", "steps=5", "peers=127.0.0.1:502", "peers=10.0.0.1:503")
        expected = {"limit": "48.75", "left": "-7", "period": "1500000000ns", "size": "2097152", "on": "false",
                    "mode": "fast", "name": "meter-7", "steps": "4,5", "peers": "127.0.0.1:502,10.0.0.1:503"}
        self.assertEqual({key: self.read(key) for key in expected}, expected)
        self.config("set", "demo.reader", "steps=")
        self.assertEqual(self.read("steps"), "")
        self.config("unset", "demo.reader", "steps", "name")
        self.assertEqual(self.read("steps"), "1,2,3")
        result = self.system.grove("call", "demo.reader", "read", "name", check=False)
        self.assertIn("no value for name", result.stderr)

    def test_a_value_that_the_schema_forbids_changes_nothing(self):
        self.up()
        for words, part in ((["limit=60"], "from 45 to 55"), (["limit=low"], "not a number"), (["left=1.5"], "whole number"),
                            (["mode=quick"], "one of fast, slow"), (["name=Meter"], "pattern"), (["on=maybe"], "true or false"),
                            (["peers=nowhere"], "address"), (["period=soon"], "a time"), (["size=big"], "a size"),
                            (["limt=50"], "did you mean limit?"), (["left=1", "left=2"], "not a list")):
            self.refused("set", "demo.reader", "right=99", *words, part=part)
        self.assertEqual(self.read("right"), "0")
        self.assertEqual(self.json("history"), [])
        self.refused("set", "demo.nobody", "x=1", part="no service named demo.nobody")
        self.refused("set", "system.registry", "x=1", part="system.registry")

    def test_the_stronger_source_counts(self):
        self.up()
        self.write_file("20-site.yaml", "demo.reader:\n  left: 20\n  right: 20\n")
        self.wait_until_told("20")
        self.write_file("10-base.yaml", "demo.reader: {left: 10, limit: 50}\n")
        self.wait_until_told("limit: 49 -> 50")
        self.assertEqual((self.read("left"), self.read("limit")), ("20", "50"))
        self.config("set", "demo.reader", "left=30")
        self.assertEqual(self.read("left"), "30")
        rows = {row["key"]: row for row in self.json("list", "demo.reader")}
        self.assertEqual(rows["left"]["from"], "set")
        self.assertTrue(rows["right"]["from"].endswith("20-site.yaml:3"), rows["right"])
        self.assertEqual(rows["size"]["from"], "manifest")
        self.config("unset", "demo.reader", "left")
        self.assertEqual(self.read("left"), "20")
        os.unlink(os.path.join(self.files, "20-site.yaml"))
        self.wait_until_told("right: 20 -> 0")
        self.assertEqual(self.read("left"), "10")

    def test_a_bad_file_names_the_line_and_changes_nothing(self):
        self.up()
        self.write_file("a.yaml", "demo.reader:\n  left: 1\n  right: 2\n")
        self.wait_until_told("right: 0 -> 2")
        for text, part in (("demo.reader:\n  left: 5\n  limit: 99\n", "a.yaml:3: demo.reader.limit: \"99\" is out of range"),
                           ("demo.reader:\n  left: 5\n  limt: 50\n", "a.yaml:3: demo.reader has no key limt"),
                           ("demo.reader:\n\tleft: 5\n", "a.yaml:2: this is no YAML"),
                           ("reader: {left: 5}\n", "a.yaml:1: \"reader\" is no full name")):
            self.write_file("a.yaml", text)
            self.refused("reload", part=part)
            listed = self.config("list", "demo.reader")
            self.assertIn(part, listed.stderr)
            self.assertEqual((self.read("left"), self.read("right")), ("1", "2"))
            self.refused("check", os.path.join(self.files, "a.yaml"), part="a.yaml:")
        # What counted before is not forgotten with the process.
        self.system.grove("kill", "-s", "KILL", "system.config")
        self.refused("reload", part="no full name")
        self.config("set", "demo.reader", "size=1M")
        self.assertEqual((self.read("left"), self.read("right"), self.read("size")), ("1", "2", "1048576"))
        self.write_file("a.yaml", "demo.reader: {left: 6}\n")
        gs.wait_for("the mended file counts", lambda: self.read("left") == "6")
        self.assertNotIn("a.yaml", self.config("list", "demo.reader").stderr)

    def test_a_project_brings_its_own(self):
        self.up()
        path = os.path.join(self.project, "config.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("reader:\n  left: 3\n")
        self.system.grove("check", self.project)
        self.system.grove("up", self.project)
        self.assertEqual(self.read("left"), "3")
        self.write_file("a.yaml", "demo.reader: {left: 4}\n")
        self.wait_until_told("3 -> 4")
        with open(path, "w", encoding="utf-8") as file:
            file.write("reader:\n  left: 3\n  limit: 99\n")
        result = self.system.grove("check", self.project, check=False)
        self.assertIn("config.yaml:3: demo.reader.limit: \"99\" is out of range", result.stderr)
        self.assertNotEqual(self.system.grove("up", self.project, check=False).returncode, 0)
        os.unlink(path)
        os.unlink(os.path.join(self.files, "a.yaml"))
        self.system.grove("up", self.project)
        gs.wait_for("nothing of it is left", lambda: self.read("left") == "0")

    def test_what_is_required_must_be_set_first(self):
        schema = "config:\n  key: {type: string, required: true}\n  other: {type: int, default: 1}\n"
        self.project = self.system.write_project("demo", {"reader": cs.manifest(self.system, "reader", schema=schema)})
        self.system.grove("up", "--no-wait", self.project)
        gs.wait_for("it says what is missing", lambda: "demo.reader.key is required and nobody gives it a value" in
                    self.logs("demo.reader"))
        self.config("set", "demo.reader", "other=2", "key=found")
        self.system.grove("start", "demo.reader")
        self.assertEqual((self.read("key"), self.read("other")), ("found", "2"))
        self.refused("unset", "demo.reader", "key", part="demo.reader.key is required")

    def test_a_service_without_a_schema_has_none(self):
        self.project = self.system.write_project("demo", {"reader": cs.manifest(self.system, "reader", schema="")})
        self.system.grove("up", "--no-wait", self.project)
        gs.wait_for("it is said", lambda: "IPC_SEND:system.config" in self.logs("demo.reader"))
        self.refused("list", "demo.reader", part="add its keys below 'config:'")


class Secrets(cs.ConfigTest):
    SECRET = "correct-horse-battery"

    def set_secret(self, value=SECRET):
        result = subprocess.run([self.system.program, "config", "--run", self.system.run, "--state", self.system.state,
                                 "set", "demo.reader", "token", "--stdin", "--why", "rotation"], input=value + "\n",
                                capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_secret_is_shown_to_its_service_alone(self):
        self.up({"reader": cs.manifest(self.system, "reader"),
                 "other": cs.manifest(self.system, "other", "demo.reader.>",
                                      capabilities=["CONFIG_READ:demo.reader.>", "IPC_SEND:reader"])})
        self.set_secret()
        self.assertEqual(self.read("token"), self.SECRET)
        self.wait_until_told("token: - -> " + self.SECRET)
        self.assertIn("demo.reader.token: - -> -", self.told("demo.other")["last"])
        for arguments in (("get", "demo.reader", "token"), ("list", "demo.reader"), ("history",), ("diff", "demo.reader"),
                          ("diff", "demo.reader", "--since", "0")):
            for options in ((), ("--json",)):
                result = self.config(*arguments, *options)
                self.assertNotIn(self.SECRET, result.stdout + result.stderr, arguments)
        self.assertEqual(self.config("get", "demo.reader", "token", "--reveal").stdout.strip(), self.SECRET)
        fetched = self.system.grove("call", "demo.other", "fetch", "demo.reader token", check=False)
        self.assertIn("secret", fetched.stderr)
        for service in ("system.config", "system.registry", "demo.reader", "demo.other"):
            self.assertNotIn(self.SECRET, self.logs(service), service)
        self.assert_in_no_file_but_the_state()
        self.refused("set", "demo.reader", "token=" + self.SECRET, part="a command line can be read by others")
        error = self.refused("set", "demo.reader", "token", "--file", self.short_secret(), part="at least 8 bytes")
        self.assertNotIn("tiny", error)
        self.set_secret("another-long-secret")
        self.config("rollback")
        self.assertEqual(self.read("token"), self.SECRET)

    def short_secret(self):
        path = os.path.join(self.system.folder, "short")
        with open(path, "w", encoding="utf-8") as file:
            file.write("tiny\n")
        return path

    def assert_in_no_file_but_the_state(self):
        own = os.path.join(self.system.state, "services", "system.config", "state")
        for folder, _, names in os.walk(self.system.folder):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.isfile(path):
                    continue
                with open(path, "rb") as file:
                    found = self.SECRET.encode() in file.read()
                self.assertEqual(found, path.startswith(own), path)
        self.assertEqual(os.stat(own).st_mode & 0o777, 0o600)


class Rights(cs.ConfigTest):
    def test_reading_and_changing_others_needs_rights(self):
        self.up({"reader": cs.manifest(self.system, "reader"),
                 "friend": cs.manifest(self.system, "friend", capabilities=["CONFIG_READ:demo.reader.limit"]),
                 "nosy": cs.manifest(self.system, "nosy")})
        self.assertEqual(self.system.call("demo.friend", "fetch", "demo.reader limit")["value"], "49.0")
        for service, key in (("demo.friend", "left"), ("demo.nosy", "limit")):
            result = self.system.grove("call", service, "fetch", "demo.reader " + key, check=False)
            self.assertIn(f"lacks the capability CONFIG_READ:demo.reader.{key}", result.stderr)
            self.assertIn(f"CONFIG_READ:demo.reader.{key}", self.system.grove("why", service).stdout)
        self.assertEqual(self.system.call("demo.nosy", "fetch", "demo.nosy limit")["value"], "49.0")

    def test_validating_others_needs_the_right_to_read_them(self):
        self.up({"reader": cs.manifest(self.system, "reader"), "nosy": cs.manifest(self.system, "nosy", "demo.reader.>")})
        gs.wait_for("it is refused", lambda: "lacks the capability CONFIG_READ:demo.reader.>" in
                    self.logs("demo.nosy"))
        self.config("set", "demo.reader", "left=1")
        self.assertEqual(self.read("left"), "1")


class Later(cs.ConfigTest):
    """Not waiting for the configuration service: all keys are told when they come."""

    KEYS_WITH_A_VALUE = 9  # of the schema

    def test_who_does_not_wait_is_told_of_all_of_it(self):
        self.up({"reader": cs.manifest(self.system, "reader", "later")})
        gs.wait_for("it is told of each", lambda: self.told()["count"] == self.KEYS_WITH_A_VALUE)
        self.assertEqual((self.read("limit"), self.read("port")), ("49", "502"))
        self.config("set", "demo.reader", "left=4")
        self.wait_until_told("left: 0 -> 4")
        self.system.grove("kill", "-s", "KILL", "system.config")
        self.config("set", "demo.reader", "left=5")
        self.wait_until_told("left: 4 -> 5")

    def test_it_comes_with_the_change_that_mends_what_is_wrong(self):
        needed = cs.SCHEMA + "  needed: {type: int, required: true}\n"
        self.up({"reader": cs.manifest(self.system, "reader", "later", schema=needed)})
        gs.wait_for("it is said why nothing comes", lambda: "demo.reader.needed is required" in self.logs("system.config"))
        refused = self.system.grove("call", "demo.reader", "read", "limit", check=False)
        self.assertIn("the configuration has no value for limit", refused.stderr)
        self.assertEqual(self.told()["count"], 0)
        self.config("set", "demo.reader", "needed=3")
        gs.wait_for("it is told of each", lambda: self.told()["count"] == self.KEYS_WITH_A_VALUE + 1)
        self.assertEqual(self.read("needed"), "3")


class Python(cs.ConfigTest):
    def test_the_binding_reads_watches_and_validates(self):
        self.reads_watches_and_validates()

    def test_the_binding_does_not_wait(self):
        self.reads_watches_and_validates("later")

    def reads_watches_and_validates(self, *operands):
        package = os.path.join(gs.SOURCE, "..", "..", "lib", "python")
        library = os.path.join(self.system.build, "lib", "libgrove.so.1")
        program = os.path.join(gs.SOURCE, "..", "config", "reader.py")
        paths = [os.path.realpath(path) for path in (package, library, program)]
        words = "".join(f', "{word}"' for word in operands)
        text = (f'exec: [/usr/bin/python3, "-B", "{paths[2]}"{words}]\nsystem-files: true\n'
                f'environment: {{PYTHONPATH: "{paths[0]}", GROVE_LIBRARY: "{library}"}}\n'
                f'capabilities: ["FS_READ:{paths[0]}", "FS_EXEC:{os.path.dirname(library)}", "FS_READ:{paths[2]}", '
                '"CONFIG_READ:demo.reader.limit"]\n'
                'provides:\n  - name: python\n    methods:\n      - {number: 1, name: read, request: "key:text", reply: '
                '"value:text"}\n      - {number: 3, name: told, reply: "value:text"}\n      - {number: 6, name: fetch, '
                'request: "words:text", reply: "value:text"}\n' + cs.SCHEMA)
        self.up({"reader": cs.manifest(self.system, "reader"), "python": text})

        def ask(method, *words):
            return self.system.call("demo.python", method, *words)["value"]

        first = Later.KEYS_WITH_A_VALUE if operands else 0  # told of all of it, when it came
        gs.wait_for("it has its configuration", lambda: len(gs.json.loads(ask("told"))) == first)
        self.assertEqual([ask("read", key) for key in ("limit", "period", "size", "on", "steps", "mode", "name")],
                         ["49.0", "0.25", "65536", "true", "[1, 2, 3]", '"slow"', "null"])
        self.config("set", "demo.python", "left=7", "name=meter-7", "steps=9")
        gs.wait_for("it is told", lambda: len(gs.json.loads(ask("told"))) == first + 3)
        self.assertEqual(sorted(gs.json.loads(ask("told"))[first:]),
                         [["left", 0, 7], ["name", None, "meter-7"], ["steps", [1, 2, 3], [9]]])
        self.refused("set", "demo.python", "left=13", part="demo.python.left was 7 and must not be 13")
        self.assertEqual(ask("fetch", "demo.reader limit"), "49.0")


if __name__ == "__main__":
    gs.main()
