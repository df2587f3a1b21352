/*
 * The rest of the machine's part: clocks, randomness, what the machine says of itself, and the audit records.
 *
 * The core keeps the records that are read; there is no disk of the kernel's own to write them to, so each that falls out of
 * its memory is lost for good, and counted. The last few are kept here as well, where a panic finds them without a lock.
 */
#include "kernel/services/containers/inside.h"

#include <string.h>

#define LAST_RECORDS 16u
#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

uint64_t machine_clock_ns(void) {
    return containers_machine()->clock_ns(containers_machine()->context);
}

uint64_t machine_wall_clock_ns(void) {
    int64_t now_ns = containers_machine()->now_ns(containers_machine()->context);
    return now_ns > 0 ? (uint64_t)now_ns : 0;
}

void machine_random(void *buffer, size_t size_bytes) {
    containers_machine()->fill_random(containers_machine()->context, buffer, size_bytes);
}

/* ---- audit ---- */

static struct grove_audit_record last[LAST_RECORDS];
static uint64_t
    written; /* atomic; stored after the record, and whoever reads without a lock checks the record as well */

void machine_audit_write(const struct grove_audit_record *record) {
    last[written % LAST_RECORDS] = *record;
    __atomic_store_n(&written, written + 1, __ATOMIC_RELEASE);
}

/* FNV-1a, 64 bit, over the record with its check as 0, as the core makes it. */
static bool is_whole(const struct grove_audit_record *record) {
    struct grove_audit_record copy = *record;
    copy.check = 0;
    const uint8_t *bytes = (const uint8_t *)&copy;
    uint64_t hash = FNV_OFFSET;
    for (size_t i = 0; i < sizeof(copy); i++)
        hash = (hash ^ bytes[i]) * FNV_PRIME;
    return hash == record->check;
}

uint32_t containers_last_audit(struct grove_audit_record *records, uint32_t count) {
    uint64_t end = __atomic_load_n(&written, __ATOMIC_ACQUIRE);
    uint64_t kept = end < LAST_RECORDS ? end : LAST_RECORDS;
    uint64_t at = end - (kept < count ? kept : count);
    uint32_t found = 0;
    for (; at < end; at++) {
        records[found] = last[at % LAST_RECORDS];
        found += is_whole(&records[found]) ? 1 : 0;
    }
    return found;
}

/* ---- what the machine says of itself ---- */

#define LAYER(name) (UINT64_C(1) << GROVE_LAYER_##name)

/* Held by construction: there is no way to run a program without them. */
#define ENFORCED \
    (LAYER(CGROUP) | LAYER(MOUNT_NAMESPACE) | LAYER(PID_NAMESPACE) | LAYER(IPC_NAMESPACE) | LAYER(UTS_NAMESPACE) | \
     LAYER(CGROUP_NAMESPACE) | LAYER(FILE_VIEW) | LAYER(NO_NEW_PRIVILEGES) | LAYER(LINUX_CAPABILITIES) | \
     LAYER(USER_ID) | LAYER(RESOURCE_LIMITS) | LAYER(SCHEDULE) | LAYER(STREAMS) | LAYER(EXECUTE))

void machine_describe(struct grove_kernel_record *record) {
    uint64_t count = __atomic_load_n(&written, __ATOMIC_RELAXED);
    record->machine = containers.machine;
    record->layers_enforced = ENFORCED | (containers.processes != NULL ? LAYER(PROC) : 0) |
                              (containers.sockets != NULL ? LAYER(NETWORK_NAMESPACE) : 0); /* by the gate: network.h */
    record->audit_lost = count;
}
