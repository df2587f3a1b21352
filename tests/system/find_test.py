"""Finding services by what they are, the states that a running one can be in, and trees of services."""
import ctypes

import grove_system as gs

FREEZE, THAW, QUIESCE, RESUME = 3, 4, 6, 7
CONTAINER_CONTROL = 17


class Find(gs.SystemTest):
    def actor(self, name, extra="", role="echo"):
        return f'exec: ["{self.system.actors}/actor", {role}, {name}]\nprovides: [{name} 1.4]\n{extra}'

    def names(self, *options):
        return [row["name"] for row in self.system.json("find", *options)]

    def state(self, name):
        service = self.system.json("status", name)
        return service["state"], service.get("reason", "")

    def becomes(self, name, state, words=""):
        gs.wait_for(f"{name} is {state}", lambda: self.state(name)[0] == state and words in self.state(name)[1])

    def chain(self):
        """top requires middle requires base; wish would like base."""
        self.system.up(self.system.write_project("chain", {
            "base": self.actor("base"), "middle": self.actor("middle", "requires: [base]"),
            "top": self.actor("top", "requires: [middle]"), "alone": self.actor("alone"),
            "wish": self.actor("wish", "requires: [{name: base, optional: true}]")}))

    def control(self, name, action):
        """What a client with control over it does to a service, through the binding of libgrove."""
        grove = self.binding()
        native = grove.native
        session = self.session()
        message = native.Message(operation=CONTAINER_CONTROL)
        body = (ctypes.c_uint64(0), native.Name(name.encode()), ctypes.c_uint32(action), ctypes.c_uint32(0),
                ctypes.c_uint64(0))
        raw = b"".join(bytes(part) for part in body)
        ctypes.memmove(message.body, raw, len(raw))
        status = native.library.grove_kernel_request(session._handle, ctypes.byref(message), None, 0, None, None,
                                                     ctypes.c_uint64(10 ** 10))
        session.close()
        self.assertEqual(status, 0)

    def test_by_tag_interface_version_state_project_owner_and_capability(self):
        self.system.up(self.system.write_project("find", {
            "a": self.actor("a", "tags: [meter, north]\ncapabilities: ['BUS_PUB:find.a.>']"),
            "b": self.actor("b", "tags: [meter]\nversion: 2.0.0".replace("version: 2.0.0", "on-demand: true")),
            "c": self.actor("c", "tags: [north]\ncapabilities: ['BUS_PUB:find.>']")}))
        self.assertEqual(self.names("--tag", "meter"), ["find.a", "find.b"])
        self.assertEqual(self.names("--tag", "meter", "--tag", "north"), ["find.a"])
        self.assertEqual(self.names("--tag", "south"), [])
        self.assertEqual(self.names("--tag", "meter", "--in", "ready"), ["find.a"])
        self.assertEqual(self.names("--in", "ready", "--in", "registered"), ["find.a", "find.b", "find.c"])
        self.assertEqual(self.names("--provides", "find.c", "--from", "1.4", "--below", "2"), ["find.c"])
        self.assertEqual(self.names("--provides", "find.c", "--from", "1.5"), [])
        self.assertEqual(self.names("--provides", "find.nothing"), [])
        self.assertEqual(self.names("--may", "BUS_PUB:find.a.x"), ["find.a", "find.c"])
        self.assertEqual(self.names("--may", "BUS_PUB:find.b"), ["find.c"])
        self.assertEqual(self.names("--owner", "shell", "--project", "find", "*.b"), ["find.b"])
        self.assertEqual(self.names("--owner", "system.nobody"), [])
        self.assertEqual(self.names("--project", "fin"), [])
        self.assertEqual(self.system.json("find", "find.a")[0]["tags"], ["meter", "north"])
        self.assertEqual(self.names("--provides", "find.c", "--from", "1.4.0", "--below", "1.65535.65535"), ["find.c"])
        versions = ("one", "", "+1", " 1", "-1", "1.", "1..2", "1.2.3.4", "65536", "1.4294967296", "1 ")
        for wrong in (("--in", "asleep"), ("--may", "FLY"), ("--tag", "x" * 60), *(("--from", text) for text in versions)):
            self.assertEqual(self.system.grove("find", *wrong, check=False).returncode, 2, wrong)
        self.assertIn("made of A-Z", self.system.grove("find", "--tag", "a b", check=False).stderr)
        # All of it is still known to the next instance of the registry, and to the next kernel.
        for death in ("registry", "kernel"):
            if death == "registry":
                self.system.grove("kill", "registry")
                gs.wait_for("it is back", lambda: self.state("system.registry")[0] == "ready")
            else:
                self.system.kill_kernel()
                self.system.grove("up")
            self.assertEqual(self.names("--tag", "meter"), ["find.a", "find.b"])
            self.assertEqual(self.names("--owner", "shell", "--tag", "north"), ["find.a", "find.c"])

    def test_many_come_in_pages_and_each_once(self):
        self.system.up(self.system.write_project("many", {
            f"s{number}": self.actor(f"s{number}", f"on-demand: true\ntags: [all, t{number % 3}]") for number in range(80)}))
        names = {f"many.s{number}" for number in range(80)}
        for options in (("--tag", "all"), ("--project", "many"), ("many.*",), ("--in", "registered")):
            found = self.names(*options)
            self.assertEqual(len(found), 80, options)
            self.assertEqual(set(found), names)
        self.assertEqual(len(self.names("--tag", "t1")), 27)
        registry = self.binding().registry
        with self.session() as session:
            # A channel of the program's own to the registry is no hindrance.
            own = self.binding().connect("system.registry", session=session)
            found = registry.find(tags=["all", "t1"], states=["registered"], session=session)
            self.assertEqual([one.name for one in found], self.names("--tag", "t1"))
            own.close()
            self.assertEqual((found[0].owner, found[0].version, found[0].tags), ("shell", "1.0.0", ["all", "t1"]))
            self.assertEqual(registry.find(may="BUS_PUB:many", session=session), [])
            with self.assertRaises(self.binding().Invalid):
                registry.find(states=["asleep"], session=session)
        self.system.grove("down", "-p", "many")
        self.assertEqual(self.names("--tag", "all"), [])

    def test_what_lacks_something_that_it_requires_is_degraded(self):
        self.chain()
        self.system.grove("stop", "chain.base")
        self.becomes("chain.middle", "degraded", "requires chain.base, and chain.base stopped on request")
        self.assertEqual(self.state("chain.top")[0], "ready", "what it requires is there")
        self.assertEqual(self.state("chain.wish")[0], "ready", "it only wishes for it")
        self.assertEqual(self.names("--in", "degraded"), ["chain.middle"])
        # Whoever asks in terms of an earlier version sees one that is ready.
        self.assertEqual(self.system.call("chain.middle", "3", "--hex", "6162")["hex"], "6162")
        ready = self.system.services("--in", "ready")
        self.assertIn("chain.middle", ready)
        self.system.grove("kill", "registry")
        gs.wait_for("the registry is back", lambda: self.state("system.registry")[0] == "ready")
        self.becomes("chain.middle", "degraded")
        self.system.grove("start", "chain.base")
        self.becomes("chain.middle", "ready")
        self.system.grove("restart", "chain.base")
        self.becomes("chain.base", "ready")
        self.assertEqual(self.state("chain.middle"), ("ready", ""))

    def test_frozen_and_quiesced_services_say_so(self):
        self.chain()
        self.control("chain.alone", FREEZE)
        self.becomes("chain.alone", "degraded", "is frozen")
        self.control("chain.alone", THAW)
        self.becomes("chain.alone", "ready")
        self.control("chain.alone", QUIESCE)
        self.becomes("chain.alone", "quiescing")
        self.assertEqual(self.names("--in", "quiescing"), ["chain.alone"])
        self.control("chain.alone", RESUME)
        self.becomes("chain.alone", "ready")
        self.control("chain.alone", QUIESCE)
        self.system.grove("restart", "chain.alone")
        self.becomes("chain.alone", "ready")

    def test_a_tree_is_stopped_from_the_top_and_started_from_the_bottom(self):
        self.chain()
        before = self.system.services("-p", "chain")
        self.system.grove("restart", "--tree", "chain.base")
        after = self.system.services("-p", "chain")
        new = {name for name in after if after[name]["process"] != before[name]["process"]}
        self.assertEqual(new, {"chain.base", "chain.middle", "chain.top"})
        self.assertTrue(all(after[name]["state"] == "ready" for name in new))
        self.assertGreater(after["chain.base"]["uptime_ns"], after["chain.middle"]["uptime_ns"])
        self.assertGreater(after["chain.middle"]["uptime_ns"], after["chain.top"]["uptime_ns"])
        self.system.grove("stop", "--tree", "chain.middle")
        states = {name: service["state"] for name, service in self.system.services("-p", "chain").items()}
        self.assertEqual(states, {"chain.base": "ready", "chain.middle": "stopped", "chain.top": "stopped",
                                  "chain.alone": "ready", "chain.wish": "ready"})
        self.system.grove("start", "--tree", "chain.middle")
        self.assertEqual((self.state("chain.top")[0], self.state("chain.middle")[0]), ("ready", "ready"))


if __name__ == "__main__":
    gs.main()
