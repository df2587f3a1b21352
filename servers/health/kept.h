/*
 * What outlives this process: the state region, laid out from fixed structures.
 *
 * One slot for each check with a ring of its latest results, the active alerts, and the silences. Written by one thread in
 * plain stores: a death in the middle of one leaves fields that are each old or new, and every combination is harmless (a
 * result twice or not at all in a history, an alert told again). A region of another version is started over.
 */
#ifndef SERVERS_HEALTH_KEPT_H
#define SERVERS_HEALTH_KEPT_H

#include "grove/grove.h"
#include "grove/health.h"
#include "servers/health/breaker.h"

#define KEPT_MAGIC UINT64_C(0x3148544c48475247) /* "GRGHLTH1" */
#define KEPT_CHECKS_MAX 1024u
#define KEPT_SAMPLES 64u
#define KEPT_ALERTS_MAX 256u
#define KEPT_SILENCES_MAX 32u
#define KEPT_WHAT_BYTES 48u

struct kept_sample {
    uint32_t time_ms; /* monotonic, modulo 2^32: 49 days */
    uint32_t latency_us;
    uint32_t memory_kib;
    uint16_t generation; /* its low bits: samples of one instance belong together */
    uint16_t result; /* enum grove_health_cause */
};
struct kept_check {
    struct grove_name service; /* empty: free */
    char name[GROVE_HEALTH_CHECK_NAME_BYTES];
    grove_object_id container; /* of another: started over */
    uint32_t generation, failures_in_row;
    uint32_t was_used; /* behind the first slot that never was, there is none in use */
    uint32_t extension_generation; /* the instance that registered it; 0: it stands in the manifest */
    uint64_t tries, failures;
    uint64_t last_ns;
    uint64_t samples_ever; /* samples[n % KEPT_SAMPLES] is sample n */
    struct breaker breaker;
    struct grove_health_plan plan; /* of one that was registered */
    struct kept_sample samples[KEPT_SAMPLES];
};
struct kept_alert {
    struct grove_name service; /* empty: free */
    char what[KEPT_WHAT_BYTES];
    uint32_t severity, cause, times, told_severity;
    uint64_t since_ns, last_ns, told_ns; /* told_ns 0: not told, as it is silenced */
    char text[GROVE_HEALTH_SENTENCE_BYTES];
};
struct kept_silence {
    struct grove_name pattern; /* empty: free */
    uint64_t until_ns; /* monotonic */
};
struct kept {
    uint64_t magic;
    struct kept_alert alerts[KEPT_ALERTS_MAX];
    struct kept_silence silences[KEPT_SILENCES_MAX];
    struct kept_check checks[KEPT_CHECKS_MAX];
};

/* The region, or private memory of the same size if there is none (said on standard error). NULL without memory. */
struct kept *kept_open(struct grove_session *session);
/* The slot of a check: the one it had, or a free one. NULL: all are taken. */
struct kept_check *kept_check_find(struct kept *kept, const char *service, const char *name);
void kept_check_release(struct kept_check *check);
void kept_check_add(struct kept_check *check, const struct kept_sample *sample);
/* How many there are, and the n-th of them, the oldest first. */
unsigned kept_check_samples(const struct kept_check *check);
const struct kept_sample *kept_check_sample(const struct kept_check *check, unsigned index);

#endif
