/*
 * One way to exchange messages between two processes, measured the same for all.
 *
 * The harness forks; the child is the server. A message's first byte says what it is: 'c' is answered with the same
 * bytes, 'o' is not answered, 'q' is answered and ends the server. Both sides are pinned, to the same processor or to
 * two, and every figure is the median of many small batches, because the machine is shared and noisy.
 */
#ifndef GROVE_BENCH_PEER_H
#define GROVE_BENCH_PEER_H

#include <stddef.h>
#include <stdint.h>

struct peer {
    const char *name;
    /* Server: set up, write one byte to `ready`, then serve until 'q'. Client: connect. Exit with a message on failure. */
    void (*serve)(const char *address, int ready);
    void *(*dial)(const char *address);
    void (*call)(void *client, const void *data, size_t bytes); /* and wait for the answer */
    void (*send)(void *client, const void *data, size_t bytes); /* one way; NULL: has none */
    size_t largest_bytes;
    void (*place)(void *client, int processor); /* the server runs already (serve is NULL): move it there */
};

/* main of every peer program: measures and prints one line of JSON. */
int peer_main(const struct peer *peer, int argc, char **argv);
_Noreturn void peer_fail(const char *what);
uint64_t bench_now_ns(void);
void bench_pin(int processor);
/*
 * A pause before something that the one before could disturb: the kernel frees control groups and namespaces long after
 * their last process is gone, and prepared children are made when nobody waits. Ours and the peers' alike.
 */
void bench_settle(void);
double bench_median(double *values, size_t count);

#endif
