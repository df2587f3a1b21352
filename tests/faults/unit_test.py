#!/usr/bin/python3
"""No memory and no descriptors left, at every place of the sources that asks for some: the unit tests run again and again,
and each time another one of these calls fails (inject.c). The unit tests may then fail, for they expect that all goes well;
but nothing may be read or written that is not there, no assertion of the product may fail, and nothing may wait for ever.

    unit_test.py BUILD INJECT KIND [TEST...]

BUILD is built with sanitizers, INJECT is inject.so, KIND memory or descriptor. A place that is reached often is tried the
first times and the last; with FAULT_ALL=1, every time.
"""
import collections
import concurrent.futures
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

DEADLINE_SECONDS = 120
EACH_PLACE = 2
# Threads of lib-peers and containers-threads wait for one another: when one has given up, the other waits as long as it is told
# to, which is right and takes a minute each time. The two of manifests read hundreds of files. The journal's crashes write thousands
# of journals: what it asks for is asked for at the same places by servers-journal, whose run takes a twentieth of the time.
LEFT_OUT = {"lib-peers", "manifest-files", "manifest-faults", "journal-crash", "containers-threads"}
# Comparisons with Linux take long and ask for memory in their own test worlds only; that of memory meets faults on purpose, as
# signals, which the sanitizer keeps for itself here.
LEFT_OUT_ENDING = "-differential"
# What only tests use.
TEST_SOURCES = re.compile(r"_test\.c$|/testing/|/test/|/tests/|test_spec\.c$")
# What a sanitizer says, a product's assert, and a signal that cmocka caught.
BROKEN = re.compile(r"AddressSanitizer|runtime error:|Assertion .* failed|Test failed with exception|stack smashing")


def unit_tests(build):
    """{name: program} of the unit tests that lie beside what they test."""
    found = json.loads(subprocess.check_output(["meson", "introspect", "--tests", build]))
    return {test["name"]: test["cmd"][0] for test in found
            if test["cmd"][0].endswith("-test") and test["name"] not in LEFT_OUT and
            not test["name"].endswith(LEFT_OUT_ENDING) and
            not os.path.relpath(test["cmd"][0], build).startswith("tests")}


def run(program, inject, kind, **more):
    """Returns the exit status, or None when it never ended, and all that it said."""
    environment = dict(os.environ, LD_PRELOAD=inject, FAULT_KIND=kind, FAULT_PROGRAM=os.path.basename(program),
                       ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0:handle_segv=2:handle_sigbus=2",
                       UBSAN_OPTIONS="print_stacktrace=1", **more)
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        process = subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment,
                                   start_new_session=True)
        try:
            status = process.wait(timeout=DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        # A test that gives up may leave children behind: they are of its session.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        said.seek(0)
        return status, said.read()


def places(program, inject, kind):
    """Where the program asks, in the order of the places: (address, source line, how often)."""
    with tempfile.NamedTemporaryFile("r") as log:
        os.chmod(log.name, 0o666)  # some of the tests become another user
        status, said = run(program, inject, kind, FAULT_LOG=log.name)
        if status != 0:
            raise AssertionError(f"{program} fails even when nothing is made to fail:\n{said}")
        often = collections.Counter(log.read().split())
    if not often:
        return []
    # The byte before the return address belongs to the call.
    asked = [hex(int(address, 16) - 1) for address in often]
    lines = subprocess.check_output(["addr2line", "-e", program, *asked], text=True).splitlines()
    return [(address, os.path.normpath(line), count) for (address, count), line in zip(often.items(), lines)
            if not TEST_SOURCES.search(line.split(":")[0]) and not line.startswith("?")]


def occasions(count):
    if os.environ.get("FAULT_ALL"):
        return range(1, count + 1)
    return sorted(set(range(1, min(count, EACH_PLACE) + 1)) | {count})


def is_broken(said):
    """Whether the product is at fault. A test that gives up in the middle leaves its own variables behind, and what runs in
    a test's own function afterwards says nothing."""
    for report in BROKEN.finditer(said):
        place = re.search(r" (?:in \S+ )?(\S+?\.[ch]):\d+", said[max(0, said.rfind("\n", 0, report.start())):])
        if place is None or not TEST_SOURCES.search(place.group(1)):
            return True
    return False


def attempt(program, inject, kind, place, number):
    address, line, _ = place
    status, said = run(program, inject, kind, FAULT_SITE=address, FAULT_AT=str(number))
    where = f"{os.path.basename(program)}: call {number} of {line} fails"
    if status is None:
        return f"{where}: it has not ended after {DEADLINE_SECONDS} s\n{said}"
    if status < 0 or is_broken(said):
        return f"{where}: it ended with {status}\n{said}"
    return None


def main():
    build, inject, kind, *chosen = sys.argv[1:]
    tests = unit_tests(build)
    programs = [program for name, program in sorted(tests.items()) if not chosen or name in chosen]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda program: places(program, inject, kind), programs))
        todo = [(program, place, number) for program, several in zip(programs, found) for place in several
                for number in occasions(place[2])]
        wrong = 0
        for text in pool.map(lambda job: attempt(job[0], inject, kind, *job[1:]), todo):
            wrong += text is not None
            if text:
                print(text, flush=True)
    lines = {place[1] for several in found for place in several}
    print(f"{kind}: {len(todo)} failures at {len(lines)} places of the sources, {wrong} not survived")
    if os.environ.get("FAULT_LIST"):
        print("\n".join(sorted(lines)))
    return 1 if wrong or not todo else 0


if __name__ == "__main__":
    sys.exit(main())
