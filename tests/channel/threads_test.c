/*
 * Two ends on two threads, at full speed, killed again and again at random stores and handed over; built with the
 * thread sanitizer by `make test`.
 *
 * Each thread is one side. A killed side leaves its step by longjmp, marks its segment closed, copies it and goes on as
 * its own successor; the other side finds the new segment through `shown`, which plays the kernel's notice. Both sleep
 * when they have nothing to do, for ever but for a deadline that means a lost wake-up.
 *
 * What is checked: in each lane the sequence numbers of what is handled only grow unless marked as redelivered; all that
 * was accepted was handled; every accepted call was answered; blocks hold what was written. And the sanitizer checks
 * that every byte the sides share is ordered by the positions.
 */
#include "tests/channel/victim.h"
#include "tests/channel/world.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES 12000u
#define KILLS_MAX 150u
#define STORES_BETWEEN_KILLS 700u
#define DEADLINE_SECONDS 60

struct side {
    int index;
    struct channel_end *end;
    uint8_t *segment;
    uint8_t *segments[KILLS_MAX + 2u]; /* all of them; the peer may read any */
    const uint8_t *attached;
    unsigned instances;
    uint64_t seed;
    unsigned long stores_left;
    jmp_buf killed;
    bool is_mortal;
};

/* What each side's outside world has seen; used by one thread only, until both have ended. */
static struct {
    uint64_t next[GROVE_LANES];
    bool is_accepted[GROVE_LANES][MESSAGES + KILLS_MAX + 1u];
    bool is_call[GROVE_LANES][MESSAGES + KILLS_MAX + 1u];
    bool is_applied[GROVE_LANES][MESSAGES + KILLS_MAX + 1u];
    uint64_t applied_below[GROVE_LANES];
    unsigned long accepted, calls, answered;
} sent;
static struct {
    bool is_handled[GROVE_LANES][MESSAGES + KILLS_MAX + 1u];
    uint64_t below[GROVE_LANES];
    unsigned long redelivered;
} received;

static struct side sides[SIDES];
static uint8_t *shown[SIDES]; /* the newest segment of each side, as the kernel shows it */
static uint32_t notices[SIDES]; /* futex word of each side: counts what the kernel has to tell it */
static bool is_over;
static __thread struct side *self; /* of this thread */

static _Noreturn void fail(const char *sentence) {
    fprintf(stderr, "threads: %s\n", sentence);
    abort();
}

static uint64_t choose(struct side *side, uint64_t count) {
    side->seed = side->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth, MMIX */
    return (side->seed >> 33) % count;
}

void channel_stored(void) {
    if (self != NULL && self->is_mortal && self->stores_left != 0 && --self->stores_left == 0)
        longjmp(self->killed, 1);
}

/* ---- the kernel ---- */

static void sleep_on(const uint32_t *word, uint32_t seen) {
    struct timespec deadline = {.tv_sec = DEADLINE_SECONDS};
    if (syscall(SYS_futex, word, FUTEX_WAIT, seen, &deadline, NULL, 0) != 0 && errno == ETIMEDOUT)
        fail("a wake-up was lost");
}

static void wake(uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static void notify(int index) {
    __atomic_add_fetch(&notices[index], 1u, __ATOMIC_SEQ_CST);
    wake(&notices[index]);
}

static void close_segment(uint8_t *segment) {
    uint32_t *signal = &((struct grove_control *)(void *)segment)->signal;
    __atomic_or_fetch(signal, GROVE_SIGNAL_CLOSED, __ATOMIC_SEQ_CST);
    wake(signal);
}

/* ---- instances ---- */

static void look_for_peer(struct side *side) {
    uint8_t *newest = __atomic_load_n(&shown[!side->index], __ATOMIC_ACQUIRE);
    if (newest == NULL || newest == side->attached)
        return;
    enum grove_waiting waiting;
    if (channel_end_attach_peer(side->end, newest) < 0)
        fail("the peer's next segment is refused");
    side->attached = newest;
    if (channel_end_must_wake(side->end, &waiting)) {
        channel_end_signal(side->end);
        wake(channel_end_own_signal(side->end));
    }
}

static void start(struct side *side) {
    struct grove_channel_layout layout = small_layout();
    uint8_t *segment = aligned_alloc(GROVE_SEGMENT_PAGE, layout.total_bytes);
    if (segment == NULL)
        fail("no memory");
    if (side->segment == NULL)
        memset(segment, 0, layout.total_bytes);
    else
        memcpy(segment, side->segment, layout.total_bytes);
    bool resumed = side->segment != NULL;
    side->segment = side->segments[side->instances++] = segment;
    side->attached = NULL;
    memset(side->end, 0, channel_end_bytes());
    if (channel_end_init(side->end, (enum grove_channel_role)side->index, &layout, segment, resumed) < 0)
        fail("a next instance cannot take over");
    __atomic_store_n(&shown[side->index], segment, __ATOMIC_RELEASE);
    notify(!side->index);
    look_for_peer(side);
}

static void wake_peer(struct side *side, bool is_asleep) {
    if (!is_asleep)
        return;
    channel_end_signal(side->end);
    wake(channel_end_own_signal(side->end));
}

/* Sleep until the peer or the kernel has something to say. */
static void sleep_until_told(struct side *side, bool for_room) {
    uint32_t told = __atomic_load_n(&notices[side->index], __ATOMIC_SEQ_CST), signal;
    look_for_peer(side);
    if (__atomic_load_n(&is_over, __ATOMIC_SEQ_CST))
        return;
    if (!channel_end_prepare_sleep(side->end, GROVE_WAITING_FUTEX, for_room ? CHANNEL_FOR_BOTH : CHANNEL_FOR_RECORDS,
                                   &signal))
        return;
    if (side->attached == NULL || (signal & GROVE_SIGNAL_CLOSED) != 0)
        sleep_on(&notices[side->index], told);
    else
        sleep_on(channel_end_peer_signal(side->end), signal);
    channel_end_awake(side->end);
}

/* ---- the two programs ---- */

struct body {
    uint64_t sequence;
    uint64_t is_call;
};

static void check_block(const uint8_t *data, size_t length_bytes, uint64_t sequence) {
    for (size_t i = 0; i < length_bytes; i++)
        if (data[i] != (uint8_t)sequence)
            fail("a block changed under its reader");
}

static bool apply_replies(struct side *side) {
    bool is_active = false;
    struct channel_taken taken;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        while (channel_end_take(side->end, (enum grove_lane)lane, &taken) == 0) {
            struct body body;
            enum grove_waiting waiting;
            memcpy(&body, taken.payload, sizeof body);
            if (body.sequence < sent.applied_below[lane] && !taken.is_redelivered)
                fail("a reply came twice or out of order");
            if (!sent.is_applied[lane][body.sequence])
                sent.answered += sent.is_accepted[lane][body.sequence];
            sent.is_applied[lane][body.sequence] = true;
            if (body.sequence >= sent.applied_below[lane])
                sent.applied_below[lane] = body.sequence + 1u;
            wake_peer(side, channel_end_complete(side->end, &taken, &waiting));
            is_active = true;
        }
    return is_active;
}

/* Send one message in a random lane; false without room. */
static bool send_one(struct side *side) {
    unsigned lane = (unsigned)choose(side, GROVE_LANES);
    bool has_block = choose(side, 8) == 0, is_call = choose(side, 3) == 0;
    size_t block_bytes = 1u + (size_t)choose(side, 10000), slice_bytes = has_block ? sizeof(struct grove_slice) : 0;
    struct grove_record *record;
    void *data;
    uint64_t offset;
    if (channel_end_reserve(side->end, (enum grove_lane)lane, slice_bytes + sizeof(struct body) + choose(side, 900),
                            &record) < 0)
        return false;
    if (has_block && channel_end_loan(side->end, block_bytes, &data, &offset) < 0)
        return false;
    struct body body = {.sequence = sent.next[lane]++, .is_call = is_call};
    sent.is_call[lane][body.sequence] = is_call;
    record->number = channel_end_next_number(side->end);
    record->kind = is_call ? GROVE_RECORD_CALL : GROVE_RECORD_MESSAGE;
    record->flags = has_block ? GROVE_RECORD_SLICES : 0;
    record->slices = has_block;
    if (has_block) {
        memset(data, (uint8_t)body.sequence, block_bytes);
        struct grove_slice slice = {.offset_bytes = offset, .length_bytes = block_bytes, .space = GROVE_SLICE_SENDER};
        memcpy(record + 1, &slice, sizeof slice);
    }
    memcpy((uint8_t *)(record + 1) + slice_bytes, &body, sizeof body);
    enum grove_waiting waiting;
    bool is_asleep = channel_end_publish(side->end, (enum grove_lane)lane, &waiting);
    sent.is_accepted[lane][body.sequence] = true;
    sent.accepted++;
    sent.calls += is_call;
    wake_peer(side, is_asleep);
    return true;
}

/* All that was accepted has been completed and answered. */
static bool is_done(struct side *side) {
    uint64_t pending = 0, bytes;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        if (channel_end_pending(side->end, (enum grove_lane)lane, &bytes) == 0)
            pending += bytes;
    return sent.accepted == MESSAGES && sent.answered >= sent.calls && pending == 0;
}

static bool client_turn(struct side *side) {
    bool is_active = apply_replies(side);
    bool has_room = sent.accepted < MESSAGES && send_one(side);
    if (is_done(side))
        return false;
    if (!is_active && !has_room)
        sleep_until_told(side, true);
    return true;
}

static bool answer(struct side *side, const struct channel_taken *taken, const struct body *body) {
    struct grove_record *record;
    if (channel_end_reserve(side->end, (enum grove_lane)taken->lane, sizeof *body, &record) < 0)
        return false;
    record->number = taken->header.number;
    record->kind = GROVE_RECORD_REPLY;
    record->flags = 0;
    record->slices = 0;
    memcpy(record + 1, body, sizeof *body);
    enum grove_waiting waiting;
    wake_peer(side, channel_end_publish(side->end, (enum grove_lane)taken->lane, &waiting));
    return true;
}

static void handle(struct side *side, const struct channel_taken *taken) {
    struct body body;
    size_t slices_bytes = taken->header.slices * sizeof(struct grove_slice);
    memcpy(&body, (const uint8_t *)taken->payload + slices_bytes, sizeof body);
    if (taken->header.slices != 0) {
        const void *data;
        size_t length;
        if (channel_end_slice(side->end, taken, 0, &data, &length) < 0)
            fail("a good slice is refused");
        check_block(data, length, body.sequence);
    }
    if (body.sequence < received.below[taken->lane] && !taken->is_redelivered)
        fail("a message came twice and was not marked, or out of order");
    received.redelivered += taken->is_redelivered;
    received.is_handled[taken->lane][body.sequence] = true;
    if (body.sequence >= received.below[taken->lane])
        received.below[taken->lane] = body.sequence + 1u;
    if (taken->header.kind == GROVE_RECORD_CALL && !taken->is_answered)
        while (!answer(side, taken, &body))
            sleep_until_told(side, true);
}

static bool server_turn(struct side *side) {
    struct channel_taken taken;
    enum grove_waiting waiting;
    look_for_peer(side);
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        if (channel_end_take(side->end, (enum grove_lane)lane, &taken) == 0) {
            handle(side, &taken);
            wake_peer(side, channel_end_complete(side->end, &taken, &waiting));
            return true;
        }
    if (__atomic_load_n(&is_over, __ATOMIC_SEQ_CST))
        return false;
    sleep_until_told(side, false);
    return true;
}

/* ---- running ---- */

static void arm(struct side *side) {
    side->is_mortal = side->instances <= KILLS_MAX;
    side->stores_left = 1u + choose(side, STORES_BETWEEN_KILLS);
}

static void run_instance(struct side *side) {
    arm(side);
    if (setjmp(side->killed) != 0) {
        side->is_mortal = false;
        channel_end_deinit(side->end);
        close_segment(side->segment);
        return;
    }
    start(side);
    while (side->index == CLIENT ? client_turn(side) : server_turn(side))
        look_for_peer(side);
    side->is_mortal = false;
    if (side->index == CLIENT) {
        __atomic_store_n(&is_over, true, __ATOMIC_SEQ_CST);
        channel_end_signal(side->end);
        wake(channel_end_own_signal(side->end));
        notify(SERVER);
    }
    channel_end_deinit(side->end);
    free(side->end);
    side->end = NULL;
}

static void *run_side(void *context) {
    self = context;
    while (self->end != NULL)
        run_instance(self);
    return NULL;
}

int main(void) {
    pthread_t thread[SIDES];
    for (int i = 0; i < SIDES; i++) {
        sides[i] = (struct side){.index = i, .seed = 42u + (uint64_t)i};
        sides[i].end = aligned_alloc(64, (channel_end_bytes() + 63u) / 64u * 64u);
        if (sides[i].end == NULL || pthread_create(&thread[i], NULL, run_side, &sides[i]) != 0)
            fail("cannot start");
    }
    for (int i = 0; i < SIDES; i++)
        pthread_join(thread[i], NULL);
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        for (uint64_t i = 0; i < sent.next[lane]; i++) {
            if (sent.is_accepted[lane][i] && !received.is_handled[lane][i])
                fail("an accepted message was lost");
            if (sent.is_accepted[lane][i] && sent.is_call[lane][i] && !sent.is_applied[lane][i])
                fail("an accepted call was never answered");
        }
    printf("%lu accepted, %lu calls answered, %lu redelivered, %u clients, %u servers\n", sent.accepted, sent.answered,
           received.redelivered, sides[CLIENT].instances, sides[SERVER].instances);
    for (int side = 0; side < SIDES; side++)
        for (unsigned i = 0; i < sides[side].instances; i++)
            free(sides[side].segments[i]);
    return 0;
}
