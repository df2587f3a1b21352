"""What services write is kept: by instance after instance, and over the death of the log service."""
import os

import grove_system as gs


class Logs(gs.SystemTest):
    def lines(self, service="basic.talker", *options):
        return self.system.grove("logs", *options, service, check=False).stdout.splitlines()

    def test_lines_of_both_streams_are_kept_in_order(self):
        self.system.up()
        for number in range(20):
            self.system.call("basic.talker", "say", f"line {number}")
        gs.wait_for("the last line", lambda: "error: line 19" in self.lines())
        out = [line for line in self.lines() if line.startswith("out: ")]
        self.assertEqual(out, [f"out: line {number}" for number in range(20)])
        self.assertEqual(len(self.lines("basic.talker", "-n", "3")), 3)
        self.assertEqual(self.lines("basic.talker", "-n", "2")[-1][-7:], "line 19")

    def test_nothing_is_lost_when_the_log_service_is_killed(self):
        self.system.up()
        for number in range(60):
            self.system.call("basic.talker", "say", f"line {number}")
            if number % 10 == 5:
                self.system.grove("kill", "log", check=False)  # it may be waiting out a delay
        gs.wait_for("the last line", lambda: "out: line 59" in self.lines())
        kept = set(self.lines())
        missing = [number for number in range(60) if f"out: line {number}" not in kept]
        self.assertEqual(missing, [])

    def test_a_flipped_bit_costs_its_line_and_is_told(self):
        self.system.up()
        for number in range(5):
            self.system.call("basic.talker", "say", f"number {number}")
            gs.wait_for("it is kept", lambda number=number: f"error: number {number}" in self.lines())
        folder = os.path.join(self.system.state, "services", "system.log", "basic.talker")
        with open(os.path.join(folder, "0000000001.journal"), "r+b") as file:
            place = file.read().index(b"out: number 2")
            file.seek(place)
            file.write(b"O")
        self.system.grove("restart", "log")
        lines = gs.wait_for("they are read", self.lines)
        self.assertNotIn("out: number 2", lines)
        self.assertTrue({f"out: number {number}" for number in (0, 1, 3, 4)} <= set(lines))
        self.assertRegex("\n".join(lines), r"up to \d pieces of the log are damaged here")
        self.assertEqual(sum(name.startswith("quarantine-") for name in os.listdir(folder)), 1)
        gs.wait_for("the log service says so", lambda: "is damaged" in "\n".join(self.lines("system.log")))

    def test_what_an_ended_service_wrote_can_be_read(self):
        self.system.up()
        gs.wait_for("the task's line", lambda: self.lines("basic.task") == ["the task is done"])

    def test_following_shows_what_is_written_later(self):
        self.system.up()
        follower = gs.subprocess.Popen([self.system.program, "logs", "--run", self.system.run, "--state",
                                        self.system.state, "-f", "-n", "1", "basic.talker"],
                                       stdout=gs.subprocess.PIPE, text=True)
        try:
            self.system.call("basic.talker", "say", "first")
            self.assertIn("first", follower.stdout.readline())
            self.system.call("basic.talker", "say", "second")
            self.assertIn("second", "".join(follower.stdout.readline() for _ in range(2)))
        finally:
            follower.kill()
            follower.wait()
            follower.stdout.close()

    # ---- several services ----

    OTHER = "exec: ['${bin}/actor', talker, %s]\nprovides:\n  - name: %s\n    version: 1.0.0\n    methods:\n" \
            "      - {number: 3, name: say, request: 'words:text'}\n      - {number: 8, name: log, request: 'words:text'}"

    def two_talkers(self):
        self.system.up(self.system.write_project("pair", {name: self.OTHER % (name, name) for name in ("left", "right")}))

    def all_lines(self, *options):
        return [gs.json.loads(line) for line in self.system.grove("logs", "--json", *options).stdout.splitlines()]

    def test_all_services_stand_in_one_order(self):
        self.two_talkers()
        wanted = []
        for number in range(30):
            side = ("left", "right", "left", "left", "right")[number % 5]
            self.system.call(f"pair.{side}", "say", f"line {number}")
            # The order is that in which the log service read them.
            gs.wait_for("the line is kept", lambda side=side, number=number:
                        f"out: line {number}" in self.lines(f"pair.{side}", "-n", "2"))
            wanted.append((f"pair.{side}", f"out: line {number}"))
        kept = [(line["service"], line["text"]) for line in self.all_lines() if line["stream"] == "out"]
        self.assertEqual([line for line in kept if line[0].startswith("pair.")], wanted)
        self.assertEqual([(line["service"], line["text"]) for line in self.all_lines("pair.left", "pair.right")
                          if line["stream"] == "out"], wanted)
        last = self.system.grove("logs", "-n", "2", "pair.left", "pair.right").stdout.splitlines()
        self.assertEqual(len(last), 2)
        self.assertRegex(last[0], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} pair\.\w+ (out|error): line 29$")
        middle = self.all_lines("pair.left", "pair.right")[29]["time_ns"] // 1_000_000_000
        at = gs.time.strftime("%Y-%m-%d %H:%M:%S", gs.time.localtime(middle + 1))
        early, late = self.all_lines("--until", at, "pair.left", "pair.right"), self.all_lines("--since", at, "pair.left", "pair.right")
        self.assertEqual([line["text"] for line in early + late], [line["text"] for line in self.all_lines("pair.left", "pair.right")])

    def test_following_all_shows_services_that_begin_later(self):
        self.system.up()
        follower = gs.subprocess.Popen([self.system.program, "logs", "--run", self.system.run, "--state", self.system.state,
                                        "-f", "--grep", "^out: "], stdout=gs.subprocess.PIPE, text=True)
        try:
            self.system.call("basic.talker", "say", "first")
            self.assertRegex(follower.stdout.readline(), r"basic\.talker out: first$")
            self.two_talkers()
            self.system.call("pair.right", "say", "second")
            self.assertRegex(follower.stdout.readline(), r"pair\.right out: second$")
            self.system.grove("kill", "log", check=False)
            self.system.call("pair.left", "say", "third")
            self.assertRegex(follower.stdout.readline(), r"pair\.left out: third$")
        finally:
            follower.kill()
            follower.wait()
            follower.stdout.close()

    # ---- structured lines ----

    def test_levels_and_fields_are_understood(self):
        self.system.up()
        self.system.call("basic.talker", "log", 'it is "so"\nand more')
        gs.wait_for("both lines", lambda: len(self.lines()) == 2)
        warning, debug = self.all_lines("basic.talker")
        self.assertEqual((warning["level"], warning["message"], warning["fields"]),
                         ("warning", 'it is "so"\nand more', {"bytes": "19", "by": "talker"}))
        self.assertEqual((debug["level"], debug["message"], debug["fields"]), ("debug", "a detail", {}))
        self.assertEqual(len(self.lines("basic.talker", "--level", "warning")), 1)
        self.assertEqual(len(self.lines("basic.talker", "--level", "debug")), 2)
        self.assertEqual(self.lines("basic.talker", "--grep", "a (detail|thing)"), ['level=debug message="a detail"'])
        for wrong, told in ((("--level", "loud"), "debug, info, warning or error"), (("--grep", "("), "regular expression"),
                            (("--since", "12:99"), "is no time")):
            result = self.system.grove("logs", *wrong, check=False)
            self.assertEqual(result.returncode, 2)
            self.assertIn(told, result.stderr)

    def process_of(self, name):
        return self.system.services()[name]["process"]

    def test_a_writer_does_not_wait_for_the_log_service_and_counts_what_is_lost(self):
        """One that stands still takes nothing out of the pipe: structured lines are lost, and said to be."""
        self.system.up()
        lines = 5000
        log = self.process_of("system.log")
        gs.os.kill(log, gs.signal.SIGSTOP)
        try:
            lost = self.system.call("basic.talker", "flood", str(lines))["lost"]
        finally:
            gs.os.kill(log, gs.signal.SIGCONT)
        self.assertGreater(lost, 0)
        self.assertLess(lost, lines)
        gs.wait_for("the pipe is empty", lambda: len(self.lines("basic.talker", "--grep", "flood")) == lines - lost)
        self.system.call("basic.talker", "log", "after")
        told = gs.wait_for("the count", lambda: self.all_lines("basic.talker", "--grep", "lines were lost"))
        self.assertEqual([line["fields"]["lost"] for line in told], [str(lost)])

    def test_a_reader_that_stands_still_stops_nobody(self):
        self.system.up()
        followers = [gs.subprocess.Popen([self.system.program, "logs", "--run", self.system.run, "--state", self.system.state,
                                          "-f", *names], stdout=gs.subprocess.PIPE) for names in ((), ("basic.talker",)) * 4]
        try:
            self.system.call("basic.talker", "say", "begin")
            for follower in followers:
                while b"begin" not in follower.stdout.readline():
                    pass
            # Half of them are stopped, the others write into pipes that nobody reads.
            for follower in followers[::2]:
                follower.send_signal(gs.signal.SIGSTOP)
            for number in range(100):
                self.system.call("basic.talker", "say", f"{number} " + 20000 * "x")
            gs.wait_for("the last line", lambda: {line[:9] for line in self.lines("basic.talker", "-n", "2")} == {"error: 99", "out: 99 x"})
        finally:
            for follower in followers:
                follower.kill()
                follower.wait()
                follower.stdout.close()


if __name__ == "__main__":
    gs.main()
