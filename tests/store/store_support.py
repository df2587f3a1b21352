"""What the tests of the store share: a system, and namespaces of its store through sessions of this program's own."""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "system"), os.path.join(ROOT, "lib", "python")]

LIBRARY = os.path.realpath(os.environ["GROVE_LIBRARY"])

import grove  # noqa: E402
import grove_system as gs  # noqa: E402
from grove import store  # noqa: E402

PROGRAM = """
import sys
sys.path.insert(0, {python!r})
import grove
from grove import store
service = grove.Service()
{body}
service.run()
"""


class StoreTest(gs.SystemTest):
    def setUp(self):
        super().setUp()
        self.sessions = []
        self.addCleanup(self.close_sessions)
        self.system.grove("up")
        self.system.wait_until_booted()
        self.accounts_before = self.accounts()

    def close_sessions(self):
        for session in self.sessions:
            session.close()

    def session(self):
        session = grove.Session(path=os.path.join(self.system.run, "kernel.sock"))
        self.sessions.append(session)
        return session

    def store(self, name="demo.one", timeout=30.0):
        """A namespace, through a session of its own."""
        return store.Store(name, session=self.session(), timeout=timeout)

    def store_process(self):
        return gs.wait_for("the store runs", lambda: self.system.services()["system.store"].get("process"))

    def kill_store(self):
        before = self.store_process()
        os.kill(before, gs.signal.SIGKILL)
        return before

    def state_folder(self):
        return os.path.join(self.system.state, "services", "system.store")

    def service(self, name, body, capabilities=()):
        """The manifest of a Python service that runs `body`; it may speak with the store."""
        path = os.path.join(self.system.folder, name + ".py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(PROGRAM.format(python=os.path.join(ROOT, "lib", "python"), body=body))
        wanted = ["FS_READ:" + path, "FS_READ:" + os.path.join(ROOT, "lib", "python"),
                  "FS_EXEC:" + LIBRARY, "IPC_SEND:system.store", *capabilities]
        return (f"exec: [/usr/bin/python3, {path}]\nsystem-files: true\nprovides: [{name}]\n"
                f"environment: {{GROVE_LIBRARY: {LIBRARY}, PYTHONDONTWRITEBYTECODE: '1'}}\n"
                "capabilities:\n" + "".join(f"  - {capability}\n" for capability in wanted))

    def up(self, project, services):
        self.system.up(self.system.write_project(project, services))

    def ask(self, endpoint, method, data=b""):
        return grove.connect(endpoint, session=self.session()).call(method, data, timeout=30.0).data
