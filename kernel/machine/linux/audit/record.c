/* The check of an audit record: FNV-1a, 64 bit, over the record with its check as 0. */
#include "kernel/machine/linux/audit/audit.h"

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

uint64_t audit_file_check(const struct grove_audit_record *record) {
    struct grove_audit_record copy = *record;
    copy.check = 0;
    const unsigned char *bytes = (const unsigned char *)&copy;
    uint64_t hash = FNV_OFFSET;
    for (size_t i = 0; i < sizeof copy; i++)
        hash = (hash ^ bytes[i]) * FNV_PRIME;
    return hash;
}
