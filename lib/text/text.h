/*
 * Capabilities and quantities as people write them. User space only: the kernel sees binary forms (law 2).
 *
 * No allocation, no state, no dependency but the C library; every function is bounded by the length of its text.
 * A failing function leaves its out-parameters untouched. Where there is `error`, it gets a sentence that says what is
 * wrong and what would be right, at most error_bytes with its terminator; it may be NULL when error_bytes is 0.
 */
#ifndef GROVE_TEXT_TEXT_H
#define GROVE_TEXT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grove/abi/capability.h"
#include "grove/abi/status.h"

/* Longest written form of any capability with its terminator. */
#define TEXT_CAPABILITY_MAX (GROVE_ARGUMENT_TEXT_MAX + 32u)

/* "FS_READ:/data"; rights USE, DERIVE, GRANT. GROVE_INVALID. */
int text_capability_parse(const char *text, struct grove_capability *capability, char *error, size_t error_bytes);
/* The written form; returns its full length like snprintf. What has no written form is given as KIND:?. */
size_t text_capability_format(const struct grove_capability *capability, char *text, size_t size_bytes);
/* "FS_READ" and back; 0 and NULL for what is none. */
uint16_t text_kind_parse(const char *text, size_t length_bytes);
const char *text_kind_name(uint16_t kind);

/*
 * "host:port", with host an IPv4 address, an IPv6 address in brackets, either with /PREFIX, or "*"; port a number, a
 * range FIRST-LAST or "*"; and /tcp or /udp behind it. Host names are no addresses. GROVE_INVALID.
 */
int text_address_parse(const char *text, struct grove_address *address, char *error, size_t error_bytes);
size_t text_address_format(const struct grove_address *address, char *text, size_t size_bytes);
/*
 * The host of "host:port" when it is a host name, for whoever can look it up: its length, and where the rest begins
 * (":port..."). False if it is an address, a "*", or no text of that form.
 */
bool text_address_host_name(const char *text, size_t *host_bytes, const char **rest);

/* Powers of 1024: "4096", "512K", "64M", "2G", "1T". GROVE_INVALID. */
int text_size_parse(const char *text, uint64_t *bytes);
size_t text_size_format(uint64_t bytes, char *text, size_t size_bytes);
/* "50%", "12.5%", "200%": parts per million of one processor. GROVE_INVALID. */
int text_share_parse(const char *text, uint64_t *ppm);
size_t text_share_format(uint64_t ppm, char *text, size_t size_bytes);
/* A whole decimal number up to UINT64_MAX, nothing around it. GROVE_INVALID. */
int text_number_parse(const char *text, uint64_t *number);

/*
 * "250ms", "5s", "1.5h": ns, us, ms, s, m or min, h, d; a bare number is seconds. Up to INT64_MAX nanoseconds.
 * GROVE_INVALID.
 */
int text_duration_parse(const char *text, uint64_t *duration_ns);
/* In the largest unit in which it is a whole number. */
size_t text_duration_format(uint64_t duration_ns, char *text, size_t size_bytes);

/* The nearest of `names` (ends with NULL) to a misspelt one, case aside; NULL if none is near. */
const char *text_nearest(const char *text, const char *const *names);

#endif
