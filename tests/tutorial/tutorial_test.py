"""Does what docs/tutorial.md tells its reader, in a folder of its own, and compares what the page says comes out.

    tutorial_test.py PAGE SOURCE BUILD

A fenced block "c NAME" or "yaml NAME" is a file. In a "console" block the lines behind "$ " are commands; those that follow
are lines of their output, in this order, with "..." for any text. A block "sh" is set-up, done here by hand.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77


def blocks(page):
    pattern = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for kind, name, text in pattern.findall(page):
        yield kind, name, text


def steps(text):
    """(command, lines expected) of a console block."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def matches(expected, line):
    return re.fullmatch(".*".join(re.escape(part) for part in expected.split("...")), line) is not None


def compare(expected, output):
    lines = iter(output.splitlines())
    for wanted in expected:
        if wanted == "...":
            continue
        if not any(matches(wanted, line) or matches(wanted, re.sub(r" +", " ", line)) for line in lines):
            return wanted
    return None


def run(command, folder, environment, expected):
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    missing = compare(expected, done.stdout)
    print(f"$ {command}\n{done.stdout}", end="")
    if done.returncode != 0:
        return f"`{command}` ended with {done.returncode}"
    return f"`{command}` did not print: {missing}" if missing is not None else None


def main():
    page, source, build = sys.argv[1:4]
    for needed in ("grove", "groved", "musl/lib/libgrove.a", "musl/servers/grove-registry"):
        if not os.path.exists(os.path.join(build, needed)):
            print(f"{needed} is not built")
            return SKIPPED
    if shutil.which("musl-gcc") is None:
        print("musl-gcc is not installed")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="grove-tutorial-") as folder:
        clone, house = os.path.join(folder, "grove"), os.path.join(folder, "house")
        os.mkdir(clone)
        os.mkdir(house)
        for name in ("lib", "abi"):
            os.symlink(os.path.join(source, name), os.path.join(clone, name))
        os.symlink(build, os.path.join(clone, "build"))
        environment = dict(os.environ, GROVE=clone, PATH=f"{build}:{os.environ['PATH']}", NO_COLOR="1", LC_ALL="C",
                           GROVE_RUN=os.path.join(house, "run"), GROVE_STATE=os.path.join(house, "state"))
        try:
            for kind, name, text in blocks(open(page, encoding="utf-8").read()):
                if name:
                    with open(os.path.join(house, name), "w", encoding="utf-8") as file:
                        file.write(text)
                if kind != "console":
                    continue
                for command, expected in steps(text):
                    problem = run(command, house, environment, expected)
                    if problem is not None:
                        print(f"FAILED: {problem}")
                        return 1
        finally:
            subprocess.run(["grove", "down", "--all"], env=environment, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=60, check=False)
        # The page says that nothing stays behind: no kernel runs in this folder any more.
        if os.path.exists(os.path.join(house, "run", "kernel.sock")):
            print("FAILED: the kernel still runs after grove down --all")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
