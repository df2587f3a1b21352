/*
 * The system call filter of a container.
 *
 *     +----------------------------+  by hand: what libseccomp cannot say, a call refused for a value in its low 32 bits,
 *     | refused arguments          |  whatever stands in the high ones (the kernel cuts them off, so must we)
 *     +----------------------------+
 *     | exported by libseccomp     |  refused calls EPERM, allowed calls, notified calls, everything else ENOSYS
 *     +----------------------------+
 *
 * A program depends only on which calls the broker wants to be asked about, so there are few different ones: each is
 * compiled once, kept, and loaded by the starting child as it is. The cache grows with the number of distinct sets and is
 * never emptied. Calls of another processor mode (32 bit, x32) get ENOSYS.
 */
#include "kernel/machine/linux/container/container.h"
#include "kernel/machine/linux/container/filter_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Which calls the broker wants is its part; without one (a kernel put together for a test) it wants none. */
__attribute__((weak)) const struct broker_call broker_calls[1] = {{"", NULL, -1}};
__attribute__((weak)) const unsigned broker_call_count = 0;

#define FILTER_SETS_MAX 64u
#define COUNT(array) (sizeof(array) / sizeof *(array))

struct filter_set {
    uint64_t notified; /* bit n: broker_calls[n] */
    struct sock_fprog program;
};
static struct filter_set sets[FILTER_SETS_MAX];
static unsigned set_count;

/* ---- refused arguments ---- */

enum argument_test { ARGUMENT_IS, ARGUMENT_HAS };
#define MODE_SET_ID (S_ISUID | S_ISGID)
/*
 * A program that may write a folder must not leave a set-id program there for somebody outside; and it must not type
 * into the terminal of whoever started it.
 */
static const struct refused_argument {
    const char *call;
    enum argument_test test;
    unsigned argument;
    uint32_t value;
    int flags_argument; /* -1, or only when this argument has O_CREAT: without it a mode is not read */
} refused_arguments[] = {{"ioctl", ARGUMENT_IS, 1, TIOCSTI, -1},
                         {"ioctl", ARGUMENT_IS, 1, TIOCLINUX, -1},
                         {"chmod", ARGUMENT_HAS, 1, MODE_SET_ID, -1},
                         {"fchmod", ARGUMENT_HAS, 1, MODE_SET_ID, -1},
                         {"fchmodat", ARGUMENT_HAS, 2, MODE_SET_ID, -1},
                         {"fchmodat2", ARGUMENT_HAS, 2, MODE_SET_ID, -1},
                         {"creat", ARGUMENT_HAS, 1, MODE_SET_ID, -1},
                         {"mknod", ARGUMENT_HAS, 1, MODE_SET_ID, -1},
                         {"mknodat", ARGUMENT_HAS, 2, MODE_SET_ID, -1},
                         {"open", ARGUMENT_HAS, 2, MODE_SET_ID, 1},
                         {"openat", ARGUMENT_HAS, 3, MODE_SET_ID, 2}};
#define HEAD_MAX (2u + 8u * COUNT(refused_arguments))

/* Both processors are little-endian: the low half of an argument comes first. */
static uint32_t argument_offset(unsigned argument) {
    return (uint32_t)(offsetof(struct seccomp_data, args) + 8u * argument);
}

static unsigned head_entry(const struct refused_argument *entry, struct sock_filter *code) {
    int number = seccomp_syscall_resolve_name(entry->call);
    bool has_flags = entry->flags_argument >= 0;
    unsigned count = 0;
    if (number < 0)
        return 0;
    uint8_t left = has_flags ? 5 : 3; /* instructions of this entry behind the first comparison */
    code[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    code[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, left);
    if (has_flags) {
        code[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument_offset((unsigned)entry->flags_argument));
        code[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT, 0, 3);
    }
    code[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument_offset(entry->argument));
    code[count++] = (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | (entry->test == ARGUMENT_IS ? BPF_JEQ : BPF_JSET) | BPF_K),
                                                 entry->value, 0, 1);
    code[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    return count;
}

/* The numbers are the native mode's; for another mode they are meaningless and harmless, and the tail refuses it. */
static unsigned head_build(struct sock_filter *code) {
    unsigned count = 0;
    for (unsigned i = 0; i < COUNT(refused_arguments); i++)
        count += head_entry(&refused_arguments[i], code + count);
    return count;
}

/* ---- the tail ---- */

static int rule(scmp_filter_ctx context, uint32_t action, const char *name) {
    int number = seccomp_syscall_resolve_name(name);
    return number < 0 ? 0 : seccomp_rule_add(context, action, number, 0);
}

static int rule_compare(scmp_filter_ctx context, uint32_t action, const char *name, struct scmp_arg_cmp compare) {
    int number = seccomp_syscall_resolve_name(name);
    return number < 0 ? 0 : seccomp_rule_add_array(context, action, number, 1, &compare);
}

static bool is_notified(const char *name, uint64_t notified) {
    for (unsigned i = 0; i < broker_call_count; i++)
        if ((notified >> i & 1) != 0 && strcmp(broker_calls[i].name, name) == 0)
            return true;
    return false;
}

static int tail_lists(scmp_filter_ctx context, uint64_t notified) {
    int result = 0;
    for (unsigned i = 0; i < COUNT(filter_allowed); i++)
        if (!is_notified(filter_allowed[i], notified))
            result |= rule(context, SCMP_ACT_ALLOW, filter_allowed[i]);
    for (unsigned i = 0; i < COUNT(filter_refused); i++)
        if (!is_notified(filter_refused[i], notified))
            result |= rule(context, SCMP_ACT_ERRNO(EPERM), filter_refused[i]);
    return result;
}

static int tail_notified(scmp_filter_ctx context, uint64_t notified) {
    int result = 0;
    for (unsigned i = 0; i < broker_call_count; i++) {
        const struct broker_call *call = &broker_calls[i];
        if ((notified >> i & 1) == 0 || strcmp(call->name, "socket") == 0)
            continue;
        if (call->skip_if_zero_argument < 0) {
            result |= rule(context, SCMP_ACT_NOTIFY, call->name);
            continue;
        }
        unsigned argument = (unsigned)call->skip_if_zero_argument;
        result |= rule_compare(context, SCMP_ACT_NOTIFY, call->name, SCMP_CMP64(argument, SCMP_CMP_NE, 0));
        result |= rule_compare(context, SCMP_ACT_ALLOW, call->name, SCMP_CMP64(argument, SCMP_CMP_EQ, 0));
    }
    return result;
}

/* Threads and processes, but no namespaces: clone3 is unknown here, so every C library comes by clone. */
static int tail_clone(scmp_filter_ctx context) {
    static const uint64_t namespaces[] = {CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                          CLONE_NEWUSER, CLONE_NEWPID,   CLONE_NEWNET};
    uint64_t all = 0;
    int result = 0;
    for (unsigned i = 0; i < COUNT(namespaces); i++) {
        all |= namespaces[i];
        result |= rule_compare(context, SCMP_ACT_ERRNO(EPERM), "clone",
                               SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]));
    }
    return result | rule_compare(context, SCMP_ACT_ALLOW, "clone", SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, all, 0));
}

/* Local and internet sockets; no netlink, packet or other families. The family is an int: its high half is cut off. */
static int tail_socket(scmp_filter_ctx context, uint64_t notified) {
    static const uint64_t families[] = {AF_UNIX, AF_INET, AF_INET6};
    uint32_t internet = is_notified("socket", notified) ? SCMP_ACT_NOTIFY : SCMP_ACT_ALLOW;
    int result = 0;
    for (unsigned i = 0; i < COUNT(families); i++)
        result |= rule_compare(context, families[i] == AF_UNIX ? SCMP_ACT_ALLOW : internet, "socket",
                               SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, 0xffffffff, families[i]));
    for (uint64_t family = 0; family < AF_MAX; family++)
        if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
            result |= rule_compare(context, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket",
                                   SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, 0xffffffff, family));
    return result;
}

static int tail_arguments(scmp_filter_ctx context) {
    static const uint64_t types[] = {0, S_IFREG, S_IFIFO, S_IFSOCK};
    int result = 0;
    for (unsigned i = 0; i < COUNT(types); i++) {
        result |= rule_compare(context, SCMP_ACT_ALLOW, "mknod", SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, S_IFMT, types[i]));
        result |= rule_compare(context, SCMP_ACT_ALLOW, "mknodat", SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, S_IFMT, types[i]));
    }
    result |= rule_compare(context, SCMP_ACT_ERRNO(EPERM), "mknod", SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, S_IFMT, S_IFCHR));
    result |= rule_compare(context, SCMP_ACT_ERRNO(EPERM), "mknod", SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, S_IFMT, S_IFBLK));
    result |= rule_compare(context, SCMP_ACT_ERRNO(EPERM), "mknodat", SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, S_IFMT, S_IFCHR));
    result |= rule_compare(context, SCMP_ACT_ERRNO(EPERM), "mknodat", SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, S_IFMT, S_IFBLK));
    /* The usual personality, and asking which it is. */
    result |= rule_compare(context, SCMP_ACT_ALLOW, "personality", SCMP_CMP64(0, SCMP_CMP_EQ, 0));
    return result | rule_compare(context, SCMP_ACT_ALLOW, "personality", SCMP_CMP64(0, SCMP_CMP_EQ, 0xffffffff));
}

static int tail_build(scmp_filter_ctx context, uint64_t notified) {
    if (seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) < 0)
        return GROVE_LAYER_MISSING;
    /* A balanced tree instead of a chain of comparisons, where the library can. */
    (void)seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (tail_lists(context, notified) != 0 || tail_notified(context, notified) != 0 || tail_clone(context) != 0 ||
        tail_socket(context, notified) != 0 || tail_arguments(context) != 0)
        return GROVE_LAYER_MISSING;
    return GROVE_OK;
}

/* The library writes a program to a file only. */
static int tail_export(scmp_filter_ctx context, struct sock_filter *code, size_t room, size_t *count) {
    int file = memfd_create("filter", MFD_CLOEXEC), result = GROVE_LAYER_MISSING;
    if (file < 0)
        return GROVE_NO_DESCRIPTORS;
    if (seccomp_export_bpf(context, file) == 0) {
        ssize_t bytes = pread(file, code, room * sizeof *code, 0);
        if (bytes > 0 && (size_t)bytes < room * sizeof *code) {
            *count = (size_t)bytes / sizeof *code;
            result = GROVE_OK;
        }
    }
    (void)close(file);
    return result;
}

/* ---- sets ---- */

static int set_build(struct filter_set *set) {
    struct sock_filter code[BPF_MAXINSNS];
    size_t count = 0;
    unsigned head = head_build(code);
    int result = GROVE_NO_MEMORY;
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (context == NULL)
        return result;
    result = tail_build(context, set->notified);
    if (result == GROVE_OK)
        result = tail_export(context, code + head, BPF_MAXINSNS - head, &count);
    seccomp_release(context);
    if (result < 0)
        return result;
    set->program.filter = malloc((head + count) * sizeof *code);
    if (set->program.filter == NULL)
        return GROVE_NO_MEMORY;
    (void)memcpy(set->program.filter, code, (head + count) * sizeof *code);
    set->program.len = (unsigned short)(head + count);
    return GROVE_OK;
}

static uint64_t wanted_calls(const struct grove_spec *spec) {
    uint64_t wanted = 0;
    for (unsigned i = 0; i < broker_call_count && i < 64; i++)
        if (broker_calls[i].wanted == NULL || broker_calls[i].wanted(spec))
            wanted |= UINT64_C(1) << i;
    return wanted;
}

int filter_get(const struct grove_spec *spec, struct sock_fprog *program, bool *has_listener) {
    uint64_t wanted = wanted_calls(spec);
    struct filter_set *set = sets;
    while (set < sets + set_count && set->notified != wanted)
        set++;
    if (set == sets + set_count) {
        if (set_count == FILTER_SETS_MAX)
            return GROVE_EXHAUSTED;
        *set = (struct filter_set){.notified = wanted};
        int result = set_build(set);
        if (result < 0)
            return result;
        set_count++;
    }
    *program = set->program;
    *has_listener = wanted != 0;
    return GROVE_OK;
}
