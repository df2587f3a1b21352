/*
 * Messages of `grove call`: from words to bytes and back, by a signature.
 *
 * A signature is what a manifest says of a method, "feeder:u32 value:f64 name:text": fields with u8 u16 u32 u64 i8 i16 i32
 * i64 f32 f64 bool, and at the end at most one text or bytes. The message is these, little-endian, without padding; text and
 * bytes take what is left. Pure; signatures and replies are hostile input.
 */
#ifndef GROVE_CALL_ARGUMENTS_H
#define GROVE_CALL_ARGUMENTS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define CALL_BYTES_MAX 65536u
#define CALL_PROBLEM_BYTES 320u

/*
 * Encode `count` words, each "value" in the order of the signature or "name=value". `problem` says what is wrong and what
 * would be right. GROVE_INVALID, GROVE_TOO_LARGE.
 */
int call_encode(const char *signature, const char *const *words, unsigned count, void *message, size_t message_bytes,
                size_t *used_bytes, char *problem, size_t problem_bytes);
/* Decode a reply to an object with the signature's names; *object is a new reference. GROVE_INVALID. */
int call_decode(const char *signature, const void *message, size_t message_bytes, json_t **object, char *problem,
                size_t problem_bytes);
/* "00 ff" or "00ff" to bytes. GROVE_INVALID, GROVE_TOO_LARGE. */
int call_from_hex(const char *text, void *message, size_t message_bytes, size_t *used_bytes);
/* Two digits a byte; malloc'ed. */
char *call_to_hex(const void *message, size_t message_bytes);

#endif
