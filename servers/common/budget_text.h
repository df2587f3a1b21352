/*
 * What a limit did, in words.
 */
#ifndef SERVERS_BUDGET_TEXT_H
#define SERVERS_BUDGET_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * "uses 58 MiB of the 64 MiB of memory that it may have", "was refused more channels: it may have 256"; cut to fit. A limit of
 * 0 is not known. Returns `text`.
 */
const char *budget_text(uint32_t resource, uint64_t used, uint64_t limit, bool is_refused, char *text,
                        size_t text_bytes);

#endif
