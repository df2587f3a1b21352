/*
 * Our tmpfs and Linux's answer the same: random operations by several users on a few names, with links, folders in folders
 * and a small size limit. The seeds are fixed; GROVE_SEED tries another one. Skipped where no tmpfs can be mounted.
 */
#include "kernel/services/vfs/test/differential.h"

#include "kernel/core/test/unit.h"
#include "kernel/services/vfs/constants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 24u
#define OPERATIONS 3000u
#define SKIPPED 77

static uint64_t random_state;
static bool has_protected_links; /* Linux may refuse hard links to the files of others */

static uint32_t pick(uint32_t limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

static bool one_in(uint32_t count) {
    return pick(count) == 0;
}

static void pick_path(char *text) {
    static const char *const names[] = {"a", "b", "c", "d", "..", "."};
    char *at = text;
    uint32_t parts = one_in(2) ? 1 : 1 + pick(3);
    if (one_in(5))
        *at++ = '/';
    for (uint32_t i = 0; i < parts; i++) {
        const char *name = names[one_in(6) ? 4 + pick(2) : pick(4)];
        at += sprintf(at, "%s%s", name, i + 1 < parts || one_in(12) ? (one_in(10) ? "//" : "/") : "");
    }
    if (one_in(100))
        text[0] = 0;
}

static uint32_t pick_mode(void) {
    static const uint32_t often[] = {0777, 0755, 0700, 0644, 0750, 0070, 0007, 0311};
    uint32_t mode = one_in(4) ? pick(010000) : often[pick(ITEMS(often))];
    if ((mode & 01002) == 01002) /* there Linux may refuse to follow links, as it is configured */
        mode &= ~01000u;
    return mode;
}

static uint64_t pick_flags(void) {
    static const uint32_t flags[] = {LINUX_O_CREAT,    LINUX_O_EXCL,      LINUX_O_TRUNC,
                                     LINUX_O_NOFOLLOW, LINUX_O_DIRECTORY, LINUX_O_PATH};
    uint64_t picked = pick(3);
    for (unsigned i = 0; i < ITEMS(flags); i++)
        if (one_in(i == 0 ? 2 : 5))
            picked |= flags[i];
    return picked;
}

static void pick_numbers(struct operation *operation) {
    static const uint64_t kinds[] = {LINUX_S_IFREG, LINUX_S_IFIFO, LINUX_S_IFSOCK, 0, LINUX_S_IFDIR, 0110000};
    switch (operation->kind) {
    case MAKE_NODE:
        operation->x = kinds[one_in(3) ? pick(ITEMS(kinds)) : 0] | pick_mode();
        break;
    case LINK:
        operation->x = one_in(3) ? LINUX_AT_SYMLINK_FOLLOW : 0;
        break;
    case RENAME:
        operation->x = one_in(2) ? 0 : pick(4);
        break;
    case OPEN:
        operation->x = pick_flags();
        operation->y = pick_mode();
        break;
    case CHANGE_OWNER:
        operation->x = one_in(3) ? UINT32_MAX : 1000 + pick(2);
        operation->y = one_in(3) ? UINT32_MAX : 1000 + pick(2);
        break;
    case TRUNCATE:
        operation->x = one_in(20) ? UINT64_MAX : pick(40000);
        break;
    case WRITE:
    case READ:
        operation->x = pick(60000);
        operation->y = one_in(10) ? 0 : pick(18000);
        break;
    case SEEK:
        operation->x = pick(80000);
        operation->y = pick(2);
        break;
    case ACCESS:
        operation->x = pick(8);
        break;
    case STATUS:
        operation->x = pick(2);
        break;
    default:
        operation->x = pick_mode();
    }
}

static void pick_operation(struct operation *operation) {
    *operation = (struct operation){.kind = (enum operation_kind)pick(OPERATION_KINDS)};
    operation->user = one_in(2) ? 0 : 1000 + pick(2);
    if ((operation->kind == UNLINK || operation->kind == REMOVE_FOLDER) && one_in(2)) /* rather grow than shrink */
        operation->kind = one_in(2) ? MAKE_FOLDER : OPEN;
    if (operation->kind == LINK && has_protected_links)
        operation->user = 0;
    pick_path(operation->a);
    pick_path(operation->b);
    pick_numbers(operation);
}

static void describe(const struct operation *operation, char *text, size_t size) {
    static const char *const names[OPERATION_KINDS] = {
        "make folder", "make node",   "make link",    "link",     "unlink",    "remove folder",
        "rename",      "change mode", "change owner", "truncate", "read link", "status",
        "open",        "write",       "read",         "seek",     "access",    "list"};
    snprintf(text, size, "%s \"%s\" \"%s\" %#llo %#llo by %u", names[operation->kind], operation->a, operation->b,
             (unsigned long long)operation->x, (unsigned long long)operation->y, operation->user);
}

static void compare(uint64_t seed, uint32_t number, const struct operation *operation, const struct result *theirs) {
    struct result ours = {.status = 0};
    char text[256];
    ours_apply(operation, &ours);
    describe(operation, text, sizeof(text));
    if (getenv("GROVE_SHOW") != NULL)
        fprintf(stderr, "%u: %s: %lld\n", number, text, (long long)theirs->status);
    if (ours.status != theirs->status)
        fail_msg("seed %llu, operation %u, %s: Linux says %lld, we %lld", (unsigned long long)seed, number, text,
                 (long long)theirs->status, (long long)ours.status);
    for (unsigned i = 0; i < VALUES; i++)
        if (ours.values[i] != theirs->values[i])
            fail_msg("seed %llu, operation %u, %s: value %u is %#llo on Linux, here %#llo", (unsigned long long)seed,
                     number, text, i, (unsigned long long)theirs->values[i], (unsigned long long)ours.values[i]);
}

/* False: no tmpfs of Linux can be had. */
static bool run_on_linux(const struct operation *operations, struct result *results) {
    int code;
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (!linux_begin())
            _exit(SKIPPED);
        for (uint32_t i = 0; i < OPERATIONS; i++)
            linux_apply(&operations[i], &results[i]);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code));
    return WEXITSTATUS(code) == 0;
}

static bool run_round(uint64_t seed) {
    struct operation *operations = calloc(OPERATIONS, sizeof(*operations));
    size_t size = OPERATIONS * sizeof(struct result);
    struct result *results = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(operations != NULL && results != MAP_FAILED);
    random_state = seed;
    for (uint32_t i = 0; i < OPERATIONS; i++)
        pick_operation(&operations[i]);
    bool is_run = run_on_linux(operations, results);
    if (is_run) {
        ours_begin();
        for (uint32_t i = 0; i < OPERATIONS; i++)
            compare(seed, i, &operations[i], &results[i]);
        ours_end();
    }
    (void)munmap(results, size);
    free(operations);
    return is_run;
}

static void we_answer_as_linux_does(void **state) {
    (void)state;
    const char *seed = getenv("GROVE_SEED");
    FILE *file = fopen("/proc/sys/fs/protected_hardlinks", "r");
    if (file != NULL) {
        has_protected_links = fgetc(file) != '0';
        (void)fclose(file);
    }
    if (seed != NULL) {
        (void)run_round(strtoull(seed, NULL, 10));
        return;
    }
    for (uint64_t i = 0; i < ROUNDS; i++)
        if (!run_round(i + 1))
            skip();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(we_answer_as_linux_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
