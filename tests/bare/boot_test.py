#!/usr/bin/python3
"""The bare x86-64 kernel boots in QEMU, protects itself, and says what went wrong. Run with the build folder."""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from machine import Boot, FAILED, PANIC, PASSED, QEMU, kernel_in  # noqa: E402

BUILD = "build"


def boot(options="", **how):
    return Boot(kernel_in(BUILD), options, **how)


def try_out(options, **how):
    """With the kernel that holds tests."""
    return Boot(kernel_in(BUILD, "grove-kernel-test"), options, **how)


class Booting(unittest.TestCase):
    def check(self, machine):
        self.assertEqual(machine.status, PASSED, machine.console)
        return machine

    def test_both_boards(self):
        for board in "microvm", "q35":
            with self.subTest(board=board):
                machine = self.check(boot("some words", board=board))
                self.assertRegex(machine.lines[0], r'^grove: booted by PVH, \d+ KiB of memory, "debug-exit=0xf4 some words"$')
                self.assertIn("protected by NX SMEP SMAP UMIP", machine.console)

    def test_memory_from_eight_mib_to_above_four_gib(self):
        for size in 8, 5120:
            with self.subTest(memory_mib=size):
                machine = self.check(boot(board="q35", memory_mib=size))
                told, = re.findall(r"booted by PVH, (\d+) KiB", machine.console)
                free, = re.findall(r"^boot: (\d+) KiB of memory free", machine.console, re.M)
                self.assertLess(int(told), size * 1024)
                self.assertGreater(int(told), size * 1024 - 1024)
                self.assertGreater(int(free), int(told) * 0.97 - 1024)

    def test_an_old_processor(self):
        machine = self.check(boot(cpu="qemu64"))
        self.assertIn("protected by NX\n", machine.console)


class Faults(unittest.TestCase):
    """Each fault made on purpose ends in a panic that names the function it was made in."""

    def check(self, name, sentence, function, processor=0, processors=1):
        machine = try_out(f"try={name}", processors=processors)
        self.assertEqual(machine.status, PANIC, machine.console)
        self.assertIn(f"panic on processor {processor}: {sentence}", machine.console)
        self.assertIn(function, machine.callers())
        return machine

    def test_panic(self):
        self.check("panic", "somebody asked for it\n", "try_panic")

    def test_exceptions_show_the_registers(self):
        machine = self.check("invalid-instruction", "invalid instruction in the kernel", "try_invalid_instruction")
        for name in "rax", "r15", "rip", "cr2", "cr3":
            self.assertRegex(machine.console, rf"\b{name} +[0-9a-f]{{16}}")

    def test_no_address_near_zero(self):
        machine = self.check("no-address", "page fault", "try_no_address")
        self.assertRegex(machine.console, r"cr2 0{14}10\b")

    def test_text_and_constants_cannot_be_written(self):
        self.check("write-text", "page fault", "try_write_text")
        self.check("write-constant", "page fault", "try_write_constant")

    def test_data_cannot_be_executed(self):
        machine = try_out("try=execute-data")
        self.assertEqual(machine.status, PANIC)
        rip, = re.findall(r"rip ([0-9a-f]{16})", machine.console)
        cr2, = re.findall(r"cr2 ([0-9a-f]{16})", machine.console)
        self.assertEqual(rip, cr2)

    def test_a_stack_that_is_too_deep_meets_its_guard_page(self):
        self.check("stack-overflow", "double fault", "go_deeper")

    def test_an_overwritten_stack_is_noticed(self):
        self.check("canary", "a stack was overwritten: its canary is gone", "try_canary")

    def test_memory_given_back_twice_is_noticed(self):
        self.check("give-back-twice", "an object of a slab was given back twice", "slab_give_back")

    def test_an_unknown_trial_fails(self):
        self.assertEqual(try_out("try=nothing").status, FAILED)

    def test_one_processor_stops_all(self):
        self.check("other-processor", "on another processor", "run_job", processor=1, processors=4)

    def test_the_kernel_itself_holds_no_trials(self):
        self.assertEqual(boot("try=panic").status, PASSED)


class SelfTests(unittest.TestCase):
    def test_all_pass_on_one_two_and_four_processors(self):
        for processors in 1, 2, 4:
            for board in "microvm", "q35":
                with self.subTest(processors=processors, board=board):
                    machine = try_out("self-test", board=board, processors=processors)
                    self.assertEqual(machine.status, PASSED, machine.console)
                    self.assertIn(f"boot: {processors} of {processors} processors run", machine.console)
                    self.assertGreaterEqual(len(re.findall(r"^self-test: \w+: passed$", machine.console, re.M)), 4)

    def test_the_unit_tests_of_the_core_pass_in_the_kernel(self):
        machine = try_out("unit-test")
        self.assertEqual(machine.status, PASSED, machine.console)
        passed = [int(count) for count in re.findall(r"^unit-test: \w+: (\d+) passed$", machine.console, re.M)]
        self.assertGreaterEqual(len(passed), 16)
        self.assertGreater(sum(passed), 100)
        self.assertIn("unit-test: memory is as before", machine.console)

    def test_fewer_processors_on_request(self):
        machine = try_out("self-test processors=2", processors=4)
        self.assertEqual(machine.status, PASSED, machine.console)
        self.assertIn("boot: 2 of 4 processors run", machine.console)


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        BUILD = sys.argv.pop(1)
    if QEMU is None or not os.path.exists(kernel_in(BUILD)):
        print("skipped: qemu-system-x86_64, or the kernel (make build MACHINE=x86_64), is not there")
        sys.exit(77)
    unittest.main()
