/*
 * Fuzz target: words of user memory as futexes and robust lists. The input begins with what three threads do, a byte a
 * step with one of an address behind it; the rest is their memory. Whatever stands in there, the kernel comes back, keeps
 * its lists, and ends every thread.
 */
#include "kernel/machine/bare/futex/futex.h"

#include <stdlib.h>
#include <string.h>

#define THREADS 3u
#define STEPS_MAX 64u
#define MEMORY_BYTES 512u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static struct scheduler scheduler;
static struct sched_processor processor;
static struct futex_table table;
static struct sched_thread threads[THREADS];
static struct futex_thread futexes[THREADS];
static uint32_t words[MEMORY_BYTES / sizeof(uint32_t)];
static uint64_t now;

static void expect(int is_true) {
    if (!is_true)
        abort();
}

/* ---- a machine of one processor that never runs anything ---- */

static uint64_t now_ns(struct scheduler *self) {
    (void)self;
    return now;
}

static uint32_t here(struct scheduler *self) {
    (void)self;
    return 0;
}

static void set_timer(struct scheduler *self, uint64_t when_ns) {
    (void)self;
    (void)when_ns;
}

static void kick(struct scheduler *self, uint32_t number) {
    (void)self;
    expect(number == 0);
}

static void switch_to(struct scheduler *self, struct sched_thread *from, struct sched_thread *to) {
    (void)self;
    expect(from != to);
}

static const struct sched_machine machine = {
    .now_ns = now_ns, .here = here, .set_timer = set_timer, .kick = kick, .switch_to = switch_to};

/* ---- the memory ---- */

static int identify(struct futex_space *space, uint64_t address, struct futex_key *key) {
    (void)space;
    *key = (struct futex_key){.object = 1, .offset = address};
    return address % sizeof(uint32_t) == 0 && address < MEMORY_BYTES ? 0 : GROVE_INVALID;
}

static int load(struct futex_space *space, uint64_t address, uint32_t *value) {
    struct futex_key key;
    int status = identify(space, address, &key);
    if (status == 0)
        *value = words[address / sizeof(uint32_t)];
    return status;
}

static int exchange(struct futex_space *space, uint64_t address, uint32_t *expected, uint32_t wanted) {
    uint32_t value = 0;
    int status = load(space, address, &value);
    if (status == 0 && value == *expected)
        words[address / sizeof(uint32_t)] = wanted;
    if (status == 0)
        *expected = value;
    return status;
}

static int touch(struct futex_space *space, uint64_t address) {
    struct futex_key key;
    return identify(space, address, &key);
}

static int load_long(struct futex_space *space, uint64_t address, uint64_t *value) {
    (void)space;
    if (address > MEMORY_BYTES - sizeof(*value))
        return GROVE_INVALID;
    memcpy(value, (const uint8_t *)words + address, sizeof(*value));
    return 0;
}

static struct futex_thread *find(struct futex_space *space, uint32_t number) {
    (void)space;
    return number >= 1 && number <= THREADS && threads[number - 1].state != SCHED_ENDED ? &futexes[number - 1] : NULL;
}

static const struct futex_memory memory = {
    .identify = identify, .load = load, .exchange = exchange, .touch = touch, .load_long = load_long, .find = find};
static struct futex_space space = {.memory = &memory};

/* ---- the threads ---- */

static void open_machine(const uint8_t *data, size_t size_bytes) {
    const struct grove_schedule schedule = {.class = GROVE_SCHEDULE_ROUND_ROBIN, .priority = 5};
    now = 0;
    sched_init(&scheduler, &machine, &processor, 1);
    futex_init(&table, &scheduler);
    memset(words, 0, sizeof(words));
    memcpy(words, data, size_bytes < sizeof(words) ? size_bytes : sizeof(words));
    for (uint32_t i = 0; i < THREADS; i++) {
        expect(sched_thread_init(&scheduler, &threads[i], &schedule, 1, NULL) == 0);
        futex_thread_init(&futexes[i], &threads[i], i + 1);
        expect(sched_wake(&scheduler, &threads[i], 0));
    }
    sched_reschedule(&scheduler);
}

static void end(struct futex_thread *self, uint64_t robust) {
    futex_exit(&table, self, &space, robust);
    expect(list_is_empty(&self->owned));
    sched_thread_end(&scheduler, self->thread);
}

/* The current thread does one thing, after it has finished what it waited for. */
static void step(struct futex_thread *self, uint8_t what, uint64_t address) {
    uint32_t woken = 0, moved = 0, expected = 0;
    bool waits = false;
    switch (what % 7) {
    case 0:
        (void)load(&space, address, &expected);
        (void)futex_wait(&table, self, &space, address, expected, what | 1u, now + 10);
        break;
    case 1:
        (void)futex_wake(&table, &space, address, what, FUTEX_ALL_BITS, &woken);
        break;
    case 2:
        (void)futex_requeue(&table, &space, address, what & 0xfcu, 1, 2, NULL, &woken, &moved);
        break;
    case 3:
        (void)futex_lock(&table, self, &space, address, SCHED_NEVER, (what & 0x80) != 0, &waits);
        break;
    case 4:
        (void)futex_unlock(&table, self, &space, address);
        break;
    case 5:
        sched_give_way(&scheduler);
        break;
    default:
        end(self, address);
        break;
    }
}

static void act(uint8_t what, uint64_t address) {
    struct sched_thread *current = sched_current(&scheduler);
    if (current == &processor.idle) {
        (void)sched_wake(&scheduler, &threads[what % THREADS], GROVE_CANCELLED);
    } else {
        struct futex_thread *self = current->futex;
        (void)futex_finish(&table, self);
        expect(self->spare != NULL && self->own.bucket == NULL);
        step(self, what, address);
    }
    now += 5;
    sched_interrupt(&scheduler);
    sched_reschedule(&scheduler);
}

static void end_all(void) {
    for (uint32_t i = 0; i < THREADS; i++)
        (void)sched_wake(&scheduler, &threads[i], GROVE_CANCELLED);
    for (uint32_t i = 0; i < 2 * THREADS; i++) {
        sched_reschedule(&scheduler);
        struct sched_thread *current = sched_current(&scheduler);
        if (current == &processor.idle)
            break;
        (void)futex_finish(&table, current->futex);
        end(current->futex, 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        expect(threads[i].state == SCHED_ENDED);
    for (uint32_t i = 0; i < FUTEX_BUCKETS; i++)
        expect(list_is_empty(&table.buckets[i].waiters) && list_is_empty(&table.buckets[i].locks));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    size_t steps = size_bytes > 0 ? data[0] % STEPS_MAX : 0;
    if (1 + 2 * steps > size_bytes)
        return 0;
    open_machine(data + 1 + 2 * steps, size_bytes - 1 - 2 * steps);
    for (size_t i = 0; i < steps; i++)
        act(data[1 + 2 * i], data[2 + 2 * i] * UINT64_C(4) % (MEMORY_BYTES + 16));
    end_all();
    return 0;
}
