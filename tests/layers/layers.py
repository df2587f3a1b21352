#!/usr/bin/python3
"""The arrows between the layers point one way, the core stays small and free of platforms, and files and functions short.

    layers.py ROOT

Each rule names the folder it holds for, what its sources may include, and why. Prints every line that breaks one.
"""
import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
CONDITION = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b(.*)")
CORE_LINES_MAX = 5000
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 80
FREESTANDING = {"stdbool.h", "stddef.h", "stdint.h", "string.h"}

FOLDERS = ("abi", "kernel", "lib", "servers", "userspace", "examples", "tests", "bench")

# Folders beside a source from which the build chooses one.
PROCESSORS = ("x86_64", "aarch64")

# folder: (quoted includes may begin with, system headers allowed or None for all)
RULES = {
    "abi": (("grove/abi/",), FREESTANDING),
    "kernel/core": (("grove/abi/", "kernel/core/"), FREESTANDING),
    # The bare machines have no library but the compiler's own headers; none knows of another machine.
    # Of the services the numbers of errors, which are the same for all who answer a program, and what the machine starts.
    "kernel/machine/bare": (("grove/abi/", "kernel/core/", "kernel/machine/bare/", "kernel/services/vfs/errors.h", "pause.h",
                             "hold.h"), FREESTANDING | {"stdarg.h"}),
    "kernel/machine/x86_64": (("grove/abi/", "kernel/core/", "kernel/machine/bare/", "kernel/machine/x86_64/",
                               "kernel/services/", "module_interface.h"), FREESTANDING | {"stdarg.h"}),  # the build's
    # What programs call: over all other services, and over the threads and the memory of the bare machines.
    "kernel/services/posix": (("grove/abi/", "kernel/services/", "kernel/machine/bare/", "kernel/core/list.h", "processor.h"),
                              FREESTANDING | {"stdarg.h"}),
    # "processor.h" too; of kernel/core only the list and machine_panic.
    "kernel/services/vfs": (("kernel/services/vfs/", "kernel/machine/bare/", "kernel/core/list.h", "kernel/core/machine.h",
                             "processor.h"), FREESTANDING),
    "kernel/services/procfs": (("kernel/services/procfs/", "kernel/services/vfs/", "kernel/machine/bare/", "kernel/core/list.h"),
                               FREESTANDING),
    # The core at work on the bare machines: over the file system layer and what the machines share.
    "kernel/services/containers": (("grove/abi/", "kernel/core/", "kernel/machine/bare/", "kernel/services/vfs/",
                                    "kernel/services/net/", "kernel/services/containers/"), FREESTANDING | {"stdarg.h"}),
    "kernel/services/fuse": (("kernel/services/fuse/", "kernel/services/vfs/", "kernel/machine/bare/", "kernel/core/list.h"),
                             FREESTANDING),
    "kernel/services/tty": (("kernel/services/tty/", "kernel/services/vfs/", "kernel/machine/bare/", "kernel/core/list.h"),
                            FREESTANDING),
    "kernel/services/net": (("kernel/services/net/", "kernel/services/vfs/", "kernel/machine/bare/", "kernel/core/list.h"),
                            FREESTANDING),
    "kernel/services/posix/memory": (("kernel/services/posix/", "kernel/services/vfs/", "kernel/machine/bare/"), FREESTANDING),
    "kernel/services/posix/files": (("kernel/services/posix/", "kernel/services/vfs/", "kernel/machine/bare/", "kernel/core/list.h"),
                                    FREESTANDING),
    "kernel/services/posix/sockets": (("grove/abi/", "kernel/services/posix/", "kernel/services/net/", "kernel/services/vfs/",
                                       "kernel/machine/bare/"), FREESTANDING),
    # "pause.h" is the build's choice of a file for the processor.
    "lib": (("grove/", "lib/", "pause.h"), None),
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


def is_source(path):
    """C, Python, or a program whose first line names Python."""
    if path.endswith((".c", ".h", ".py")):
        return True
    if "." in os.path.basename(path) or not os.access(path, os.X_OK):
        return False
    with open(path, "rb") as file:
        return re.match(rb"#!.*python", file.readline()) is not None


def check_file_sizes(root, problems):
    """A file that is longer has a second subject. Tests, measurements and tools are files like any other."""
    for folder in (*FOLDERS, "tools"):
        for path, folders, files in os.walk(os.path.join(root, folder)):
            folders[:] = [name for name in folders if name != "__pycache__"]
            for where in (os.path.join(path, file) for file in sorted(files)):
                if is_source(where):
                    with open(where, errors="replace") as lines:
                        count = sum(1 for _ in lines)
                    if count > FILE_LINES_MAX:
                        problems.append(f"{os.path.relpath(where, root)}: {count} lines, more than {FILE_LINES_MAX}: "
                                        "look for the second subject in it")


# As clang-format lays it out: a definition begins in column 0 with a word and a bracket, its body ends with "}" there.
FUNCTION = re.compile(r"^(?!typedef\b|struct\b[^(]*\{|union\b[^(]*\{|enum\b[^(]*\{)[A-Za-z_][^;={]*\b(\w+)\(")


def functions(lines):
    """(name, first line, lines) of each function, the heading included."""
    name, first = None, 0
    has_body = False
    for number, line in enumerate(lines, 1):
        if name is None:
            found = FUNCTION.match(line)
            if found and not line.rstrip().endswith(";"):
                name, first, has_body = found.group(1), number, False
        if name is None:
            continue
        has_body = has_body or line.rstrip().endswith("{")
        if line.startswith("}") or (line.rstrip().endswith(";") and not has_body):
            if has_body:
                yield name, first, number - first + 1
            name = None


def check_functions(root, problems):
    for folder in FOLDERS:
        for path, _, files in os.walk(os.path.join(root, folder)):
            for file in sorted(files):
                if not file.endswith((".c", ".h")):
                    continue
                where = os.path.join(path, file)
                with open(where, errors="replace") as lines:
                    for name, first, count in functions(lines):
                        if count > FUNCTION_LINES_MAX:
                            problems.append(f"{os.path.relpath(where, root)}:{first}: {name} has {count} lines, more "
                                            f"than {FUNCTION_LINES_MAX}")


DECLARATION = re.compile(r"^(?!typedef\b|static\b|#|_Static_assert)[A-Za-z_][\w \*]*\b\w+\([^;{]*")


def check_comments(root, problems):
    """A public function has a comment above it or stands in a group of declarations that has one."""
    for folder in ("abi/include", "lib/include"):
        for path in sources(root, folder):
            with open(path) as file:
                lines = file.read().splitlines()
            is_explained = False
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    is_explained = False
                elif line.lstrip().startswith(("/*", "*", "//")):
                    is_explained = True
                elif DECLARATION.match(line) and not is_explained:
                    problems.append(f"{os.path.relpath(path, root)}:{number}: no comment says what this does: {line}")


def main():
    root = sys.argv[1]
    problems = []
    for folder, (allowed, system) in RULES.items():
        check_includes(root, folder, allowed, system, problems)
    check_platforms(root, problems)
    check_size(root, problems)
    check_file_sizes(root, problems)
    check_functions(root, problems)
    check_comments(root, problems)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
