"""One request followed over four services: as a tree, as JSON, as a file for trace viewers; and what tracing leaves behind."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import grove_system as gs  # noqa: E402  (the folder of the system tests)

PROJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "project")


class Trace(gs.SystemTest):
    def setUp(self):
        super().setUp()
        self.system.actors = os.path.join(self.system.build, "musl", "tests", "trace")
        self.system.up(PROJECT)

    def tracer(self, *options):
        """A `grove trace` that is known to be on: it has seen a call of ours."""
        process = subprocess.Popen([self.system.program, "trace", "--run", self.system.run, "--state", self.system.state,
                                    *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (process.kill(), process.wait(), process.stdout.close(), process.stderr.close()))
        return process

    def trace_of_a_call(self):
        """The trace that one call of front causes. One that was under way when tracing began is seen in parts, without root."""
        tracer = self.tracer("--tree", "--json", "-n", "8", "chain.sink")
        while tracer.poll() is None:
            self.assertEqual(self.system.call("chain.front", "ask"), {"answer": "42"})
        lines, errors = tracer.communicate()
        self.assertEqual(tracer.returncode, 0, errors)
        traces = [gs.json.loads(line) for line in lines.splitlines()]
        return next(trace for trace in traces if any(span["server"] == "chain.front" for span in trace["spans"]))

    def test_everything_that_a_call_caused_is_one_trace(self):
        trace = self.trace_of_a_call()
        spans = {span["span"]: span for span in trace["spans"]}
        ways = sorted((span["client"].split(".")[-1], span["server"].split(".")[-1]) for span in spans.values()
                      if span["server"] != "chain.front")
        # front asks middle twice, the second time from the answer to the first.
        self.assertEqual(ways, [("front", "middle")] * 2 + [("middle", "back")] * 2 + [("middle", "sink")] * 2)
        (root,) = [span for span in spans.values() if span["server"] == "chain.front"]
        self.assertNotIn("parent", root)
        for span in spans.values():
            self.assertTrue(span["finished"], span)
            self.assertLessEqual(span["sent_ns"], span["taken_ns"])
            self.assertLessEqual(span["taken_ns"], span["completed_ns"])
            if span is not root:
                parent = spans[span["parent"]]
                self.assertEqual(parent["server"], span["client"])
                self.assertLessEqual(parent["taken_ns"], span["sent_ns"])
        one_way = [span for span in spans.values() if span["server"] == "chain.sink"]
        self.assertEqual([span.get("replied_ns") for span in one_way], [None, None])

    def test_a_call_shows_what_it_caused(self):
        told = self.system.grove("call", "--trace", "chain.front", "ask").stdout
        self.assertIn("answer: 42", told)
        lines = told.split("\n", 1)[1].splitlines()
        self.assertRegex(lines[0], r"^trace [0-9a-f]{16} .* 7 requests$")
        self.assertRegex(lines[1], r"^  .* -> chain\.front  method 1 .* waited .* worked .* in all ")
        self.assertEqual(sum("chain.front -> chain.middle" in line for line in lines), 2)
        self.assertEqual(sum("chain.middle -> chain.sink" in line and "one way" in line for line in lines), 2)
        self.assertTrue(lines[-1].startswith("     `- "), lines)

    def test_nobody_traces_any_more_when_the_tracer_was_killed(self):
        tracer = self.tracer("--tree")
        gs.wait_for("the tracer prints", lambda: self.system.call("chain.front", "ask") and
                    gs.select_readable(tracer.stdout))
        tracer.send_signal(signal.SIGKILL)
        tracer.wait()
        # With nobody tracing the kernel refuses steps, so nothing can be read: a new reader begins with nothing.
        quiet = self.system.grove("trace", "--for", "50ms", "chain.front")
        self.assertEqual(quiet.stdout, "")

    def test_a_file_for_trace_viewers(self):
        path = os.path.join(self.system.folder, "trace.json")
        tracer = self.tracer("--output", path, "-n", "3", "chain.back")
        while tracer.poll() is None:
            self.system.call("chain.front", "ask")
        self.assertEqual(tracer.returncode, 0, tracer.stderr.read())
        with open(path, encoding="utf-8") as file:
            events = gs.json.load(file)["traceEvents"]
        names = {event["args"]["name"]: event["pid"] for event in events if event["ph"] == "M"}
        self.assertLessEqual({"chain.front", "chain.middle", "chain.back", "chain.sink"}, set(names))
        handled = [event for event in events if event["ph"] == "X"]
        by_trace = {}
        for event in handled:
            by_trace.setdefault(event["args"]["trace"], []).append(event["pid"])
        self.assertEqual(len(by_trace), 3)
        # A call that was sent before anybody traced is not in the file, but what it caused afterwards is.
        whole = [handled for handled in by_trace.values() if names["chain.front"] in handled]
        self.assertTrue(whole)
        self.assertEqual({len(handled) for handled in whole}, {7})
        for phase_begin, phase_end in (("b", "e"), ("s", "f")):
            begun = sorted(event["id"] for event in events if event["ph"] == phase_begin)
            self.assertEqual(begun, sorted(event["id"] for event in events if event["ph"] == phase_end))
        self.assertTrue(all(event["dur"] >= 0 and event["ts"] > 0 for event in handled))
        refused = self.system.grove("trace", "-o", "/nowhere/trace.json", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("/nowhere/trace.json", refused.stderr)

    def test_a_message_that_waits_for_its_service_keeps_its_trace(self):
        """Sent while nothing runs behind the endpoint, taken by an instance that is started by it: still one trace."""
        running = {name for name, service in self.system.services().items() if service.get("process")}
        self.assertEqual({name for name in running if name.startswith("chain.")}, set())
        told = self.system.grove("call", "--trace", "chain.front", "ask")
        self.assertEqual(told.stdout.count("chain.middle -> chain.back"), 2, told.stdout)
        self.assertIn(" 7 requests\n", told.stdout)

    def test_accounts(self):
        accounts = self.accounts()
        self.trace_of_a_call()
        self.system.grove("down", "--all")
        self.assert_nothing_is_left(accounts)


if __name__ == "__main__":
    gs.main()
