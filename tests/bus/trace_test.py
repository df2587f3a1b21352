"""The trace of a publication goes on in the handlers of its event, by ring and by queue, spilled and durable."""
import json
import subprocess

import bus_system as bs
import grove_system as gs


class Traced(bs.BusTest):
    def trace_of(self, publish, wanted):
        """The first trace, of those that publications cause while one traces, in which all these were delivered to, and all that
        was taken is known: what one reads meanwhile may be told without the end."""
        tracer = subprocess.Popen([self.system.program, "trace", "--run", self.system.run, "--state", self.system.state,
                                   "--tree", "--json", "system.bus"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (tracer.kill(), tracer.wait(), tracer.stdout.close()))

        def found():
            publish()
            while gs.select_readable(tracer.stdout):
                trace = json.loads(tracer.stdout.readline())
                servers = {span["server"] for span in trace["spans"] if span["client"] == "system.bus"}
                if servers >= wanted and all("taken_ns" in span for span in trace["spans"]):
                    return trace
            return None
        return gs.wait_for(f"a trace with deliveries to {wanted}", found)

    def check_deliveries(self, trace, names):
        spans = {span["span"]: span for span in trace["spans"]}
        for name in names:
            (delivery,) = [span for span in spans.values() if (span["client"], span["server"]) == ("system.bus", name)]
            publication = spans[delivery["parent"]]
            self.assertEqual(publication["server"], "system.bus")
            self.assertTrue(publication["client"].startswith("shell."))
            self.assertTrue(delivery["finished"])
            self.assertLessEqual(publication["taken_ns"], delivery["taken_ns"])

    def test_by_ring_and_by_queue(self):
        names = {"ring": ("note.*",), "queue": ("note.*", "reliable")}
        self.start({name: bs.actor(name, "sink", *options) for name, options in names.items()})
        for name in names:
            self.system.wait_for_state(f"bus.{name}", "ready")
        for option in ("--reliable", "--durable"):
            with self.subTest(option):
                subscribers = {"bus.ring", "bus.queue"}
                trace = self.trace_of(lambda option=option: self.system.grove("pub", option, "note.a", "x"), subscribers)
                self.check_deliveries(trace, subscribers)

    def test_what_a_handler_sends_is_a_part_of_it(self):
        self.start({"answerer": bs.actor("answerer", "answerer", "question.*", "reliable")})
        self.system.wait_for_state("bus.answerer", "ready")
        trace = self.trace_of(lambda: self.system.grove("pub", "-q", "question.a", "x"), {"bus.answerer"})
        (delivery,) = [span for span in trace["spans"] if span["server"] == "bus.answerer"]
        answers = [span for span in trace["spans"] if span.get("parent") == delivery["span"]]
        self.assertEqual([(span["client"], span["server"]) for span in answers], [("bus.answerer", "system.bus")])


if __name__ == "__main__":
    gs.main()
