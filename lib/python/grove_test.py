"""The Python binding over a kernel in a thread (lib/testing/fake_kernel.c). Run by meson; needs GROVE_LIBRARY and
GROVE_FAKE_KERNEL."""

import asyncio
import ctypes
import os
import select
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import grove  # noqa: E402

READY = 1
QUIESCE, STOP = 136, 138


class FakeKernel:
    def __init__(self):
        self.library = ctypes.CDLL(os.environ["GROVE_FAKE_KERNEL"])
        self.library.fake_kernel_start.restype = ctypes.c_void_p
        self.library.fake_kernel_await_report.restype = ctypes.c_uint64
        self.handle = ctypes.c_void_p(self.library.fake_kernel_start())

    def add(self, name, endpoint=None):
        port = self.library.fake_kernel_add(self.handle, name.encode(), endpoint.encode() if endpoint else None)
        return grove.Session(descriptor=port)

    def await_report(self, name, report):
        return self.library.fake_kernel_await_report(self.handle, name.encode(), report)

    def notice(self, name, notice):
        self.library.fake_kernel_notice(self.handle, name.encode(), notice, ctypes.c_uint64(0))

    def stop(self):
        self.library.fake_kernel_stop(self.handle)


def make_service(session):
    service = grove.Service(session=session)
    service.seen = []

    @service.on("greeter", 1)
    def echo(request):
        return request.data

    @service.on("greeter", 2)
    def refuse(request):
        raise grove.Full("no room for feeder 7: remove one first")

    @service.on("greeter", 3)
    def break_down(request):
        return 1 // 0

    @service.on("greeter", 4)
    def note(request):
        service.seen.append((request.data, request.lane, request.wants_reply, request.client, request.remaining))

    @service.on("greeter", 9)
    def ask(request):
        request.client_may(request.data.decode())

    @service.on("greeter", 5)
    def later(request):
        request.defer()

        def finish():
            request.reply(b"late")
            request.finish()

        service.after(0.001, finish)

    @service.on("greeter", 6)
    def lend(request):
        loan = request.loan(len(request.slice))
        loan.view[:] = bytes(byte + 1 for byte in request.slice)
        request.reply(b"lent", loan=loan)

    @service.on("greeter")
    def other(request):
        return b"method %d" % request.method

    return service


class World(unittest.TestCase):
    def setUp(self):
        self.kernel = FakeKernel()
        server = self.kernel.add("greeter", "greeter")
        self.client = self.kernel.add("client")

        def serve():
            self.service = make_service(server)
            self.service.run()
            self.service.close()
            server.close()

        self.thread = threading.Thread(target=serve)
        self.thread.start()
        self.kernel.await_report("greeter", READY)
        self.channel = grove.connect("greeter", session=self.client)

    def tearDown(self):
        self.channel.close()
        self.kernel.notice("greeter", STOP)
        self.thread.join()
        self.client.close()
        self.kernel.stop()

    def test_call_brings_the_answer(self):
        for size in (0, 1, 1000, 30000):
            data = os.urandom(size)
            self.assertEqual(self.channel.call(1, data).data, data)
        self.assertEqual(self.channel.call(4711).data, b"method 4711")

    def test_every_priority(self):
        for priority, lane in ((grove.HIGH, "high"), (grove.MEDIUM, "medium"), (grove.LOW, "low")):
            self.channel.send(4, b"x", priority=priority)
            self.channel.flush()
            self.assertEqual(self.service.seen.pop(), (b"x", lane, False, "test.client", None))

    def test_errors_have_classes_and_sentences(self):
        with self.assertRaisesRegex(grove.Full, "no room for feeder 7.*test.greeter"):
            self.channel.call(2)
        with self.assertRaisesRegex(grove.HandlerFailed, "ZeroDivisionError"):
            self.channel.call(3)
        with self.assertRaisesRegex(grove.NotFound, "test.nobody"):
            grove.connect("nobody", session=self.client)
        with self.assertRaises(grove.TooLarge):
            self.channel.call(1, bytes(1 << 20))
        self.assertEqual(self.channel.call(1, b"still there").data, b"still there")

    def test_what_the_client_may_do(self):
        for _ in range(2):
            self.assertEqual(self.channel.call(9, b"STORE_READ:grid.*").data, b"")
        self.kernel.library.fake_kernel_set_poor(self.kernel.handle, b"client", True)
        with self.assertRaises(grove.Denied) as caught:
            self.channel.call(9, b"STORE_READ:grid.*")
        self.assertIn("- STORE_READ:grid.*", str(caught.exception))
        with self.assertRaises(grove.Invalid):
            self.channel.call(9, b"STORE_REED:grid.*")

    def test_deadline(self):
        self.kernel.notice("greeter", QUIESCE)
        self.kernel.await_report("greeter", 2)
        with self.assertRaises(TimeoutError):
            self.channel.call(1, timeout=0.005)

    def test_deferred(self):
        self.assertEqual(self.channel.call(5).data, b"late")

    def test_loan(self):
        loan = self.channel.loan(100000)
        loan.view[:] = bytes(range(250)) * 400
        answer = self.channel.call(6, loan=loan)
        self.assertEqual(answer.data, b"lent")
        self.assertEqual(answer.slice, bytes(range(1, 251)) * 400)

    def test_start_tells_once(self):
        told = []
        for i in range(50):
            self.channel.start(1, b"%d" % i, lambda answer, error: told.append(answer.data))
        while len(told) < 50:
            self.client.dispatch(5)
        self.assertEqual(told, [b"%d" % i for i in range(50)])

    def test_asyncio(self):
        async def main():
            self.client.attach(asyncio.get_running_loop())
            answers = await asyncio.gather(*(self.channel.call_async(1, b"%d" % i) for i in range(20)))
            with self.assertRaises(grove.Full):
                await self.channel.call_async(2)
            return [answer.data for answer in answers]

        self.assertEqual(asyncio.run(main()), [b"%d" % i for i in range(20)])

    def test_regions(self):
        region = grove.region(8192, session=self.client)
        region.view[:5] = b"hello"
        self.assertTrue(region.is_writable)
        self.assertEqual(len(region.view), 8192)
        region.close()
        state = grove.state(4096, session=self.client)
        self.assertTrue(state.is_fresh)
        state.view[0] = 7
        again = grove.state(4096, session=self.client)
        self.assertFalse(again.is_fresh)
        self.assertEqual(again.view[0], 7)

    def test_refusal_names_the_line_that_grants(self):
        capability = grove.Capability(self.client, 1, grove.capabilities.parse("FS_READ:/data"))
        self.assertEqual(str(capability), "FS_READ:/data")
        with self.assertRaisesRegex(PermissionError, "FS_READ:/data.*capabilities:"):
            capability.derive("FS_READ:/data/x")

    def test_identity(self):
        self.assertEqual((self.client.name, self.client.project, self.client.generation), ("test.client", "test", 1))


class Alone(unittest.TestCase):
    def test_service_in_asyncio(self):
        kernel = FakeKernel()
        server, client = kernel.add("greeter", "greeter"), kernel.add("client")
        ends = os.pipe()

        async def main():
            loop = asyncio.get_running_loop()
            service = make_service(server)
            seen = []
            service.watch(ends[0], select.POLLIN, lambda events: seen.append(os.read(ends[0], 10)))
            ticks = []
            service.every(0.001, lambda: ticks.append(1))
            stopped = service.attach(loop)
            client.attach(loop)
            channel = grove.connect("greeter", session=client)
            self.assertEqual((await channel.call_async(1, b"both in one loop")).data, b"both in one loop")
            os.write(ends[1], b"ready")
            while not seen or not ticks:
                await asyncio.sleep(0)
            kernel.notice("greeter", STOP)
            await stopped
            channel.close()
            service.close()
            return seen

        self.assertEqual(asyncio.run(main()), [b"ready"])
        server.close()
        client.close()
        kernel.stop()

    def test_what_a_timer_raises_reaches_run(self):
        kernel = FakeKernel()
        server = kernel.add("greeter", "greeter")
        service = make_service(server)
        service.after(0, lambda: 1 // 0)
        with self.assertRaises(ZeroDivisionError):
            service.run()
        service.close()
        server.close()
        kernel.stop()


class Log(unittest.TestCase):
    def setUp(self):
        self.saved = os.dup(2)
        self.reader, writer = os.pipe()
        os.dup2(writer, 2)
        os.close(writer)

    def tearDown(self):
        os.dup2(self.saved, 2)
        os.close(self.saved)
        os.close(self.reader)

    def test_a_line_has_level_message_and_fields(self):
        self.assertTrue(grove.log("warning", "nearly full", used=93, change=-2, most=2**64 - 1, ratio=0.5, path="a b", on=True))
        self.assertEqual(os.read(self.reader, 4096),
                         b'level=warning message="nearly full" used=93 change=-2 most=18446744073709551615 ratio=0.5 '
                         b'path="a b" on=true\n')
        self.assertTrue(grove.log("info", "alone"))
        self.assertEqual(os.read(self.reader, 4096), b"level=info message=alone\n")
        with self.assertRaisesRegex(ValueError, "debug, info, warning, error"):
            grove.log("loud", "x")

    def test_what_nobody_reads_is_lost_and_counted(self):
        while grove.log("info", 3000 * "x"):
            pass
        self.assertEqual(grove.lost_lines(), 1)
        while select.select([self.reader], [], [], 0)[0]:
            os.read(self.reader, 65536)
        self.assertTrue(grove.log("info", "again"))
        self.assertIn(b"lost=1\n", os.read(self.reader, 4096))


if __name__ == "__main__":
    unittest.main()
