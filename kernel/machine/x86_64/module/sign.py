#!/usr/bin/python3
"""Make a module's file: one relocatable object of all that a library holds, signed.

    sign.py SECRET LIBRARY OUTPUT LINKER COPIER

The file is described in docs/formats.md.
"""
import ctypes
import ctypes.util
import struct
import subprocess
import sys

secret, library, output, linker, copier = sys.argv[1:]
subprocess.run([linker, "-r", "-z", "noexecstack", "--whole-archive", library, "-o", output], check=True)
subprocess.run([copier, "--strip-debug", "--remove-section=.comment", "--remove-section=.note*", output], check=True)
with open(secret, "rb") as file:
    seed = file.read()
with open(output, "rb") as file:
    module = file.read()
sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
public, private, signature = (ctypes.create_string_buffer(size) for size in (32, 64, 64))
if sodium.sodium_init() < 0 or sodium.crypto_sign_seed_keypair(public, private, seed) != 0 or \
        sodium.crypto_sign_detached(signature, None, module, ctypes.c_ulonglong(len(module)), private) != 0:
    sys.exit("sign.py: libsodium does not work")
with open(output, "wb") as file:
    file.write(module + signature.raw + struct.pack("<8sII", b"grovemod", 1, 0))
