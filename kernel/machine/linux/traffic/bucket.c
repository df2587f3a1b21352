/* How much may pass now, see bucket.h. */
#include "kernel/machine/linux/traffic/bucket.h"

uint64_t bucket_size(uint64_t rate) {
    return rate / 10 > BUCKET_LEAST_BYTES ? rate / 10 : BUCKET_LEAST_BYTES;
}

/* Whole bytes only; the time of what is no byte yet stays. */
static void fill(struct bucket *bucket, uint64_t rate, uint64_t now_ns) {
    uint64_t size = bucket_size(rate), span_ns = now_ns > bucket->filled_ns ? now_ns - bucket->filled_ns : 0;
    double more = (double)span_ns * (double)rate / 1e9;
    if (more >= (double)size || bucket->bytes + (uint64_t)more >= size) {
        bucket->bytes = size;
        bucket->filled_ns = now_ns;
    } else if (more >= 1) {
        bucket->bytes += (uint64_t)more;
        bucket->filled_ns += (uint64_t)((double)(uint64_t)more * 1e9 / (double)rate);
    }
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
    return wait_ns > 1e9 ? UINT64_C(1000000000) : (uint64_t)wait_ns + 1;
}
