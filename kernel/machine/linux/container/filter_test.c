/*
 * The two parts of a filter answer together as the whole one does, for every call and for arguments that rules look at.
 *
 * The programs are run here by a small interpreter of the instructions that filter.c emits; the kernel's own opinion on
 * them is what tests/confinement is about.
 */
#include "kernel/machine/linux/container/container.h"

#include "kernel/machine/linux/container/filter_calls.h"
#include "kernel/machine/linux/container/filter_rules.h"

#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define X32_BIT 0x40000000u
#define NUMBERS 1200u

/* ---- the broker, as far as a filter depends on it ---- */

static bool always(const struct grove_spec *spec) {
    (void)spec;
    return true;
}

static bool has_network(const struct grove_spec *spec) {
    return spec->ring == 1;
}

static bool is_watched(const struct grove_spec *spec) {
    return (spec->flags & GROVE_SPEC_EXPLAIN) != 0;
}

const struct broker_call broker_calls[] = {
    {"socket", has_network, -1},  {"bind", always, -1},       {"connect", always, -1},    {"sendto", always, 4},
    {"sendmsg", has_network, -1}, {"openat", is_watched, -1}, {"execve", is_watched, -1}, {"chmod", is_watched, -1}};
const unsigned broker_call_count = sizeof broker_calls / sizeof *broker_calls;

_Noreturn void machine_panic(const char *sentence) {
    (void)sentence;
    abort();
}

/* ---- running a program ---- */

static uint32_t run(const struct sock_fprog *program, const struct seccomp_data *data) {
    uint32_t accumulator = 0;
    for (unsigned at = 0; at < program->len; at++) {
        const struct sock_filter *one = &program->filter[at];
        bool holds = false;
        switch (one->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(one->k % 4 == 0 && one->k + 4 <= sizeof *data);
            accumulator = ((const uint32_t *)(const void *)data)[one->k / 4];
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            accumulator &= one->k;
            continue;
        case BPF_JMP | BPF_JA:
            at += one->k;
            continue;
        case BPF_RET | BPF_K:
            return one->k;
        case BPF_JMP | BPF_JEQ | BPF_K:
            holds = accumulator == one->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            holds = accumulator >= one->k;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            holds = (accumulator & one->k) != 0;
            break;
        default:
            fail_msg("instruction %u is of an unknown kind, %x", at, one->code);
        }
        at += holds ? one->jt : one->jf;
    }
    fail_msg("the program ran past its end");
    return 0;
}

/* Of several filters the kernel takes the strictest answer: the lowest action, compared with its sign. */
static uint32_t stricter(uint32_t a, uint32_t b) {
    return (int32_t)(b & SECCOMP_RET_ACTION_FULL) < (int32_t)(a & SECCOMP_RET_ACTION_FULL) ? b : a;
}

static void compare(const struct filter *filter, const struct seccomp_data *data) {
    uint32_t whole = run(&filter->whole, data);
    uint32_t both = stricter(run(&filter->last, data), run(&filter->stage, data));
    if (whole != both)
        fail_msg("call %d of mode %x gets %x from the whole filter and %x from its parts", data->nr, data->arch, whole,
                 both);
}

/* ---- what is tried ---- */

static const uint64_t values[] = {
    0,          1,          2,           O_CREAT,       S_ISUID,           S_ISGID,   S_IFCHR,
    S_IFBLK,    S_IFREG,    TIOCSTI,     TIOCLINUX,     AF_UNIX,           AF_INET,   AF_INET6,
    AF_NETLINK, 0xffffffff, CLONE_NEWNS, CLONE_NEWUSER, UINT64_C(1) << 32, UINT64_MAX};
#define VALUES (sizeof values / sizeof *values)

/* The same value in all arguments, and one value in the even, another in the odd ones. */
static void compare_call(const struct filter *filter, uint32_t number, uint32_t mode) {
    for (unsigned i = 0; i < VALUES; i++)
        for (unsigned j = 0; j < VALUES; j++) {
            struct seccomp_data data = {.nr = (int)number, .arch = mode};
            for (unsigned argument = 0; argument < 6; argument++)
                data.args[argument] = values[argument % 2 == 0 ? i : j];
            compare(filter, &data);
        }
}

static void get(uint8_t ring, uint32_t flags, struct filter *filter) {
    struct grove_spec spec = {.ring = ring, .flags = flags};
    assert_int_equal(filter_get(&spec, filter), GROVE_OK);
}

static void both_parts_are_the_whole(void **state) {
    (void)state;
    static const uint32_t other_mode = SCMP_ARCH_X86;
    for (uint8_t ring = 1; ring <= 2; ring++) {
        struct filter filter;
        get(ring, 0, &filter);
        assert_non_null(filter.stage.filter);
        for (uint32_t number = 0; number < NUMBERS; number++) {
            compare_call(&filter, number, seccomp_arch_native());
            compare_call(&filter, number | X32_BIT, seccomp_arch_native());
            compare_call(&filter, number, other_mode);
        }
        compare_call(&filter, UINT32_MAX, seccomp_arch_native());
    }
}

static struct seccomp_data call_of(const char *name) {
    return (struct seccomp_data){.nr = seccomp_syscall_resolve_name(name), .arch = seccomp_arch_native()};
}

static void the_stage_lets_through_what_is_still_to_come(void **state) {
    (void)state;
    struct filter filter;
    get(2, 0, &filter);
    for (unsigned i = 0; i < sizeof filter_later / sizeof *filter_later; i++) {
        struct seccomp_data data = call_of(filter_later[i]);
        assert_int_equal(run(&filter.stage, &data), SECCOMP_RET_ALLOW);
        assert_int_equal(run(&filter.last, &data), SECCOMP_RET_ERRNO | EPERM);
        assert_int_equal(run(&filter.whole, &data), SECCOMP_RET_ERRNO | EPERM);
    }
    for (unsigned i = 0; i < sizeof filter_remaining / sizeof *filter_remaining; i++) {
        struct seccomp_data data = call_of(filter_remaining[i]);
        assert_int_equal(run(&filter.stage, &data), SECCOMP_RET_ALLOW);
        assert_int_equal(run(&filter.last, &data), SECCOMP_RET_ALLOW);
    }
}

/* A child that would have to ask about its own calls is not prepared so far. */
static void a_filter_that_watches_files_has_no_stage(void **state) {
    (void)state;
    struct filter filter;
    get(2, GROVE_SPEC_EXPLAIN, &filter);
    assert_non_null(filter.whole.filter);
    assert_null(filter.stage.filter);
    assert_null(filter.last.filter);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_parts_are_the_whole),
                                       cmocka_unit_test(the_stage_lets_through_what_is_still_to_come),
                                       cmocka_unit_test(a_filter_that_watches_files_has_no_stage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
