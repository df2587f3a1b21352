"""A full disk under the bus: who publishes durably is told so, what is not durable goes on, nothing acknowledged is lost, also
when the bus is killed meanwhile, and all goes on when there is room."""
import os
import sys

import bus_system as bs
import grove_system as gs
import full_disk_test as disk

SIZE = "size=64m,mode=755"


class OnSmallDisk(bs.BusTest):
    def setUp(self):
        self.addCleanup(lambda: disk.LIBC.umount2(self.system.state.encode(), disk.MNT_DETACH))
        super().setUp()
        os.mkdir(self.system.state)
        disk.mount("tmpfs", self.system.state, 0, SIZE)
        self.filler = os.path.join(self.system.state, "filler")

    fill, empty = disk.FullDisk.fill, disk.FullDisk.empty

    def told(self, name):
        return self.system.call(f"bus.{name}", "told", timeout=gs.DEADLINE_SECONDS)["told"]

    def restarts(self):
        return self.system.services()["system.bus"]["restarts"]


class FullDisk(OnSmallDisk):
    def setUp(self):
        super().setUp()
        self.start({"log": bs.actor("log", "sink", "flow.*", "durable", "first", "name=place"),
                    "ring": bs.actor("ring", "sink", "live.*")})
        for name in ("log", "ring"):
            self.system.wait_for_state(f"bus.{name}", "ready")
        self.start({"log": bs.actor("log", "sink", "flow.*", "durable", "first", "name=place"),
                    "ring": bs.actor("ring", "sink", "live.*"),
                    "source": bs.actor("source", "source", "flow.a", "durable", "period=3000", "patience=2000"),
                    "live": bs.actor("live", "source", "live.a", "period=5000")})
        gs.wait_for("it flows", lambda: self.told("source") > 20 and self.count("ring")["count"] > 5)

    def fill_up(self):
        """Until a durable event is refused: what the log had reserved before is used up."""
        self.fill()

        def refused():
            result = self.system.grove("pub", "--durable", "big.full", "x" * 100000, check=False)
            self.published += result.returncode == 0
            if result.returncode == 0:
                self.fill()
            return result if result.returncode != 0 else None
        return gs.wait_for("an event is refused", refused)

    published = 0

    def check(self):
        """Everything that was acknowledged is with the subscriber once, and on disk."""
        told = self.system.call("bus.source", "stop", timeout=gs.DEADLINE_SECONDS)["told"]
        gs.wait_for(f"the subscriber has {told}", lambda: self.numbers() >= told)
        counts = self.count("log")
        self.assertEqual(counts["doubled"], 0)
        read = self.system.grove("sub", "--json", "-n", str(told), "-w", "30s", "--from", "1", "flow.a").stdout
        self.assertEqual(len(read.splitlines()), told)
        return told

    def numbers(self):
        return self.count("log")["count"]

    def test_refused_while_full_and_accepted_when_there_is_room(self):
        result = self.fill_up()
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "no (space|room)|full")
        live = self.count("ring")["count"]
        gs.wait_for("what is not durable goes on", lambda: self.count("ring")["count"] > live + 5)
        self.assertEqual(self.restarts(), 0)
        before = self.told("source")
        self.empty()
        gs.wait_for("durable events go on", lambda: self.told("source") > before + 20)
        self.assertGreater(self.check(), 40)

    def test_the_bus_is_killed_while_the_disk_is_full(self):
        self.fill_up()
        before = self.restarts()
        self.kill_bus()
        gs.wait_for("it is back", lambda: self.restarts() > before and self.system.state_of("system.bus") == "ready")
        self.assertNotEqual(self.system.grove("pub", "--durable", "big.full", "x" * 100000, check=False).returncode, 0)
        live = self.count("ring")["count"]
        gs.wait_for("what is not durable goes on", lambda: self.count("ring")["count"] > live + 5)
        told = self.told("source")
        self.empty()
        gs.wait_for("durable events go on", lambda: self.told("source") > told + 20)
        self.check()


class SpillToFullDisk(OnSmallDisk):
    """What cannot be spilled waits in memory, then its publisher waits; with room all goes on, and nothing is lost."""

    def setUp(self):
        super().setUp()
        self.start({"sink": bs.actor("sink", "sink", "flow.*", "reliable", "spill", "order", "queue=20", "flight=4",
                                     "block=60000"),
                    "one": bs.actor("one", "source", "flow.one", "reliable", "period=300", "size=2000", "patience=200",
                                    after=("sink",))})
        self.pause(1)
        gs.wait_for("events are on disk", lambda: self.row()["on_disk"] > 30)

    def pause(self, value):
        self.system.call("bus.sink", "pause", str(value), timeout=gs.DEADLINE_SECONDS)

    def row(self):
        return next(row for row in self.system.json("sub", "--list") if row["subscriber"] == "bus.sink")

    def wait_until_stuck(self):
        """As many wait in memory as may, and their publisher waits."""
        seen = [None]

        def is_stuck():
            self.fill()
            row = self.row()
            seen.append((row["queued"], row["on_disk"], self.told("one")))
            return row["queued"] - row["on_disk"] + row["in_flight"] >= 40 and seen[-1] == seen[-2]
        gs.wait_for("the disk takes nothing any more", is_stuck)

    def check(self):
        self.empty()
        before = self.told("one")
        gs.wait_for("it goes on", lambda: self.told("one") > before + 100)
        self.pause(0)
        told = self.system.call("bus.one", "stop", timeout=gs.DEADLINE_SECONDS)["told"]
        gs.wait_for(f"all {told} have come", lambda: self.count("sink")["count"] >= told)
        counts = self.count("sink")
        self.assertEqual((counts["doubled"], counts["disordered"], counts["missed"]), (0, 0, 0))

    def test_it_waits_for_room(self):
        self.wait_until_stuck()
        self.assertEqual(self.restarts(), 0)
        self.check()

    def test_the_bus_is_killed_while_the_disk_is_full(self):
        self.wait_until_stuck()
        before = self.restarts()
        self.kill_bus()
        gs.wait_for("it is back", lambda: self.restarts() > before and self.system.state_of("system.bus") == "ready")
        self.check()


if __name__ == "__main__":
    if not disk.own_mounts():
        print("this machine lets nobody mount without being root: not tried")
        sys.exit(77)
    gs.main()
