"""Every public header is enough by itself, in C11 and in C++17, without a warning; and C++ links what it declares.

    headers_test.py ROOT LIBGROVE.SO
"""
import glob
import os
import subprocess
import sys
import tempfile
import unittest

ROOT, LIBRARY = sys.argv[1:3]
FOLDERS = [os.path.join(ROOT, folder, "include") for folder in ("abi", "lib")]
FLAGS = ["-Wall", "-Wextra", "-Wundef", "-Werror", *(f"-I{folder}" for folder in FOLDERS)]
LANGUAGES = {"c": ["gcc", "-x", "c", "-std=c11", "-Wpedantic", "-Wstrict-prototypes"], "cpp": ["g++", "-x", "c++", "-std=c++17"]}
# One function of each part of the library, some of which are inline, and what the two languages call differently.
PROGRAM = """
#include <grove/bus.h>
#include <grove/config.h>
#include <grove/grove.h>
#include <grove/health.h>
#include <grove/journal.h>
#include <grove/log.h>
#include <grove/store.h>
#include <cstdio>

static_assert(alignof(grove_control) == 64 && sizeof(grove_control) <= 4096, "as in C");

int main() {
    grove_schedule schedule = {};
    schedule.schedule_class = GROVE_SCHEDULE_FIXED;
    std::puts(grove_status_text(GROVE_DENIED));
    /* Outside a container a line can be lost: what is tried is that it compiles and links. */
    int said = GROVE_LOG(GROVE_LOG_INFO, "hello", grove_log_signed("priority", schedule.priority), grove_log_text("in", "C++"));
    return said != 0 && said != GROVE_AGAIN;
}
"""


def headers():
    return sorted(os.path.relpath(path, folder) for folder in FOLDERS
                  for path in glob.glob(os.path.join(folder, "**", "*.h"), recursive=True))


class Headers(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="grove-headers-")
        self.addCleanup(holder.cleanup)
        self.folder = holder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run_quietly(self, *command):
        done = subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(done.returncode, 0, f"{' '.join(command)}: {done.stdout}")
        return done.stdout

    def test_each_compiles_alone(self):
        names = headers()
        self.assertGreater(len(names), 20)
        for language, compiler in LANGUAGES.items():
            # Twice, so that a guard that guards nothing is found; one unit for each.
            units = [self.write(f"{name.replace('/', '_')}.{language}", f"#include <{name}>\n" * 2 + "extern int one;\n") for name in names]
            self.run_quietly(*compiler, *FLAGS, "-fsyntax-only", *units)

    def test_a_program_in_cpp_links(self):
        source, folder = self.write("hello.cpp", PROGRAM), os.path.dirname(LIBRARY)
        program = os.path.join(self.folder, "hello")
        self.run_quietly(*LANGUAGES["cpp"], *FLAGS, "-o", program, source, "-x", "none", LIBRARY, f"-Wl,-rpath,{folder}")
        self.assertIn("a capability is missing", self.run_quietly(program))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
