#!/usr/bin/python3
"""Make the key with which this build signs its modules, and the kernel's copy of its public half, as C.

    key.py SECRET OUTPUT

The secret is 32 random bytes, readable by the owner only, and stays in the build folder: whoever has it can make modules
that this kernel takes. libsodium makes the public half.
"""
import ctypes
import ctypes.util
import os
import sys

secret, output = sys.argv[1:]
seed = os.urandom(32)
sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
public, private = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
if sodium.sodium_init() < 0 or sodium.crypto_sign_seed_keypair(public, private, seed) != 0:
    sys.exit("key.py: libsodium does not work")
with open(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
    file.write(seed)
with open(output, "w", encoding="ascii") as file:
    file.write("#include <stdint.h>\n\nextern const uint8_t module_key[32];\nconst uint8_t module_key[32] = {" +
               ", ".join(str(byte) for byte in public.raw) + "};\n")
