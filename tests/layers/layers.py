#!/usr/bin/python3
"""The arrows between the layers point one way, and the core stays small and free of platforms.

    layers.py ROOT

Each rule names the folder it holds for, what its sources may include, and why. Prints every line that breaks one.
"""
import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
CONDITION = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b(.*)")
CORE_LINES_MAX = 5000
FREESTANDING = {"stdbool.h", "stddef.h", "stdint.h", "string.h"}

# Folders beside a source from which the build chooses one.
PROCESSORS = ("x86_64", "aarch64")

# folder: (quoted includes may begin with, system headers allowed or None for all)
RULES = {
    "abi": (("grove/abi/",), FREESTANDING),
    "kernel/core": (("grove/abi/", "kernel/core/"), FREESTANDING),
    "lib": (("grove/", "lib/"), None),
    "servers": (("grove/", "lib/", "servers/"), None),
    "examples": (("grove/", "lib/", "examples/"), None),
}


def sources(root, folder):
    """Sources that are shipped: tests and what only tests use are left out."""
    for path, folders, files in os.walk(os.path.join(root, folder)):
        folders[:] = [name for name in folders if name not in ("test", "testing")]
        for name in files:
            if name.endswith((".c", ".h")) and not name.endswith("_test.c"):
                yield os.path.join(path, name)


def check_includes(root, folder, allowed, system, problems):
    for path in sources(root, folder):
        beside = os.path.dirname(path)
        with open(path) as lines:
            for number, line in enumerate(lines, 1):
                found = INCLUDE.match(line)
                if not found:
                    continue
                kind, name = found.groups()
                where = f"{os.path.relpath(path, root)}:{number}"
                if kind == "<" and system is not None and name not in system:
                    problems.append(f"{where}: {folder} is freestanding and must not include <{name}>")
                is_near = any(os.path.exists(os.path.join(beside, part, name)) for part in ("", *PROCESSORS))
                if kind == '"' and not name.startswith(allowed) and not is_near:
                    problems.append(f"{where}: {folder} must not include \"{name}\"; allowed: {', '.join(allowed)}")


def check_platforms(root, problems):
    """The build chooses platform files: the core has no conditions but include guards."""
    for path in sources(root, "kernel/core"):
        with open(path) as lines:
            for number, line in enumerate(lines, 1):
                found = CONDITION.match(line)
                if found and not re.match(r"\s*GROVE_\w+_H\s*$", found.group(2)):
                    problems.append(f"{os.path.relpath(path, root)}:{number}: a condition in the core: {line.strip()}")


def code_lines(path):
    """Lines that hold code: neither blank nor only comment."""
    with open(path) as file:
        text = re.sub(r"/\*.*?\*/", lambda found: re.sub(r"[^\n]", "", found.group()), file.read(), flags=re.S)
    return sum(1 for line in re.sub(r"//.*", "", text).splitlines() if line.strip())


def check_size(root, problems):
    total = sum(code_lines(path) for path in sources(root, "kernel/core"))
    print(f"kernel/core: {total} lines of code, at most {CORE_LINES_MAX}")
    if total > CORE_LINES_MAX:
        problems.append(f"kernel/core has {total} lines of code, more than {CORE_LINES_MAX}")


def main():
    root = sys.argv[1]
    problems = []
    for folder, (allowed, system) in RULES.items():
        check_includes(root, folder, allowed, system, problems)
    check_platforms(root, problems)
    check_size(root, problems)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
