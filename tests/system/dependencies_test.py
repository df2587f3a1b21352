"""Requirements: the order of starting, and each way in which there is none."""
import grove_system as gs


class Dependencies(gs.SystemTest):
    def actor(self, name, extra="", role="echo"):
        return f'exec: ["{self.system.actors}/actor", {role}, {name}]\nprovides: [{name}]\n{extra}'

    def fails(self, services, *words):
        result = self.system.up(self.system.write_project("faulty", services), check=False)
        self.assertEqual(result.returncode, 1, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)
        states = {service["state"] for name, service in self.system.services().items() if name.startswith("faulty.")}
        self.assertEqual(states - {"registered"}, set(), "nothing may be started when the whole cannot be")

    def test_a_missing_one_is_named(self):
        self.fails({"a": self.actor("a", "requires: [nowhere]")}, "faulty.a requires faulty.nowhere")

    def test_a_cycle_is_printed(self):
        self.fails({"a": self.actor("a", "requires: [b]"), "b": self.actor("b", "requires: [c]"),
                    "c": self.actor("c", "requires: [a]")},
                   "the requirements form a cycle: faulty.a -> faulty.b -> faulty.c -> faulty.a")

    def test_a_version_conflict_names_both(self):
        self.fails({"a": self.actor("a", "requires: [\"b >=2 <3\"]"), "b": self.actor("b")},
                   "faulty.a requires faulty.b >=2.0.0 <3.0.0, but faulty.b provides version 1.0.0")

    def test_required_means_ready(self):
        self.system.up(self.system.write_project("chain", {
            "a": self.actor("a", "requires: [b]"), "b": self.actor("b", "requires: [c]"), "c": self.actor("c")}))
        services = self.system.services()
        self.assertTrue(all(services[f"chain.{name}"]["state"] == "ready" for name in "abc"))
        uptime = {name: services[f"chain.{name}"]["uptime_ns"] for name in "abc"}
        self.assertGreater(uptime["c"], uptime["b"])
        self.assertGreater(uptime["b"], uptime["a"])

    def test_who_requires_what_failed_says_so_and_goes_on_when_it_is_mended(self):
        failing = self.actor("base", "restart: {policy: never}", role="crasher")
        folder = self.system.write_project("mended", {"base": failing, "top": self.actor("top", "requires: [base]")})
        result = self.system.up(folder, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("mended.top", result.stderr)
        self.assertIn("exited with status 3", self.system.services()["mended.top"]["reason"])
        self.system.write_project("mended", {"base": self.actor("base"),
                                             "top": self.actor("top", "requires: [base]")})
        self.system.up(folder)
        self.assertEqual(self.system.state_of("mended.top"), "ready")

    def test_two_that_wish_for_each_other_both_start(self):
        self.system.up(self.system.write_project("wishes", {
            "a": self.actor("a", "requires: [{name: b, optional: true}]"),
            "b": self.actor("b", "requires: [{name: a, optional: true}]")}))
        self.assertEqual(self.system.state_of("wishes.a"), "ready")
        self.assertEqual(self.system.state_of("wishes.b"), "ready")


if __name__ == "__main__":
    gs.main()
