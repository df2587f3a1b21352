"""What the services of a project may have together, and who says so."""
import os
import re
import signal

import grove_system as gs


def limits_of_memory(process):
    """What the control groups that Grove made for a process say, in either version."""
    limits = set()
    with open(f"/proc/{process}/cgroup", encoding="ascii") as groups:
        for line in groups:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            if gs.CGROUP_MARK.search(path) is None:
                continue
            folder = "/sys/fs/cgroup/memory" if controllers == "memory" else "/sys/fs/cgroup"
            file = folder + path + ("/memory.limit_in_bytes" if controllers == "memory" else "/memory.max")
            if controllers in ("memory", "") and os.path.exists(file):
                with open(file, encoding="ascii") as limit:
                    limits.add(int(limit.read().replace("max", "-1")))
    return limits - {-1}


def groups_of_projects(process):
    """The groups of projects of the kernel to which this process belongs."""
    mark = gs.kernel_mark(process)
    kernels = gs.cgroups(mark) if mark else set()
    return {os.path.join(kernel, name) for kernel in kernels for name in os.listdir(kernel)
            if re.fullmatch("p[0-9]+", name)}


GREEDY = """exec: ["{actors}/actor", greedy, {name}]
provides:
  - name: {name}
    methods:
      - {{number: 6, name: hold, request: "bytes:u64"}}
      - {{number: 7, name: fork, request: "wanted:u64", reply: "made:u64"}}
restart: {{policy: always, delay: 10ms, give-up: 0}}
"""


class Projects(gs.SystemTest):
    def project(self, budget, **memory):
        """A project with this budget whose services have these limits of memory."""
        folder = self.system.write_project("shared", {
            name: f'exec: ["{self.system.actors}/actor", echo, {name}]\nprovides: [{name}]\n' +
                  (f"resources: {{memory: {limit}}}" if limit else "") for name, limit in memory.items()})
        with open(os.path.join(folder, "grove.yaml"), "a", encoding="utf-8") as file:
            file.write(f"budget: {{memory: {budget}}}\n" if budget else "")
        return folder

    def test_services_are_promised_no_more_than_the_project_has(self):
        result = self.system.up(self.project("64M", one="40M", two="30M"), check=False)
        self.assertNotEqual(result.returncode, 0)
        for part in ("shared", "memory", "64 MiB", "40 MiB", "30 MiB"):
            self.assertIn(part, result.stderr)
        self.system.up(self.project("64M", one="40M", two="24M"))
        self.assertEqual(self.system.state_of("shared.two"), "ready")

    def test_a_service_without_a_limit_gets_the_projects(self):
        self.system.up(self.project("64M", one=None))
        process = self.system.services()["shared.one"]["process"]
        limits = limits_of_memory(process)
        if not limits:
            self.skipTest("no control group limits memory here")
        self.assertEqual(limits, {64 << 20})

    def greedy(self, project, budget, *names):
        """Services without limits of their own, in a project with this budget."""
        folder = self.system.write_project(project, {name: GREEDY.format(actors=self.system.actors, name=name)
                                                     for name in names})
        with open(os.path.join(folder, "grove.yaml"), "a", encoding="utf-8") as file:
            file.write(f"budget: {budget}\n")
        self.system.up(folder)

    def process_of(self, name):
        return self.system.services()[name]["process"]

    def test_greedy_services_stay_within_their_project_together(self):
        budget = "{memory: 96M, processes: 40}"
        self.greedy("shared", budget, "one", "two")
        self.greedy("others", budget, "three")
        if not limits_of_memory(self.process_of("shared.one")):
            self.skipTest("no control group limits anything here")
        before = {name: self.process_of(name) for name in ("shared.one", "others.three")}

        made = {name: self.system.call(name, "fork", "25")["made"] for name in ("shared.one", "shared.two", "others.three")}
        self.assertEqual((made["shared.one"], made["others.three"]), (25, 25))
        # The two services themselves are the 40's other two.
        self.assertEqual(made["shared.two"], 40 - 25 - 2)
        self.system.grove("restart", "shared.two")
        self.system.wait_for_state("shared.two", "ready")

        self.system.call("shared.one", "hold", str(30 << 20))
        self.system.call("others.three", "hold", str(70 << 20))
        self.system.grove("call", "--timeout", "5s", "shared.two", "hold", str(70 << 20), check=False)
        gs.wait_for("the kernel said what ended shared.two", lambda: "more memory" in
                    self.system.grove("why", "shared.two").stdout)
        for name, process in before.items():
            self.assertEqual(self.process_of(name), process, f"{name} was touched")
        # All who share the limit were told of it, and nobody else.
        self.assertIn("of the 96 MiB of memory", self.system.grove("why", "shared.one").stdout)
        self.assertNotIn("of memory", self.system.grove("why", "others.three").stdout)

    def test_a_service_is_warned_before_its_limit(self):
        folder = self.system.write_project("shared", {"one": GREEDY.format(actors=self.system.actors, name="one") +
                                                      "resources: {memory: 64M}\n"})
        self.system.up(folder)
        process = self.process_of("shared.one")
        if not limits_of_memory(process):
            self.skipTest("no control group limits anything here")
        self.system.call("shared.one", "hold", str(30 << 20))
        self.assertNotIn("of memory", self.system.grove("why", "shared.one").stdout)
        self.system.call("shared.one", "hold", str(29 << 20))
        gs.wait_for("the kernel warned it", lambda: "MiB of the 64 MiB of memory" in
                    self.system.grove("why", "shared.one").stdout)
        gs.wait_for("the registry knows", lambda: "shared.one used" in
                    self.system.grove("logs", "system.registry").stdout)
        self.assertEqual(self.process_of("shared.one"), process)
        self.system.grove("call", "--timeout", "5s", "shared.one", "hold", str(30 << 20), check=False)
        said = gs.wait_for("the kernel ended it", lambda: "more memory" in
                           self.system.grove("why", "shared.one").stdout and self.system.grove("why", "shared.one").stdout)
        self.assertLess(said.index("of the 64 MiB"), said.index("more memory than its budget"))

    def test_the_group_of_a_project_goes_with_it(self):
        self.greedy("shared", "{memory: 96M}", "one")
        process = self.process_of("system.registry")
        if not limits_of_memory(self.process_of("shared.one")):
            self.skipTest("no control group limits anything here")
        self.assertTrue(groups_of_projects(process))
        self.system.grove("down", "--project", "shared")
        gs.wait_for("its group is gone", lambda: not groups_of_projects(process))
        # And after a kernel that was killed.
        self.greedy("shared", "{memory: 96M}", "one")
        mark = gs.kernel_mark(self.process_of("shared.one"))
        self.system.kill_kernel()
        self.assertTrue(gs.cgroups(mark))
        self.system.grove("up")
        self.assertFalse(gs.cgroups(mark))
        self.system.wait_for_state("shared.one", "ready")
        self.assertTrue(groups_of_projects(self.process_of("shared.one")))

    def test_a_budget_can_change_together_with_its_services(self):
        self.system.up(self.project("64M", one="40M", two="24M"))
        self.system.up(self.project("32M", one="20M", two="12M"))
        result = self.system.up(self.project("31M", one="20M", two="12M"), check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("31 MiB", result.stderr)
        self.system.up(self.project(None, one="20M", two="1G"))
        self.system.up(self.project("2G", one="20M", two="1G"))

    def test_a_budget_outlives_the_registry_and_the_kernel(self):
        self.system.up(self.project("64M", one="40M"))
        for death in ("registry", "kernel"):
            if death == "registry":
                before = self.system.services()["system.registry"]["process"]
                os.kill(before, signal.SIGKILL)
                gs.wait_for("the registry is back",
                            lambda: self.system.services()["system.registry"].get("process") not in (before, None, 0))
            else:
                self.system.kill_kernel()
                self.system.grove("up")
            with self.subTest(death):
                self.system.wait_for_state("shared.one", "ready")
                result = self.system.up(self.project("64M", one="40M", two="30M"), check=False)
                self.assertIn("40 MiB are promised", result.stderr)

    def test_a_project_that_goes_down_takes_its_budget_along(self):
        self.system.up(self.project("64M", one="40M"))
        self.system.grove("down", "--project", "shared")
        self.system.up(self.project(None, one="1G"))
        self.assertEqual(self.system.state_of("shared.one"), "ready")


if __name__ == "__main__":
    gs.main()
