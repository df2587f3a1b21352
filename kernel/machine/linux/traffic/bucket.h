/*
 * How much may pass now: a bucket that fills with `rate` bytes a second and holds a tenth of a second's, at least
 * BUCKET_LEAST_BYTES. In any time t at most rate * t and one bucket pass. Not shared between threads.
 */
#ifndef GROVE_LINUX_TRAFFIC_BUCKET_H
#define GROVE_LINUX_TRAFFIC_BUCKET_H

#include <stdint.h>

#define BUCKET_LEAST_BYTES UINT64_C(4096)

struct bucket {
    uint64_t bytes, filled_ns;
};

uint64_t bucket_size(uint64_t rate);
/* What may pass at `now_ns`, up to `wanted`; it is taken. */
uint64_t bucket_take(struct bucket *bucket, uint64_t rate, uint64_t now_ns, uint64_t wanted);
/* What was taken and did not pass. */
void bucket_give(struct bucket *bucket, uint64_t rate, uint64_t bytes);
/* From now until a quarter of it is full: the time for which it is not worth looking. 0 if it is. */
uint64_t bucket_wait_ns(struct bucket *bucket, uint64_t rate, uint64_t now_ns);

#endif
