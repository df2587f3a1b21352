"""What the services of a project may have together, and who says so."""
import os
import signal

import grove_system as gs


def limits_of_memory(process):
    """What the control groups of a process say, in either version."""
    limits = set()
    with open(f"/proc/{process}/cgroup", encoding="ascii") as groups:
        for line in groups:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            folder = "/sys/fs/cgroup/memory" if controllers == "memory" else "/sys/fs/cgroup"
            file = folder + path + ("/memory.limit_in_bytes" if controllers == "memory" else "/memory.max")
            if controllers in ("memory", "") and os.path.exists(file):
                with open(file, encoding="ascii") as limit:
                    limits.add(int(limit.read().replace("max", "-1")))
    return limits - {-1}


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
