"""Hooks in Python: all results, a handler that raises, and extensions."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hooks_test import CONTROL, ONE, gs  # noqa: E402

SERVICE = """
import grove

service = grove.Service()
seen = []
manner = {"is": "yes"}


@grove.hooks.on(service, "guard")
def look(call):
    seen.append(f"{call.point} {call.subject} {call.who or '-'} {len(call.data)} {call.total_bytes}")
    if manner["is"] == "raise":
        raise ValueError("a bug")
    if manner["is"] == "nonsense":
        return 7
    if manner["is"] == "change":
        return grove.hooks.change(b"other")
    if manner["is"] == "no":
        return grove.hooks.veto("nicht f\\u00fcr heute")


@service.on_change("init")
def begin(reason):
    for point in ("before-load", "after-load", "before-start", "after-start"):
        grove.hooks.set(point, "guard", "plant.>", priority=5, timeout=1.0)
    try:
        grove.hooks.set("before-lunch", "guard")
    except grove.Invalid as problem:
        seen.append(f"refused: {problem}")
    try:
        grove.hooks.set("before-start", "guard", "else.>")
    except grove.Denied as problem:
        seen.append(f"refused: {problem}")
    grove.extensions.register("protocol", "guarding", "guard", version=(1, 2, 3), detail="port=7")
    grove.extensions.register("metrics", "counts", "guard")


@service.on("guard", 1)
def become(request):
    manner["is"] = bytes(request.data).decode()


@service.on("guard", 2)
def told(request):
    return "\\n".join(seen).encode()


@service.on("guard", 3)
def found(request):
    grove.extensions.unregister("metrics", "counts")
    every = grove.extensions.every("protocol")
    none = grove.extensions.every("metrics")
    return repr([tuple(each) for each in every] + none).encode()


@service.on("guard", 4)
def clear(request):
    grove.hooks.clear("before-start", "guard")


service.run()
"""
GUARD = """exec: ["/usr/bin/python3", "{program}"]
environment: {{GROVE_LIBRARY: "{library}", PYTHONPATH: "{package}", PYTHONDONTWRITEBYTECODE: "1"}}
system-files: true
provides:
  - name: guard
    methods:
      - {{number: 1, name: become, request: "manner:text"}}
      - {{number: 2, name: told, reply: "seen:text"}}
      - {{number: 3, name: found, reply: "found:text"}}
      - {{number: 4, name: clear}}
requires: [system.hooks]
"""


class Python(gs.SystemTest):
    def setUp(self):
        super().setUp()
        package = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib", "python"))
        program = os.path.join(self.system.folder, "guard.py")
        library = os.path.join(self.system.build, "lib", "libgrove.so.1")
        with open(program, "w", encoding="utf-8") as file:
            file.write(SERVICE)
        readable = f"  - FS_READ:{program}\n  - FS_READ:{package}\n  - FS_EXEC:{os.path.dirname(library)}\n"
        self.up("ops", GUARD.format(program=program, library=library, package=package) + CONTROL + readable)
        self.system.wait_for_state("ops.guard", "ready")

    def up(self, name, text, check=True):
        folder = self.system.write_project(name, {"guard" if name == "ops" else "one": text})
        return self.system.grove("up", "--set", f"actors={self.system.actors}", folder, check=check)

    def become(self, manner):
        self.system.call("ops.guard", "become", manner)

    def test_all_results(self):
        self.up("plant", ONE)
        self.system.wait_for_state("plant.one", "ready")
        gs.wait_for("both sides are seen", lambda: self.system.call("ops.guard", "told")["seen"].count("\n") >= 5)
        told = self.system.call("ops.guard", "told")["seen"]
        for point in ("before-load", "after-load", "before-start", "after-start"):
            self.assertIn(f"{point} plant.one", told)
        self.assertRegex(told, r"before-load plant\.one shell\S* [0-9]{3,} [0-9]{3,}")
        self.assertIn("refused: 'before-lunch' is no point", told)
        self.assertIn("PROC_CONTROL:else.>", told)
        self.become("no")
        result = self.up("plant", ONE + "description: other\n", check=False)
        self.assertIn("the hook ops.guard says no: nicht für heute", result.stderr)
        for manner, why in (("raise", ""), ("nonsense", ""), ("change", "no meaning at this point")):
            self.become(manner)
            self.up("plant", ONE + f"description: {manner}\n")
            gs.wait_for("it counts as a failure", lambda why=why: any(
                hook["failures"] > 0 and why in hook.get("last_failure", "") for hook in self.system.json("hooks")))
            self.system.wait_for_state("plant.one", "ready")

    def test_extensions_and_clear(self):
        self.assertEqual(self.system.call("ops.guard", "found")["found"],
                         "[('protocol', 'guarding', (1, 2, 3), 'ops.guard', 'ops.guard', 'port=7')]")
        self.system.call("ops.guard", "clear")
        self.assertNotIn("before-start", [hook["point"] for hook in self.system.json("hooks")])


if __name__ == "__main__":
    gs.main()
