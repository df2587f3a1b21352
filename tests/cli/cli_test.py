"""The command line without a kernel: help, wrong calls, check, cat, caps, completion, man pages."""

import json
import os
import shutil
import subprocess

import support


class Calling(support.CommandTest):
    def commands(self):
        lines = self.good("help").stdout.split("Commands:\n")[1].split("\n\n")[0].splitlines()
        return [line.split()[0] for line in lines]

    def test_every_command_has_help_and_a_man_page(self):
        wanted = ("up down ps tree status start stop restart kill logs call run caps why doctor abi learn check cat trace top")
        commands = self.commands()
        self.assertEqual(set(wanted.split()) - set(commands), set())
        for command in commands:
            text = self.good(command, "--help").stdout
            self.assertTrue(text.startswith(f"Usage: grove {command}"), text)
            self.assertIn("--json", text)
            page = self.good("help", "--man", command).stdout
            self.assertIn(f".TH GROVE-{command.upper()} 1", page)
            self.assertIn(".SH DESCRIPTION", page)
            self.assertIn("exit status", page.lower())

    def test_wrong_calls_say_what_is_right(self):
        cases = [
            (["chekc"], 'did you mean "check"?'),
            (["check", "--jsno"], "did you mean --json?"),
            (["check", "--set"], "--set takes a value: --set NAME=VALUE"),
            (["check", "--json=1"], "--json takes no value"),
            (["check", "--set", "novalue"], "--set is NAME=VALUE"),
            (["check", "-Z"], "there is no option -Z"),
            (["cat"], "an operand is missing"),
            (["cat", "a", "b"], '"b" is one operand too many'),
            (["check", "--color", "red"], "auto, always or never"),
        ]
        for arguments, sentence in cases:
            result = self.grove(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn(sentence, result.stderr)
            self.assertEqual(result.stdout, "")

    def test_errors_are_json_when_asked_for(self):
        result = self.grove("ps", "--json")
        self.assertEqual(result.returncode, 1)
        error = json.loads(result.stderr)
        self.assertEqual(error["command"], "grove ps")
        self.assertIn("no kernel runs in", error["error"])

    def test_no_kernel_is_said_with_the_next_step(self):
        result = self.grove("caps")
        self.assertEqual(result.returncode, 1)
        self.assertIn('no kernel runs in %s; "grove up" starts one' % self.path("run"), result.stderr)

    def test_version(self):
        self.assertRegex(self.good("--version").stdout, r"^grove \d+\.\d+\.\d+\n$")

    def test_completion_scripts_parse(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.good("help", "--completion", shell).stdout
            self.assertIn("learn", script)
            if shutil.which(shell):
                subprocess.run([shell, "-n"], input=script, text=True, check=True)
        reply = subprocess.run(
            ["bash", "-c", 'source /dev/stdin; COMP_WORDS=(grove che) COMP_CWORD=1; _grove grove che; echo ${COMPREPLY[@]}'],
            input=self.good("help", "--completion", "bash").stdout, stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(reply.stdout, "check\n")

    def test_colours_only_where_they_are_wanted(self):
        self.write("a.yaml", "name: a\nexec: sh\n")
        self.assertNotIn("\033", self.good("check", "a.yaml").stdout)
        self.assertIn("\033", self.good("check", "--color", "always", "a.yaml").stdout)


class Manifests(support.CommandTest):
    def test_check_names_file_line_and_field(self):
        self.write("bad.yaml", "name: a\nexec: sh\nresources:\n  memroy: 1M\ncapabilities:\n- FS_RAED:/x\n")
        result = self.grove("check", "bad.yaml")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "bad.yaml:4: resources.memroy: resources has no such field; did you mean memory?\n")
        self.write("bad.yaml", "name: a\nexec: sh\ncapabilities:\n- FS_RAED:/x\n")
        self.assertEqual(self.grove("check", "bad.yaml").stderr,
                         "bad.yaml:4: capabilities[0]: FS_RAED is no capability; did you mean FS_READ?\n")

    def test_check_as_json(self):
        self.write("good.yaml", "name: a\nexec: sh\n")
        self.write("bad.yaml", "name: a\nexec: sh\nring: 7\n")
        good, bad = self.json("check", "--json", "good.yaml", "bad.yaml", status=1)
        self.assertEqual((good["ok"], good["services"], good["errors"]), (True, ["user.a"], []))
        self.assertEqual(bad["errors"][0]["line"], 3)
        self.assertEqual(bad["errors"][0]["field"], "ring")
        self.assertEqual(bad["errors"][0]["file"], "bad.yaml")

    def test_a_project_with_variables(self):
        self.write("grove.yaml", "name: p\nservices: ['s/*.yaml']\nvariables: {what: nothing}\n")
        self.write("s/a.yaml", "name: a\nexec: [sh, '${what}']\n")
        self.assertIn("ok, 1 service", self.good("check").stdout)
        self.assertIn("- something", self.good("cat", "--set", "what=something", ".").stdout)
        self.assertIn("p.a", self.good("cat", ".").stdout)
        self.assertIn("q.a", self.good("cat", "--project", "q", ".").stdout)

    def test_cat_says_where_values_come_from(self):
        self.write("a.yaml", "name: a\nexec: sh\ndescription: one\nrequires: [b]\n")
        self.write("a.yaml.d/x.yaml", "description: two\n")
        text = self.good("cat", "a.yaml").stdout
        self.assertRegex(text, r"(?m)^description: two +# .*a\.yaml\.d/x\.yaml:1$")
        self.assertRegex(text, r"(?m)^  - IPC_SEND:user\.b +# implied by requires, a\.yaml:4$")
        document = self.json("cat", "--json", "a.yaml")[0]
        self.assertEqual(document["description"]["value"], "two")
        self.assertEqual(document["name"], {"value": "user.a", "from": "a.yaml:1"})

    def test_caps_of_a_manifest(self):
        self.write("a.yaml", "name: a\nexec: sh\ncapabilities: ['NET_BIND:127.0.0.1:80']\n")
        rows = self.json("caps", "--json", "./a.yaml")
        self.assertEqual([row["capability"] for row in rows], ["NET_BIND:127.0.0.1:80"])

    def test_host_names_are_looked_up(self):
        self.write("a.yaml", "name: a\nexec: sh\ncapabilities: ['NET_CONNECT:localhost:80/tcp']\n")
        rows = [row["capability"] for row in self.json("caps", "--json", "./a.yaml")]
        self.assertTrue(set(rows) <= {"NET_CONNECT:127.0.0.1:80/tcp", "NET_CONNECT:[::1]:80/tcp"} and rows, rows)

    def test_files_that_are_no_manifests(self):
        os.mkdir(self.path("folder"))
        self.write("empty.yaml", "")
        for name, sentence in (("nothing.yaml", "No such file"), ("folder", "grove.yaml: it cannot be opened"),
                               ("empty.yaml", "the file is empty"), ("/dev/zero", "it is not a file")):
            result = self.grove("check", name)
            self.assertEqual(result.returncode, 1)
            self.assertIn(sentence, result.stderr)


if __name__ == "__main__":
    support.main()
