"""Connecting to a name that is not running starts it, and what it requires; the first message waits."""
import grove_system as gs


class Activation(gs.SystemTest):
    def test_the_first_call_starts_it_and_is_answered(self):
        self.system.up()
        self.assertEqual(self.system.state_of("basic.echo"), "registered")
        self.assertEqual(self.system.call("basic.echo", "say", "hello")["words"], "hello")
        self.assertEqual(self.system.state_of("basic.echo"), "ready")

    def test_what_it_requires_is_started_too(self):
        base = f'exec: ["{self.system.actors}/actor", echo, base]\nprovides: [base]\non-demand: true'
        top = (f'exec: ["{self.system.actors}/actor", echo, top]\nrequires: [base]\non-demand: true\n'
               'provides: [{name: top, methods: [{number: 3, name: say, request: "w:text", reply: "w:text"}]}]')
        self.system.up(self.system.write_project("lazy", {"base": base, "top": top}))
        self.assertEqual(self.system.call("lazy.top", "say", "x")["w"], "x")
        self.assertEqual(self.system.state_of("lazy.base"), "ready")

    def test_it_is_started_again_after_a_stop_when_it_is_on_demand(self):
        self.system.up()
        self.system.call("basic.echo", "say", "one")
        self.system.grove("stop", "basic.echo")
        self.assertEqual(self.system.state_of("basic.echo"), "stopped")
        self.assertEqual(self.system.call("basic.echo", "say", "two")["words"], "two")

    def test_a_message_that_nobody_will_take_ends_at_its_deadline(self):
        folder = self.system.write_project("dead", {
            "one": f'exec: ["{self.system.actors}/actor", crasher, one]\non-demand: true\n'
                   'restart: {policy: never}\n'
                   'provides: [{name: one, methods: [{number: 3, name: say, request: "w:text", reply: "w:text"}]}]'})
        self.system.up(folder)
        result = self.system.grove("call", "dead.one", "say", "x", "--timeout", "300ms", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("in time", result.stderr)


if __name__ == "__main__":
    gs.main()
