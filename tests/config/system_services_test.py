"""System services are configured as any other: hot, checked, and for every next instance of theirs and of the configuration service."""
import itertools
import os
import signal
import socket

import config_support as cs
from config_support import gs

FAILING = ("exec: ['{actors}/actor', crasher]\nrestart: {{policy: on-failure, delay: 1ms, delay-cap: 5ms, give-up: 2, window: 1h}}\n")


class SystemServices(cs.ConfigTest):
    def up_alone(self):
        self.system.grove("up")
        self.system.wait_until_booted()

    def kill(self, *services):
        for service in services:
            self.system.grove("kill", "-s", "KILL", service, check=False)

    def value(self, service, key):
        return self.json("get", service, key)["value"]

    def kept_of_durable_events(self):
        with self.session() as session:
            return next(iter(self.binding().bus.streams(session=session)))["retain_bytes"]

    def test_what_is_asked_is_checked(self):
        self.up_alone()
        for service in ("bus", "health", "log", "registry", "resource"):
            self.assertTrue(self.json("list", f"system.{service}"), service)
        self.refused("set", "system.bus", "queue.events=0", part="system.bus.queue.events")
        self.refused("set", "system.bus", "queue.event=5", part="did you mean queue.events?")
        self.refused("set", "system.config", "key=1", part="system.config has no configuration")
        self.refused("get", "system.nobody", "key", part="no system service is named system.nobody")
        self.write_file("a.yaml", "system.log: {keep-size: 2M}\nsystem.bus:\n  queue: {events: many}\n")
        self.refused("reload", part="a.yaml:3: system.bus.queue.events")
        self.write_file("a.yaml", "system.log: {keep-size: 2M}\nsystem.bus:\n  queue: {events: 7}\n")
        self.config("reload")
        self.assertEqual((self.value("system.log", "keep-size"), self.value("system.bus", "queue.events")), ("2M", "7"))

    def test_a_value_holds_at_once_and_through_every_death(self):
        self.up_alone()
        self.config("set", "system.bus", "durable.keep-size=3M")
        gs.wait_for("it holds", lambda: self.kept_of_durable_events() == 3 << 20)
        for victims in (["system.bus"], ["system.config"], ["system.config", "system.bus"], ["system.bus", "system.config"]):
            self.kill(*victims)
            gs.wait_for(f"it holds after {victims} died", lambda: self.kept_of_durable_events() == 3 << 20)
            self.assertEqual(self.value("system.bus", "durable.keep-size"), "3M")
        self.config("set", "system.bus", "durable.keep-size=4M")
        gs.wait_for("the next one holds", lambda: self.kept_of_durable_events() == 4 << 20)
        self.system.kill_kernel()
        self.up_alone()
        self.assertEqual(self.value("system.bus", "durable.keep-size"), "4M")
        gs.wait_for("it holds after another start", lambda: self.kept_of_durable_events() == 4 << 20)
        self.config("rollback")
        gs.wait_for("it is taken back", lambda: self.kept_of_durable_events() == 3 << 20)

    def test_an_instance_begins_with_what_held_last(self):
        """Also where no configuration service tells it so: what removes must not act by a smaller limit meanwhile."""
        self.up_alone()
        self.config("set", "system.bus", "durable.keep-size=3M")
        gs.wait_for("it holds", lambda: self.kept_of_durable_events() == 3 << 20)
        self.kill("system.bus")
        config = self.system.services()["system.config"]["process"]
        os.kill(config, signal.SIGSTOP)
        try:
            self.kill("system.bus")
            self.assertEqual(self.kept_of_durable_events(), 3 << 20)
        finally:
            os.kill(config, signal.SIGCONT)

    def test_queues_are_as_large_as_is_configured(self):
        self.up_alone()
        bus = self.binding().bus
        with self.session() as session:
            def queued(pattern, events):
                held = bus.subscribe(None, pattern, lambda event: None, quality=bus.AT_LEAST_ONCE, slow=bus.DROP_OLDEST,
                                     paused=True, session=session)
                self.addCleanup(lambda: held)
                for _ in range(events):
                    bus.publish(pattern, b"x", session=session)
                return next(row["queued"] for row in self.system.json("sub", "--list") if row["pattern"] == pattern)

            self.assertEqual(queued("usual.events", 20), 20)
            self.config("set", "system.bus", "queue.events=5")
            numbers = itertools.count()
            gs.wait_for("new queues are smaller", lambda: queued(f"few.events-{next(numbers)}", 20) == 5)

    def test_over_commitment_follows_the_newest_word(self):
        self.up_alone()

        def factor():
            return self.system.json("resources")["machine"]["memory_factor_ppm"]

        self.config("set", "system.resource", "overcommit.memory=1.5", "period=200ms")
        gs.wait_for("it holds", lambda: factor() == 1500000)
        self.system.grove("resources", "--overcommit", "memory=300%")
        self.assertEqual(factor(), 3000000)
        self.kill("system.resource")
        self.assertEqual(factor(), 3000000, "an order is kept")
        self.config("set", "system.resource", "overcommit.memory=2")
        gs.wait_for("it is newer than the order", lambda: factor() == 2000000)
        self.kill("system.resource")
        self.assertEqual(factor(), 2000000)

    def test_the_breaker_opens_by_the_threshold(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.up_alone()
        self.config("set", "system.health", "breaker.failures=2")

        def check():
            result = self.system.grove("health", "--json", "demo.reader", check=False)
            return (gs.json.loads(result.stdout) if result.returncode == 0 else [{}])[0]

        self.up({"reader": cs.manifest(self.system, "reader") +
                 f"health: {{kind: tcp, argument: '127.0.0.1:{port}', interval: 50ms, severity: warning}}\n"})
        gs.wait_for("it is open", lambda: check().get("breaker") == "open")
        self.assertEqual(check()["failures_in_row"], 2)

    def test_nothing_is_given_up_where_that_is_configured(self):
        self.up_alone()
        self.system.grove("up", self.system.write_project("bad", {"luck": FAILING.format(actors=self.system.actors)}),
                          check=False)
        self.system.wait_for_state("bad.luck", "given-up")
        self.config("set", "system.registry", "restart.never-give-up=true")
        before = self.system.services()["bad.luck"]["restarts"]
        self.system.grove("start", "--no-wait", "bad.luck")
        gs.wait_for("it is tried again and again", lambda: self.system.services()["bad.luck"]["restarts"] > before + 4)
        self.system.grove("stop", "bad.luck")

    def test_keys_that_need_a_restart_of_a_system_service(self):
        text = "version: 1.0.0\nnative: true\nphase: 5\n" + cs.manifest(self.system, "system.reader", "later")
        self.system.add_system_services({"reader": text})
        self.up_alone()
        before = self.system.services()["system.reader"]["process"]
        self.refused("set", "system.reader", "port=503", part="system.reader.port changes only with a restart")
        self.config("set", "system.reader", "port=503", "left=8", "--restart")
        with self.session() as session:  # `grove call` is for user services
            reader = self.binding().connect("system.reader", session=session)

            def read(key):
                try:
                    return reader.call(1, key).data
                except self.binding().NotFound:  # its values have not come yet
                    return None

            gs.wait_for("its successor reads the new one", lambda: self.system.services()["system.reader"].get("process")
                        not in (None, before) and read(b"port") == b"503")
            self.assertEqual(read(b"left"), b"8")


if __name__ == "__main__":
    gs.main()
