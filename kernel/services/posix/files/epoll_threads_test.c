/*
 * Threads that change, wait in and close epolls and what they watch, all at once: nobody waits for ever, and all memory comes
 * back.
 */
#include "kernel/services/posix/files/epoll.h"
#include "kernel/services/posix/files/test/host.h"
#include "kernel/services/posix/files/test/run_threads.h"

#include <string.h>

#define THREADS 4u
#define STEPS 4000u
#define NUMBERS 12u
#define TOKENS 2000u
#define OWN_BYTES 0x400u /* of the arena, for each thread */
#define OUT 0x200u

static const struct tmpfs_limits limits = {.mode = 0755};

static uint32_t pick(uint64_t *state, uint32_t limit) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % limit;
}

static void put_event(uint64_t own, uint32_t events, uint64_t data) {
    struct linux_epoll_event event = {.events = events, .data = data};
    memcpy((void *)own, &event, sizeof(event));
}

static void step(uint64_t own, uint64_t *state) {
    static const uint32_t kinds[] = {LINUX_POLLIN, LINUX_POLLIN | LINUX_EPOLLET, LINUX_POLLOUT | LINUX_EPOLLONESHOT};
    uint64_t a = pick(state, NUMBERS), b = pick(state, NUMBERS);
    switch (pick(state, 9)) {
    case 0:
        (void)CALL(epoll_create1, 0);
        break;
    case 1:
        (void)CALL(eventfd2, 1, LINUX_O_NONBLOCK);
        break;
    case 2:
        (void)CALL(pipe2, own + OUT, LINUX_O_NONBLOCK);
        break;
    case 3:
        (void)CALL(close, a);
        break;
    case 4:
        put_event(own, kinds[pick(state, ITEMS(kinds))], b);
        (void)CALL(epoll_ctl, a, 1 + pick(state, 3), b, own);
        break;
    case 5:
        (void)CALL(epoll_wait, a, own + OUT, 4, 0);
        break;
    case 6:
        put_event(own, 1, 0);
        (void)CALL(write, a, own, 8);
        break;
    case 7:
        (void)CALL(read, a, own + OUT, 8);
        break;
    default:
        (void)CALL(dup2, a, b);
    }
}

static void change_all(unsigned number) {
    uint64_t state = number + 1, own = host_address(number * OWN_BYTES);
    for (unsigned i = 0; i < STEPS; i++)
        step(own, &state);
}

static void sets_change_under_many_hands(void **state) {
    (void)state;
    host_begin(&limits);
    host.has_threads = true;
    for (uint32_t page = 0; page < ARENA_PAGES; page++)
        (void)process_bring_in(host_address(page * VFS_PAGE_BYTES), true);
    run_threads(THREADS, change_all);
    host_end();
}

/* Tokens go through eventfds of one epoll: half of the threads put them in, the others wait for them. */
static uint64_t taken;

static void pass_tokens(unsigned number) {
    uint64_t own = host_address(number * OWN_BYTES);
    if (number % 2 == 0) {
        put_event(own, 1, 0); /* one, as a number of 8 bytes */
        for (unsigned i = 0; i < TOKENS; i++)
            assert_int_equal(CALL(write, 1 + i % 3, own, 8), 8);
        return;
    }
    while (__atomic_load_n(&taken, __ATOMIC_RELAXED) < TOKENS * THREADS / 2) {
        struct linux_epoll_event event;
        if (CALL(epoll_wait, 0, own + OUT, 1, (uint64_t)-1) != 1)
            continue;
        memcpy(&event, (void *)(own + OUT), sizeof(event));
        if (event.data != 4 && CALL(read, event.data, own, 8) == 8)
            (void)__atomic_add_fetch(&taken, 1, __ATOMIC_RELAXED);
        if (__atomic_load_n(&taken, __ATOMIC_RELAXED) >= TOKENS * THREADS / 2) {
            put_event(own, 1, 0);
            (void)CALL(write, 4, own, 8); /* whoever still waits is told that all is done */
        }
    }
}

static void each_token_is_taken_once(void **state) {
    (void)state;
    host_begin(&limits);
    host.has_threads = true;
    for (uint32_t page = 0; page < ARENA_PAGES; page++)
        (void)process_bring_in(host_address(page * VFS_PAGE_BYTES), true);
    assert_int_equal(CALL(epoll_create1, 0), 0);
    for (uint64_t i = 1; i <= 4; i++) {
        assert_int_equal(CALL(eventfd2, 0, LINUX_O_NONBLOCK | 1), i); /* each read takes one */
        put_event(host_address(0), LINUX_POLLIN, i);
        assert_int_equal(CALL(epoll_ctl, 0, 1, i, host_address(0)), 0);
    }
    taken = 0;
    run_threads(THREADS, pass_tokens);
    assert_int_equal(taken, TOKENS * THREADS / 2);
    host_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_change_under_many_hands),
        cmocka_unit_test(each_token_is_taken_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
