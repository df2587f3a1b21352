/*
 * The same operations on a window of a space of ours and of a process of Linux. A child process does them on Linux, one at
 * a time, as they come through a pipe, and answers with what came of each and what every page of the window is then.
 */
#ifndef GROVE_BARE_MEMORY_DIFFERENTIAL_H
#define GROVE_BARE_MEMORY_DIFFERENTIAL_H

#include <stdint.h>

#define DIFFERENTIAL_BASE \
    UINT64_C(0x200000000000) /* where this computer puts nothing by itself, the sanitizers included */
#define DIFFERENTIAL_PAGES 40u
#define DIFFERENTIAL_FILE_PAGES 12u

enum operation_kind {
    MAP, /* pages a, b long, protection x, flags y, file offset c in pages */
    UNMAP, /* a, b */
    PROTECT, /* a, b, protection x */
    REMAP, /* a, b, new length c, flags y, to page d */
    ADVISE, /* a, b, advice x */
    LOCK, /* a, b; x: unlock */
    SYNC, /* a, b, flags x */
    WRITE, /* page a, byte x */
    FORK, /* a child writes byte x to every page that it can; its pages are compared too */
    OPERATION_KINDS
};

/* In y of MAP, beside Linux's flags. */
#define WITH_FILE (UINT64_C(1) << 32)
#define WITH_READ_ONLY_FILE (UINT64_C(1) << 33)

struct operation {
    enum operation_kind kind;
    uint64_t a, b, c, d, x, y;
};

/* Of a page: what can be done with it (enum area_protection), and its first and last byte; or how reading it fails. */
#define PAGE_MISSING 0xffffffffu
#define PAGE_SIGNAL 0xfffffffeu /* SIGBUS */
#define PAGE_STATE(protection, first, last) ((uint32_t)(protection) | (uint32_t)(first) << 8 | (uint32_t)(last) << 16)

struct result {
    int64_t status;
    uint32_t pages[DIFFERENTIAL_PAGES];
    uint32_t child_pages[DIFFERENTIAL_PAGES]; /* of FORK */
};

/* Answers what comes through `from` into `to`, for good. */
_Noreturn void differential_linux(int from, int to);

#endif
