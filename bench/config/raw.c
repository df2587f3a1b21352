/*
 * Raw limits of configuration, and peers that need a library or only a socket, one JSON line each:
 *
 *     config-raw read            a number under a sequence lock in shared memory: what any reader without a lock must do
 *     config-raw save FOLDER N   replace a file of N bytes: write, fsync, rename, fsync of the folder
 *     config-raw redis SOCKET    GET of one key over a Unix socket
 *     config-raw change SERVICE  our own: a change of two keys, from the request to its durable answer
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/common/peer.h"
#include "grove/config_wire.h"

#define BATCHES 31u
#define BATCH_READS 100000u

/* ---- a sequence lock ---- */

struct locked {
    uint64_t sequence;
    int64_t value;
};

static int64_t read_locked(const struct locked *locked) {
    for (;;) {
        uint64_t before = __atomic_load_n(&locked->sequence, __ATOMIC_ACQUIRE);
        int64_t value = __atomic_load_n(&locked->value, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if ((before & 1) == 0 && __atomic_load_n(&locked->sequence, __ATOMIC_RELAXED) == before)
            return value;
    }
}

static int raw_read(void) {
    const struct locked *locked = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double times[BATCHES];
    int64_t sum = 0;
    if (locked == MAP_FAILED)
        peer_fail("mmap");
    for (unsigned batch = 0; batch < BATCHES; batch++) {
        uint64_t begin_ns = bench_now_ns();
        for (unsigned index = 0; index < BATCH_READS; index++)
            sum += read_locked(locked);
        times[batch] = (double)(bench_now_ns() - begin_ns) / BATCH_READS;
    }
    printf("{\"read_ns\": %.2f, \"sum\": %lld}\n", bench_median(times, BATCHES), (long long)sum);
    return 0;
}

/* ---- a file that is replaced ---- */

static void save_once(int folder, const char *bytes, size_t length) {
    int file = openat(folder, "saved.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || write(file, bytes, length) != (ssize_t)length || fsync(file) < 0 || close(file) < 0 ||
        renameat(folder, "saved.new", folder, "saved") < 0 || fsync(folder) < 0)
        peer_fail("saving");
}

static int raw_save(const char *path, size_t length) {
    double times[BATCHES];
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *bytes = calloc(1, length + 1);
    if (folder < 0 || bytes == NULL)
        peer_fail(path);
    for (unsigned batch = 0; batch < BATCHES; batch++) {
        uint64_t begin_ns = bench_now_ns();
        save_once(folder, bytes, length);
        times[batch] = (double)(bench_now_ns() - begin_ns);
    }
    printf("{\"change_ns\": %.0f}\n", bench_median(times, BATCHES));
    free(bytes);
    return 0;
}

/* ---- Redis ---- */

static void ask_redis(int peer, const char *words, char *answer, size_t answer_bytes) {
    if (write(peer, words, strlen(words)) < 0)
        peer_fail("redis");
    ssize_t count = read(peer, answer, answer_bytes - 1);
    if (count <= 0)
        peer_fail("redis");
    answer[count] = '\0';
}

static int redis(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char answer[256];
    double times[BATCHES];
    int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (connect(peer, (const struct sockaddr *)&address, sizeof address) < 0)
        peer_fail(path);
    ask_redis(peer, "SET limit 49\r\n", answer, sizeof answer);
    for (unsigned batch = 0; batch < BATCHES; batch++) {
        uint64_t begin_ns = bench_now_ns();
        for (unsigned index = 0; index < 1000; index++)
            ask_redis(peer, "GET limit\r\n", answer, sizeof answer);
        times[batch] = (double)(bench_now_ns() - begin_ns) / 1000;
    }
    if (strstr(answer, "49") == NULL)
        peer_fail("redis answered something else");
    printf("{\"read_ns\": %.0f}\n", bench_median(times, BATCHES));
    return 0;
}

/* ---- our own changes ---- */

static size_t add_entry(uint8_t *at, const char *service, const char *key, const char *value) {
    struct grove_config_entry head = {.service_bytes = (uint32_t)strlen(service) + 1,
                                      .key_bytes = (uint32_t)strlen(key) + 1,
                                      .after_bytes = (uint32_t)strlen(value) + 1};
    uint8_t *text = at + sizeof head;
    head.bytes = (uint32_t)((sizeof head + head.service_bytes + head.key_bytes + head.after_bytes + 7) & ~(size_t)7);
    memset(at, 0, head.bytes);
    memcpy(at, &head, sizeof head);
    memcpy(text, service, head.service_bytes);
    memcpy(text + head.service_bytes, key, head.key_bytes);
    memcpy(text + head.service_bytes + head.key_bytes, value, head.after_bytes);
    return head.bytes;
}

static void change_once(struct grove_channel *channel, const char *service, unsigned number) {
    uint8_t message[1024];
    char value[32];
    struct grove_config_order order = {.version = GROVE_CONFIG_PROTOCOL, .count = 2};
    struct grove_answer answer;
    size_t used = sizeof order;
    (void)snprintf(value, sizeof value, "%u", number);
    memcpy(message, &order, sizeof order);
    used += add_entry(message + used, service, "left", value);
    used += add_entry(message + used, service, "right", value);
    if (grove_call(channel, &(struct grove_call){.method = GROVE_CONFIG_CHANGE, .data = message, .length_bytes = used},
                   &answer) < 0)
        peer_fail(grove_last_error());
    grove_answer_release(&answer);
}

static int change(const char *service) {
    struct grove_channel *channel;
    double times[BATCHES];
    if (grove_connect(GROVE_CONFIG_ENDPOINT, &channel) < 0)
        peer_fail(grove_last_error());
    for (unsigned batch = 0; batch < BATCHES; batch++) {
        uint64_t begin_ns = bench_now_ns();
        change_once(channel, service, (unsigned)getpid() + batch);
        times[batch] = (double)(bench_now_ns() - begin_ns);
    }
    printf("{\"change_ns\": %.0f}\n", bench_median(times, BATCHES));
    return 0;
}

int main(int argument_count, char **arguments) {
    const char *what = argument_count > 1 ? arguments[1] : "";
    if (strcmp(what, "read") == 0)
        return raw_read();
    if (strcmp(what, "save") == 0 && argument_count == 4)
        return raw_save(arguments[2], strtoul(arguments[3], NULL, 10));
    if (strcmp(what, "redis") == 0 && argument_count == 3)
        return redis(arguments[2]);
    if (strcmp(what, "change") == 0 && argument_count == 3)
        return change(arguments[2]);
    peer_fail("usage: config-raw read | save FOLDER BYTES | redis SOCKET | change SERVICE");
}
