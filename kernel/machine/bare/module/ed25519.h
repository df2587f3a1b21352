/*
 * Whether a signature is good: Ed25519 (RFC 8032, section 5.1.7), verification only. All that it works on is public, so how long
 * it takes may tell. Why it is here and not a library's: docs/decisions/0013-module-signatures.md.
 */
#ifndef GROVE_BARE_ED25519_H
#define GROVE_BARE_ED25519_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ED25519_KEY_BYTES 32u
#define ED25519_SIGNATURE_BYTES 64u

/*
 * False also: the key or the signature is none at all. As strict as the RFC allows: numbers that are not the smallest of their
 * kind are refused, and the equation is that without the cofactor.
 */
bool ed25519_verify(const uint8_t key[ED25519_KEY_BYTES], const void *message, size_t size_bytes,
                    const uint8_t signature[ED25519_SIGNATURE_BYTES]);

#endif
