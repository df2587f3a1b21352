/*
 * The same through lib/channel: records with headers, lanes, reply marks, completion, and waking only who sleeps.
 */
#include "bench/ring/bench.h"

#include "grove/abi/port.h"
#include "lib/channel/end.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_BYTES 64u
#define LOAN_BYTES (1u << 20)

static struct grove_channel_layout layout;
static uint8_t *segment[2];
static struct channel_end *end[2];
static uint64_t seen;

static void must(bool is_good, const char *what) {
    if (!is_good) {
        fprintf(stderr, "ring-bench: %s\n", what);
        exit(1);
    }
}

static void make_layout(void) {
    static const uint64_t lane_bytes[GROVE_LANES] = GROVE_LANE_BYTES_DEFAULT;
    uint64_t offset = (uint64_t)(size_t)GROVE_SEGMENT_PAGE * (1u + GROVE_LANES);
    for (unsigned lane = 0; lane < GROVE_LANES; lane++) {
        layout.lane_offset_bytes[lane] = offset;
        layout.lane_bytes[lane] = lane_bytes[lane];
        offset += lane_bytes[lane];
    }
    layout.arena_offset_bytes = offset;
    layout.arena_bytes = GROVE_ARENA_BYTES_DEFAULT;
    layout.total_bytes = offset + layout.arena_bytes;
}

static void prepare(void) {
    if (segment[0] == NULL)
        make_layout();
    for (int side = 0; side < 2; side++) {
        if (segment[side] == NULL) {
            segment[side] = bench_shared(layout.total_bytes);
            end[side] = aligned_alloc(64, (channel_end_bytes() + 63u) / 64u * 64u);
            must(end[side] != NULL, "no memory");
        } else {
            channel_end_deinit(end[side]);
        }
        memset(segment[side], 0, (size_t)GROVE_SEGMENT_PAGE * (1u + GROVE_LANES));
        must(channel_end_init(end[side], (enum grove_channel_role)side, &layout, segment[side], false) == 0, "init");
    }
    for (int side = 0; side < 2; side++)
        must(channel_end_attach_peer(end[side], segment[!side]) == 0, "attach");
}

static void wake(struct channel_end *self) {
    channel_end_signal(self);
    bench_futex_wake(channel_end_own_signal(self));
}

/* How to wait for the other side. */
enum wait { WAIT_ASLEEP, WAIT_SPINNING, WAIT_BACKING_OFF };

static void wait_for_record(struct channel_end *self, enum wait how, struct bench_back_off *back_off) {
    uint32_t signal;
    if (how == WAIT_BACKING_OFF) {
        bench_back_off(back_off);
    } else if (how == WAIT_SPINNING) {
        bench_pause();
    } else if (channel_end_prepare_sleep(self, GROVE_WAITING_FUTEX, CHANNEL_FOR_RECORDS, &signal)) {
        bench_futex_wait((uint32_t *)(uintptr_t)channel_end_peer_signal(self), signal);
        channel_end_awake(self);
    }
}

/* Take the next record of a lane. */
static void take(struct channel_end *self, enum grove_lane lane, enum wait how, struct channel_taken *taken) {
    struct bench_back_off back_off = {0};
    for (;;) {
        int status = channel_end_take(self, lane, taken);
        if (status == 0)
            return;
        must(status == GROVE_AGAIN, "take");
        wait_for_record(self, how, &back_off);
    }
}

static void complete(struct channel_end *self, const struct channel_taken *taken) {
    enum grove_waiting waiting;
    if (channel_end_complete(self, taken, &waiting))
        wake(self);
}

static void send(struct channel_end *self, enum grove_lane lane, uint8_t kind, uint64_t number, const void *data) {
    struct bench_back_off back_off = {0};
    struct grove_record *record;
    while (channel_end_reserve(self, lane, MESSAGE_BYTES, &record) == GROVE_AGAIN)
        bench_back_off(&back_off);
    record->number = number;
    record->deadline_ns = 0;
    record->method = 1;
    record->kind = kind;
    record->flags = 0;
    record->slices = 0;
    memcpy(record + 1, data, MESSAGE_BYTES);
    enum grove_waiting waiting;
    if (channel_end_publish(self, lane, &waiting))
        wake(self);
}

static void one_way(int side, unsigned operations) {
    uint64_t message[MESSAGE_BYTES / 8u] = {0}, sum = 0, pending = 1;
    struct channel_end *self = end[side];
    for (uint64_t i = 0; i < operations; i++) {
        if (side == 0) {
            message[0] = i;
            send(self, GROVE_LANE_LOW, GROVE_RECORD_MESSAGE, i, message);
            continue;
        }
        struct channel_taken taken;
        take(self, GROVE_LANE_LOW, WAIT_BACKING_OFF, &taken);
        memcpy(message, taken.payload, sizeof message);
        sum += message[0] + message[7];
        complete(self, &taken);
    }
    while (side == 0 && channel_end_pending(self, GROVE_LANE_LOW, &pending) == 0 && pending != 0)
        bench_pause();
    seen += sum;
}

static void call(unsigned operations, enum wait how) {
    uint64_t bytes[MESSAGE_BYTES / 8u] = {0};
    for (unsigned i = 0; i < operations; i++) {
        struct channel_taken reply;
        uint64_t number = channel_end_next_number(end[0]);
        send(end[0], GROVE_LANE_MEDIUM, GROVE_RECORD_CALL, number, bytes);
        take(end[0], GROVE_LANE_MEDIUM, how, &reply);
        must(reply.header.number == number, "a reply to somebody else");
        memcpy(bytes, reply.payload, sizeof bytes);
        complete(end[0], &reply);
    }
    seen += bytes[0];
}

static void answer(unsigned operations, enum wait how) {
    uint64_t bytes[MESSAGE_BYTES / 8u];
    for (unsigned i = 0; i < operations; i++) {
        struct channel_taken request;
        take(end[1], GROVE_LANE_MEDIUM, how, &request);
        memcpy(bytes, request.payload, sizeof bytes);
        send(end[1], GROVE_LANE_MEDIUM, GROVE_RECORD_REPLY, request.header.number, bytes);
        complete(end[1], &request);
    }
}

static void round_trip_asleep(int side, unsigned operations) {
    if (side == 0)
        call(operations, WAIT_ASLEEP);
    else
        answer(operations, WAIT_ASLEEP);
}

static void round_trip_spinning(int side, unsigned operations) {
    if (side == 0)
        call(operations, WAIT_SPINNING);
    else
        answer(operations, WAIT_SPINNING);
}

/* A call that carries a MiB by loan, handed back by the reply. The bytes stay where they are: the point of a loan. */
static void call_with_loan(struct channel_end *self, uint64_t number) {
    void *data;
    uint64_t offset;
    struct grove_record *record;
    while (channel_end_loan(self, LOAN_BYTES, &data, &offset) == GROVE_AGAIN)
        bench_pause();
    *(uint64_t *)data = number;
    must(channel_end_reserve(self, GROVE_LANE_MEDIUM, sizeof(struct grove_slice), &record) == 0, "reserve");
    record->number = number;
    record->deadline_ns = 0;
    record->kind = GROVE_RECORD_CALL;
    record->flags = GROVE_RECORD_SLICES;
    record->slices = 1;
    *(struct grove_slice *)(void *)(record + 1) = (struct grove_slice){offset, LOAN_BYTES, GROVE_SLICE_SENDER, 0};
    enum grove_waiting waiting;
    if (channel_end_publish(self, GROVE_LANE_MEDIUM, &waiting))
        wake(self);
}

static void answer_with_loan(struct channel_end *self) {
    struct channel_taken request;
    const void *data;
    size_t length;
    uint64_t bytes[MESSAGE_BYTES / 8u] = {0};
    take(self, GROVE_LANE_MEDIUM, WAIT_SPINNING, &request);
    must(channel_end_slice(self, &request, 0, &data, &length) == 0 && length == LOAN_BYTES, "slice");
    bytes[0] = *(const uint64_t *)data;
    send(self, GROVE_LANE_MEDIUM, GROVE_RECORD_REPLY, request.header.number, bytes);
    complete(self, &request);
}

static void round_trip_loan(int side, unsigned operations) {
    for (unsigned i = 0; i < operations; i++) {
        if (side == 1) {
            answer_with_loan(end[1]);
            continue;
        }
        struct channel_taken reply;
        call_with_loan(end[0], channel_end_next_number(end[0]));
        take(end[0], GROVE_LANE_MEDIUM, WAIT_SPINNING, &reply);
        complete(end[0], &reply);
    }
}

const struct contest grove_contests[] = {
    {"one_way_per_s", "grove", true, 100000, prepare, one_way},
    {"round_trip_same_ns", "grove", false, 2000, prepare, round_trip_asleep},
    {"round_trip_across_ns", "grove", true, 5000, prepare, round_trip_spinning},
    {"round_trip_1m_ns", "grove", true, 5000, prepare, round_trip_loan},
};
const unsigned grove_contest_count = sizeof grove_contests / sizeof grove_contests[0];
