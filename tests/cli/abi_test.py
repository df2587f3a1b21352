"""grove abi: on Linux it says who serves the calls; a report of a bare kernel is listed by program, and nothing else is taken for one."""

import os
import tempfile
import unittest

import support

REPORT = b"calls x86_64\n334 3 busybox\n222 9223372036854775807 stress-ng clone\n99999 1 odd\nothers 7\n"
NO_REPORTS = (b"", b"calls x86_64\n", b"calls z80\nothers 0\n", b"calls x86_64\n334 busybox\nothers 0\n", b"calls x86_64\n-1 1 x\nothers 0\n",
              b"calls x86_64\n1 1 \nothers 0\n", b"calls x86_64\nothers 0\n1 1 x\n", b"calls x86_64\n1 99999999999999999999 x\nothers 0\n",
              b"calls x86_64\n1 1 " + b"x" * 300 + b"\nothers 0\n", b"calls x86_64\nothers 0", os.urandom(64))


class Abi(support.CommandTest):
    def report(self, content):
        file = tempfile.NamedTemporaryFile()
        self.addCleanup(file.close)
        file.write(content)
        file.flush()
        return file.name

    def test_linux_serves_its_own_calls(self):
        self.assertIn("Linux serves the system calls", self.good("abi").stdout)
        self.assertEqual(self.json("abi", "--json"), {"served_by": "linux", "calls": [], "others": 0})

    def test_a_report_is_listed(self):
        path = self.report(REPORT)
        found = self.json("abi", "--json", "--from", path)
        self.assertEqual(found["served_by"], "grove")
        self.assertEqual(found["others"], 7)
        self.assertEqual(found["calls"][0], {"program": "busybox", "call": "rseq", "number": 334, "times": 3})
        self.assertEqual([call["call"] for call in found["calls"]], ["rseq", "timer_create", "?"])
        self.assertEqual(found["calls"][1]["program"], "stress-ng clone")
        lines = self.good("abi", "--from", path).stdout.splitlines()
        self.assertEqual(lines[0].split(), ["PROGRAM", "CALL", "NUMBER", "TIMES"])
        self.assertEqual(lines[1].split(), ["busybox", "rseq", "334", "3"])

    def test_what_is_no_report_is_refused(self):
        for content in NO_REPORTS:
            with self.subTest(content=content):
                result = self.grove("abi", "--from", self.report(content))
                self.assertEqual(result.returncode, 1)
                self.assertIn("is no report of missing calls", result.stderr)
        self.assertIn("cannot be read", self.grove("abi", "--from", "/no/such").stderr)


if __name__ == "__main__":
    unittest.main()
