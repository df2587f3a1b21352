/*
 * The broker by itself: the real broker, loop and seccomp filter of Linux; a made-up core that allows what a test says.
 *
 * run_confined forks a child that enters an empty network namespace, puts the broker's calls under a filter with a
 * listener, and runs a function. The parent serves the listener until the child has ended. The child reports by EXPECT,
 * which prints and ends it; run_confined fails the test then.
 */
#ifndef GROVE_TESTS_BROKER_HARNESS_H
#define GROVE_TESTS_BROKER_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/machine/linux/broker/broker.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EXPECT(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, strerror(errno)); \
            _exit(1); \
        } \
    } while (0)
#define EXPECT_ERROR(call, error) EXPECT((call) < 0 && errno == (error))

/* What the made-up core allows and has seen. */
struct rule {
    uint16_t kind;
    uint8_t transport; /* 0: any */
    uint16_t port;
    bool is_version6; /* 0: IPv4 */
};
#define SEEN_MAX 256
extern struct harness {
    struct rule rules[8];
    unsigned rule_count;
    bool allows_everything;
    bool has_network, is_learning; /* of the spec */
    bool is_naive; /* the broker that lets checked calls go on */
    struct grove_capability refused[SEEN_MAX], learned[SEEN_MAX];
    unsigned refused_count, learned_count;
    unsigned kills;
} harness;

/* Before each test: forget all rules. After: the kernel holds no more descriptors than before, and no job is left. */
int harness_reset(void **state);
int harness_check(void **state);
void allow(uint16_t kind, uint8_t transport, uint16_t port);

/* True if this computer lets the test make namespaces; else the test is to be skipped. */
bool can_confine(void);
/* Returns the child's exit status, or 128 + signal. */
int run_confined_status(void (*work)(void *context), void *context);
/* Fails the test unless the child succeeds; skips it where can_confine is false. */
void run_confined(void (*work)(void *context), void *context);
/* The same for a child that is killed after it has been waiting in `jobs_wanted` jobs. */
void run_confined_and_kill(void (*work)(void *context), void *context, unsigned jobs_wanted);

/* Servers of the test on 127.0.0.1, in the parent's network; the port goes to *port. */
int serve(int type, uint16_t *port);
struct sockaddr_in loopback(uint16_t port);
/* True if nobody has connected or sent. */
bool is_untouched(int server);
/* Memory that parent and child share. */
void *shared_memory(size_t bytes);

#endif
