"""A disk that fails under the bus, each call on it with EIO: who publishes durably is told so in a sentence, what is not durable
goes on, nothing acknowledged is lost, and all goes on when the disk works again, also when the bus was killed meanwhile."""
import os
import subprocess
import sys

import bus_system as bs
import grove_system as gs


class DiskError(bs.BusTest):
    def setUp(self):
        super().setUp()
        self.start({"log": bs.actor("log", "sink", "flow.*", "durable", "first", "name=place"),
                    "ring": bs.actor("ring", "sink", "live.*"),
                    "source": bs.actor("source", "source", "flow.a", "durable", "period=3000", "patience=2000",
                                       after=("log",)),
                    "live": bs.actor("live", "source", "live.a", "period=5000", after=("ring",))})
        gs.wait_for("it flows", lambda: self.told("source") > 20 and self.count("ring")["count"] > 5)

    def told(self, name):
        return self.system.call(f"bus.{name}", "told", timeout=gs.DEADLINE_SECONDS)["told"]

    def bus(self):
        return self.system.services()["system.bus"]

    def fail(self):
        """From now on, until they are ended: a disturber for each thread, as one of them waits for the disk for the other."""
        program = os.path.join(gs.build_folder(), "tests", "chaos", "disturb")
        process = self.bus()["process"]
        disturbers = [subprocess.Popen([program, thread, "disk-error", self.system.state], stdout=subprocess.PIPE, text=True)
                      for thread in os.listdir(f"/proc/{process}/task")]
        for disturber in disturbers:
            self.addCleanup(lambda disturber=disturber: (disturber.kill(), disturber.wait(), disturber.stdout.close()))
            self.assertEqual(disturber.stdout.readline(), "ready\n")
        return disturbers

    def until_refused(self):
        return gs.wait_for("a durable event is refused", self.refused)

    @staticmethod
    def mend(disturbers):
        for disturber in disturbers:
            disturber.terminate()
            disturber.wait()

    def refused(self):
        result = self.system.grove("pub", "--durable", "big.lost", "not acknowledged", check=False)
        return result if result.returncode != 0 else None

    def check(self):
        before = self.told("source")
        gs.wait_for("durable events go on", lambda: self.told("source") > before + 20)
        told = self.system.call("bus.source", "stop", timeout=gs.DEADLINE_SECONDS)["told"]
        gs.wait_for(f"the subscriber has {told}", lambda: self.count("log")["count"] >= told)
        counts = self.count("log")
        self.assertEqual((counts["doubled"], counts["disordered"], counts["missed"]), (0, 0, 0))
        lines = self.system.grove("sub", "--json", "-n", str(told), "-w", "30s", "--from", "1", "flow.a").stdout.splitlines()
        numbers = [gs.json.loads(line)["durable_sequence"] for line in lines]
        self.assertEqual(numbers, sorted(set(numbers)))

    def test_refused_while_it_fails_and_accepted_when_it_works_again(self):
        disturbers = self.fail()
        result = self.until_refused()
        self.assertRegex(result.stderr, "I/O error|Input/output error")
        live = self.count("ring")["count"]
        gs.wait_for("what is not durable goes on", lambda: self.count("ring")["count"] > live + 5)
        self.assertEqual(self.bus()["restarts"], 0)
        self.mend(disturbers)
        self.check()
        self.assertEqual(self.bus()["restarts"], 0)

    def test_the_bus_is_killed_while_it_fails(self):
        disturbers = self.fail()
        self.until_refused()
        self.kill_bus()
        gs.wait_for("it is back", lambda: self.bus()["restarts"] > 0 and self.bus()["state"] == "ready")
        self.mend(disturbers)
        self.check()

    def test_with_several_streams_numbers_only_grow(self):
        self.system.grove("stream", "set", "flow", "flow.>")
        disturbers = self.fail()
        self.until_refused()
        self.mend(disturbers)
        self.check()
        lines = self.system.grove("sub", "--json", "-n", "30", "-w", "30s", "--from", "1", ">").stdout.splitlines()
        numbers = [gs.json.loads(line)["durable_sequence"] for line in lines]
        self.assertEqual(numbers, sorted(set(numbers)))


if __name__ == "__main__":
    probe = subprocess.Popen(["sleep", "60"])
    tracer = subprocess.Popen([os.path.join(gs.build_folder(), "tests", "chaos", "disturb"), str(probe.pid), "wake-drop", "9"],
                              stdout=subprocess.PIPE, text=True)
    can_trace = tracer.stdout.readline() == "ready\n"
    tracer.terminate()
    tracer.communicate()
    probe.kill()
    probe.wait()
    if not can_trace:
        print("this machine lets nobody trace another process: not tried")
        sys.exit(77)
    gs.main()
