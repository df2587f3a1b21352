"""What the system says on the bus: that it is up, what becomes of services, and that something was lost."""
import os
import signal
import subprocess
import threading

import grove_system as gs


class Listener:
    """`grove sub`, with what it has printed so far."""

    def __init__(self, system, pattern):
        self.events = []
        self.process = subprocess.Popen([system.program, "sub", "--run", system.run, "--state", system.state, "--json",
                                         pattern], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()
        gs.wait_for("somebody is subscribed", lambda: pattern in system.grove("sub", "--list", check=False).stdout)

    def read(self):
        for line in self.process.stdout:
            self.events.append(gs.json.loads(line))

    def subjects(self):
        return [event["subject"] for event in self.events]

    def data(self, subject):
        event = next(event for event in self.events if event["subject"] == subject)
        return event["data"] if isinstance(event["data"], dict) else gs.json.loads(event["data"])

    def await_subject(self, subject):
        gs.wait_for(f"{subject} is published", lambda: subject in self.subjects())
        return self.data(subject)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()


class Events(gs.SystemTest):
    def listen(self, pattern):
        listener = Listener(self.system, pattern)
        self.addCleanup(listener.close)
        return listener

    def actor(self, name, more="", role="echo"):
        return f'exec: ["{self.system.actors}/actor", {role}, {name}]\nprovides: [{name}]\n{more}'

    def test_kernel_ready_comes_once_for_each_start(self):
        path = os.path.join(self.system.folder, "mended")
        self.system.add_system_services({"vital": (
            f'version: 1.0.0\nnative: true\nexec: ["{self.system.actors}/actor", echo, x, {path}]\n'
            f'capabilities: ["FS_READ:{self.system.folder}"]\nphase: 6\nessential: true\n'
            "restart: {policy: always, delay: 50ms, delay-cap: 50ms, give-up: 0}")})
        self.system.grove("up")
        listener = self.listen("kernel.>")
        with open(path, "w", encoding="ascii"):
            pass
        data = listener.await_subject("kernel.ready")
        self.assertEqual(data["missing"], "")
        self.assertGreater(data["took_ns"], 0)
        self.assertEqual(data["system_services"], len(gs.system_services()) + 1)
        self.assertEqual(listener.events[0]["publisher"], "system.init")
        self.system.grove("kill", "-s", "KILL", "init")
        gs.wait_for("init is back", lambda: self.system.json("status", "system.init").get("generation") == 2)
        self.system.grove("up", self.system.write_project("after", {"a": self.actor("a")}))
        self.assertEqual(listener.subjects(), ["kernel.ready"])

    def test_a_life_is_told_step_by_step(self):
        self.system.grove("up")
        listener = self.listen("capability.>")
        folder = self.system.write_project("told", {
            "base": self.actor("base"), "top": self.actor("top", "requires: [base]")})
        self.system.up(folder)
        self.system.grove("stop", "told.base")
        listener.await_subject("capability.degraded.told.top")
        self.system.grove("start", "told.base")
        listener.await_subject("capability.restarted.told.base")
        self.system.grove("down", folder)
        listener.await_subject("capability.unregistered.told.top")
        top = [subject.split(".")[1] for subject in listener.subjects() if subject.endswith(".told.top")]
        self.assertEqual(top, ["registered", "started", "ready", "degraded", "ready", "stopped", "unregistered"])
        self.assertEqual(listener.data("capability.registered.told.top")["owner"], "shell")
        data = listener.data("capability.degraded.told.top")
        self.assertEqual((data["service"], data["before"]), ("told.top", "ready"))
        self.assertIn("told.base", data["reason"])
        self.assertNotIn("capability.resync", listener.subjects())

    def test_a_restarted_registry_says_that_something_may_have_been_missed(self):
        self.system.up()
        listener = self.listen("capability.>")
        self.system.grove("kill", "-s", "KILL", "registry")
        gs.wait_for("it is back", lambda: self.system.json("status", "system.registry").get("generation") == 2 and
                    self.system.state_of("system.registry") == "ready")
        self.system.grove("restart", "basic.talker")
        listener.await_subject("capability.ready.basic.talker")
        self.assertEqual(listener.subjects()[0], "capability.resync")
        self.assertEqual(listener.data("capability.resync")["lost"], 0)

    def test_a_bus_that_hangs_costs_the_registry_nothing_and_what_was_lost_is_said(self):
        self.system.grove("up")
        listener = self.listen("capability.>")
        bus = self.system.services()["system.bus"]["process"]
        folder = self.system.write_project("flood", {
            f"s{number}": self.actor(f"s{number}", "on-demand: true") for number in range(100)})
        os.kill(bus, signal.SIGSTOP)
        try:
            for _ in range(4):
                self.system.up(folder)
                self.system.grove("down", folder)
        finally:
            os.kill(bus, signal.SIGCONT)

        def resync():
            # Each further change is another chance to say it.
            self.system.up(folder)
            self.system.grove("down", folder)
            return "capability.resync" in listener.subjects()
        gs.wait_for("the loss is said", resync)
        self.assertGreater(listener.data("capability.resync")["lost"], 0)


if __name__ == "__main__":
    gs.main()
