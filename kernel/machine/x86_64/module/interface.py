#!/usr/bin/python3
"""Write the number of the interface that modules see: a digest of exports.h and all that it includes, as the compiler sees it.

    interface.py OUTPUT DEPENDENCIES HEADER COMPILER [FLAGS...]

Whoever changes a structure, a macro that is used, or the list of exports changes the number. DEPENDENCIES is for the build.
"""
import hashlib
import os
import subprocess
import sys

output, dependencies, header, *compiler = sys.argv[1:]
text = subprocess.run([*compiler, "-x", "c", "-E", "-P", "-dD", "-MD", "-MF", dependencies, "-MT", output, header], check=True,
                      stdout=subprocess.PIPE).stdout
# Macros that only say where and when it was built are none of the interface.
lines = [line for line in text.splitlines() if not line.startswith((b"#define __", b"#undef __", b"#define GROVE_RELEASE"))]
number = hashlib.sha256(b"\n".join(lines)).hexdigest()[:16]
with open(output + ".new", "w", encoding="ascii") as file:
    file.write(f"/* The interface of modules: see interface.py. */\n#define MODULE_INTERFACE UINT64_C(0x{number})\n")
os.replace(output + ".new", output)
