/* How much may pass now, see bucket.h. */
#include "kernel/machine/linux/traffic/bucket.h"

#define SECOND_NS UINT64_C(1000000000)

uint64_t bucket_size(uint64_t rate) {
    return rate / 10 > BUCKET_LEAST_BYTES ? rate / 10 : BUCKET_LEAST_BYTES;
}

/* Whole bytes only; the time of what is no byte yet stays. */
static void fill(struct bucket *bucket, uint64_t rate, uint64_t now_ns) {
    uint64_t size = bucket_size(rate), span_ns = now_ns > bucket->filled_ns ? now_ns - bucket->filled_ns : 0;
    if (bucket->bytes >= size || span_ns >= SECOND_NS) {
        bucket->bytes = size;
        bucket->filled_ns = now_ns;
        return;
    }
    uint64_t more = (uint64_t)((double)span_ns * (double)rate / (double)SECOND_NS);
    if (more == 0)
        return;
    bucket->bytes = bucket->bytes + more < size ? bucket->bytes + more : size;
    bucket->filled_ns =
        bucket->bytes == size ? now_ns : bucket->filled_ns + (uint64_t)((double)more * 1e9 / (double)rate);
}

uint64_t bucket_take(struct bucket *bucket, uint64_t rate, uint64_t now_ns, uint64_t wanted) {
    fill(bucket, rate, now_ns);
    uint64_t taken = wanted < bucket->bytes ? wanted : bucket->bytes;
    bucket->bytes -= taken;
    return taken;
}

void bucket_give(struct bucket *bucket, uint64_t rate, uint64_t bytes) {
    uint64_t size = bucket_size(rate);
    bucket->bytes = bytes < size - (bucket->bytes < size ? bucket->bytes : size) ? bucket->bytes + bytes : size;
}

uint64_t bucket_wait_ns(struct bucket *bucket, uint64_t rate, uint64_t now_ns) {
    uint64_t mark = bucket_size(rate) / 4;
    fill(bucket, rate, now_ns);
    if (bucket->bytes >= mark)
        return 0;
    double wait_ns = (double)(mark - bucket->bytes) * 1e9 / (double)(rate > 0 ? rate : 1);
    return wait_ns > 1e9 ? SECOND_NS : (uint64_t)wait_ns + 1;
}
