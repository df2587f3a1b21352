"""What services write is kept: by instance after instance, and over the death of the log service."""
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


if __name__ == "__main__":
    gs.main()
