/*
 * The audit log: each grant, derivation, refusal, revocation and step of life, written to the machine's durable log and
 * kept in a ring for AUDIT_READ. Record n stands at n mod capacity.
 */
#ifndef GROVE_CORE_AUDIT_H
#define GROVE_CORE_AUDIT_H

#include "grove/abi/audit.h"
#include "kernel/core/text/text.h"

struct core;
struct container;
struct request;

struct audit_log {
    struct grove_audit_record *records;
    uint32_t capacity;
    uint64_t first, next; /* sequence numbers kept: first <= n < next */
};

struct audit_event {
    enum grove_audit_event event;
    const struct container *who; /* NULL: the kernel */
    text_id object; /* name of what was acted on; 0: none */
    uint16_t operation;
    int32_t detail;
    uint32_t generation;
    uint32_t cause;
    const struct grove_capability *capability; /* NULL: none */
    const struct grove_notice_budget *budget; /* NULL: none */
};

void audit_init(struct audit_log *log, struct grove_audit_record *records, uint32_t capacity, uint64_t next);
void audit_write(struct core *core, const struct audit_event *event);
/* An event of a container's own life. */
void audit_life(struct core *core, const struct container *container, enum grove_audit_event event, uint32_t cause,
                int32_t detail);
/* What a request did or was refused. `capability` may be NULL. */
void audit_request(const struct request *request, enum grove_audit_event event, text_id object, int32_t detail,
                   const struct grove_capability *capability);
uint64_t audit_check(const struct grove_audit_record *record);

#endif
