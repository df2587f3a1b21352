/*
 * A call over a channel and its reply, 64 bytes each way: libgrove's own channel code between two processes, on one
 * processor, each of which can write to its own segment only. Where the kernel has Grove's call that hands the processor
 * over (grove/abi/call.h), who has published wakes the other and waits in one step; elsewhere by two futex calls.
 */
#include "rows.h"

#include "grove/abi/call.h"
#include "lib/channel/end.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LANE_BYTES 4096u
#define MESSAGE_BYTES 64u
#define METHOD_ECHO 1u
#define METHOD_END 2u
#define NS_PER_SECOND UINT64_C(1000000000)
#define DEADLINE_NS (600 * NS_PER_SECOND)

enum { CLIENT, SERVER, SIDES };

struct side {
    struct channel_end *end;
    int has_hand_over;
    uint64_t deadline_ns;
    int must_wake; /* the peer sleeps, and what was published has not woken it yet */
};

static struct grove_channel_layout layout_of_channel(void) {
    struct grove_channel_layout layout = {.lane_bytes = {LANE_BYTES, LANE_BYTES, LANE_BYTES}};
    uint64_t offset = (uint64_t)GROVE_SEGMENT_PAGE * (1u + GROVE_LANES);
    for (unsigned lane = 0; lane < GROVE_LANES; lane++, offset += LANE_BYTES)
        layout.lane_offset_bytes[lane] = offset;
    layout.arena_offset_bytes = layout.total_bytes = offset;
    return layout;
}

/* ---- waking and waiting ---- */

static void wake(const struct side *side) {
    (void)syscall(SYS_futex, channel_end_own_signal(side->end), FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void wait_for_word(const struct side *side, uint32_t seen) {
    const struct timespec until = {.tv_sec = (time_t)(side->deadline_ns / NS_PER_SECOND)};
    (void)syscall(SYS_futex, channel_end_peer_signal(side->end), FUTEX_WAIT_BITSET, seen, &until, NULL,
                  FUTEX_BITSET_MATCH_ANY);
}

/* Wait until the peer has published; wake it first if it sleeps. */
static void wait_for_peer(struct side *side, unsigned flags) {
    uint32_t seen = 0;
    int may_sleep = channel_end_prepare_sleep(side->end, GROVE_WAITING_FUTEX, CHANNEL_FOR_RECORDS, &seen);
    if (may_sleep && side->must_wake && side->has_hand_over) {
        (void)syscall(GROVE_CALL_HAND_OVER, channel_end_own_signal(side->end), channel_end_peer_signal(side->end), seen,
                      side->deadline_ns, flags);
    } else {
        if (side->must_wake)
            wake(side);
        if (may_sleep)
            wait_for_word(side, seen);
    }
    side->must_wake = 0;
    channel_end_awake(side->end);
}

/* The peer is woken at the next wait, which is what comes next. */
static void publish(struct side *side) {
    enum grove_waiting waiting = GROVE_AWAKE;
    if (channel_end_publish(side->end, GROVE_LANE_MEDIUM, &waiting)) {
        channel_end_signal(side->end);
        side->must_wake = 1;
    }
}

static int send(struct side *side, uint8_t kind, uint32_t method, uint64_t number, const void *payload) {
    struct grove_record *record;
    int status = channel_end_reserve(side->end, GROVE_LANE_MEDIUM, MESSAGE_BYTES, &record);
    if (status < 0)
        return status;
    record->number = number;
    record->deadline_ns = side->deadline_ns;
    record->method = method;
    record->kind = kind;
    record->flags = 0;
    record->slices = 0;
    memcpy(record + 1, payload, MESSAGE_BYTES);
    publish(side);
    return 0;
}

static int receive(struct side *side, struct channel_taken *taken, unsigned flags) {
    int status = GROVE_AGAIN;
    while (status == GROVE_AGAIN) {
        if (!channel_end_has_record(side->end, GROVE_LANE_MEDIUM))
            wait_for_peer(side, flags);
        status = channel_end_take(side->end, GROVE_LANE_MEDIUM, taken);
    }
    return status;
}

/* ---- the two ends ---- */

static int attach(struct side *side, enum grove_channel_role role, const struct grove_channel_layout *layout, void *own,
                  const void *peer) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *side = (struct side){.end = malloc(channel_end_bytes()),
                          .has_hand_over = getauxval(GROVE_AUX_CALLS) > GROVE_CALL_HAND_OVER - GROVE_CALL_FIRST,
                          .deadline_ns = (uint64_t)now.tv_sec * NS_PER_SECOND + DEADLINE_NS};
    if (side->end == NULL || channel_end_init(side->end, role, layout, own, false) < 0)
        return -ENOMEM;
    return channel_end_attach_peer(side->end, peer) < 0 ? -EIO : 0;
}

static void detach(struct side *side) {
    if (side->end != NULL)
        channel_end_deinit(side->end);
    free(side->end);
}

static _Noreturn void serve(struct side *side) {
    struct channel_taken taken;
    enum grove_waiting waiting;
    while (receive(side, &taken, 0) == 0 && taken.header.method != METHOD_END) {
        if (send(side, GROVE_RECORD_REPLY, 0, taken.header.number, taken.payload) < 0)
            _exit(1);
        (void)channel_end_complete(side->end, &taken, &waiting);
    }
    _exit(0);
}

static int call(struct side *side, uint32_t method, const uint8_t *question, uint8_t *reply) {
    struct channel_taken taken;
    enum grove_waiting waiting;
    uint64_t number = channel_end_next_number(side->end);
    if (send(side, GROVE_RECORD_CALL, method, number, question) < 0)
        return -EIO;
    if (method == METHOD_END) {
        wake(side);
        return 0;
    }
    if (receive(side, &taken, GROVE_HAND_OVER_LENDS) < 0 || taken.header.number != number ||
        taken.header.length_bytes != MESSAGE_BYTES)
        return -EIO;
    memcpy(reply, taken.payload, MESSAGE_BYTES);
    (void)channel_end_complete(side->end, &taken, &waiting);
    return 0;
}

static int call_many(struct side *side, uint32_t count, uint64_t *cycles) {
    uint8_t question[MESSAGE_BYTES], reply[MESSAGE_BYTES];
    memset(question, 'q', sizeof(question));
    int status = call(side, METHOD_ECHO, question, reply); /* the server has begun, and touched what it uses */
    uint64_t begin = cycles_now();
    for (uint32_t i = 0; i < count && status == 0; i++)
        status = call(side, METHOD_ECHO, question, reply);
    *cycles = cycles_now() - begin;
    if (status == 0)
        status = memcmp(question, reply, sizeof(reply)) == 0 ? call(side, METHOD_END, question, reply) : -EIO;
    return status;
}

/* ---- memory: each end's segment, writable for its owner only ---- */

struct segment {
    void *writable;
    const void *readable;
};

static int map_segment(struct segment *segment, uint64_t size_bytes) {
    int file = memfd_create("segment", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, (off_t)size_bytes) < 0)
        return -errno;
    segment->writable = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    segment->readable = mmap(NULL, size_bytes, PROT_READ, MAP_SHARED, file, 0);
    (void)close(file);
    return segment->writable == MAP_FAILED || segment->readable == MAP_FAILED ? -ENOMEM : 0;
}

int row_channel(uint32_t count, uint64_t *cycles) {
    const struct grove_channel_layout layout = layout_of_channel();
    struct segment segments[SIDES];
    struct side side = {0};
    int status = map_segment(&segments[CLIENT], layout.total_bytes);
    if (status == 0)
        status = map_segment(&segments[SERVER], layout.total_bytes);
    if (status < 0)
        return status;
    pid_t child = fork();
    if (child == 0) {
        if (attach(&side, GROVE_ROLE_SERVER, &layout, segments[SERVER].writable, segments[CLIENT].readable) < 0)
            _exit(1);
        serve(&side);
    }
    status = child < 0
                 ? -errno
                 : attach(&side, GROVE_ROLE_CLIENT, &layout, segments[CLIENT].writable, segments[SERVER].readable);
    if (status == 0)
        status = call_many(&side, count, cycles);
    int ended = 0;
    if (child > 0 && (waitpid(child, &ended, 0) < 0 || ended != 0))
        status = -EIO;
    detach(&side);
    for (unsigned i = 0; i < SIDES; i++) {
        (void)munmap(segments[i].writable, layout.total_bytes);
        (void)munmap((void *)(uintptr_t)segments[i].readable, layout.total_bytes);
    }
    return status;
}
