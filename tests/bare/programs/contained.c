/*
 * Programs that know nothing of Grove, for tests/bare/containers_test.py, by their first argument: each prints what it may do, is
 * given, or comes to in a container of its own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

static long long now_ns(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void say(const char *what, int result) {
    printf("%s: %s\n", what, result >= 0 ? "done" : strerror(errno));
    fflush(stdout);
}

static _Noreturn void stay(void) {
    for (;;)
        pause();
}

/* ---- readiness ---- */

static int notify(int count, char **words) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    (void)count;
    (void)words;
    if (path == NULL || strlen(path) >= sizeof address.sun_path)
        return 1;
    strcpy(address.sun_path, path);
    int sender = socket(AF_UNIX, SOCK_DGRAM, 0);
    static const char text[] = "STATUS=here\nREADY=1\n";
    say("told", (int)sendto(sender, text, sizeof text - 1, 0, (const struct sockaddr *)&address, sizeof address));
    say("removed", unlink(path));
    stay();
}

/* ---- freezing: one process more than it may have, and a line for each tenth of a second in which it runs ---- */

static int fork_and_count(int count, char **words) {
    (void)count;
    (void)words;
    for (int i = 0; i < 4; i++) {
        pid_t child = fork();
        if (child == 0)
            stay();
        say("child", child);
    }
    for (int i = 0;; i++) {
        struct timespec tenth = {.tv_nsec = SECOND / 10};
        int status = nanosleep(&tenth, NULL);
        printf("beat %d%s\n", i, status != 0 ? ", interrupted" : "");
        fflush(stdout);
    }
}

/* ---- shares: how much of a processor it gets, in thousandths ---- */

static int spin(int count, char **words) {
    long long span_ns = (count > 0 ? strtoll(words[0], NULL, 10) : 4) * SECOND;
    long long begin_ns = now_ns(CLOCK_MONOTONIC), used_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID), now;
    do
        now = now_ns(CLOCK_MONOTONIC);
    while (now - begin_ns < span_ns);
    used_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - used_ns;
    printf("share: %lld\n", used_ns * 1000 / (now - begin_ns));
    fflush(stdout);
    stay();
}

/* ---- the network ---- */

static struct sockaddr_in place(const char *host, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, host, &address.sin_addr);
    return address;
}

typedef int reach(int socket, const struct sockaddr *address, socklen_t bytes);

static int send_to(int socket, const struct sockaddr *address, socklen_t bytes) {
    return (int)sendto(socket, "x", 1, 0, address, bytes);
}

static int send_message(int socket, const struct sockaddr *address, socklen_t bytes) {
    struct iovec piece = {.iov_base = (void *)(uintptr_t) "x", .iov_len = 1};
    const struct msghdr message = {
        .msg_name = (void *)(uintptr_t)address, .msg_namelen = bytes, .msg_iov = &piece, .msg_iovlen = 1};
    return (int)sendmsg(socket, &message, 0);
}

static void try(const char *what, int type, reach *how, const char *host, int port) {
    char text[96];
    struct sockaddr_in address = place(host, port);
    int socket_of_it = socket(AF_INET, type, 0);
    snprintf(text, sizeof text, "%s %s:%d", what, host, port);
    say(text, socket_of_it < 0 ? -1 : how(socket_of_it, (const struct sockaddr *)&address, sizeof address));
    close(socket_of_it);
}

static int listen_unbound(int socket, const struct sockaddr *address, socklen_t bytes) {
    (void)address;
    (void)bytes;
    return listen(socket, 1);
}

/* To itself, over a connection: what was granted does work. */
static void try_connection(int port) {
    struct sockaddr_in address = place("127.0.0.1", port);
    int listener = socket(AF_INET, SOCK_STREAM, 0), caller = socket(AF_INET, SOCK_STREAM, 0), accepted;
    char byte = 0;
    say("bind", bind(listener, (const struct sockaddr *)&address, sizeof address));
    say("listen", listen(listener, 1));
    say("connect", connect(caller, (const struct sockaddr *)&address, sizeof address));
    say("accept", accepted = accept(listener, NULL, NULL));
    say("write", (int)write(caller, "y", 1));
    say("read", (int)read(accepted, &byte, 1));
    close(accepted);
    close(caller);
    close(listener);
}

static int network(int count, char **words) {
    if (count > 0)
        try_connection((int)strtol(words[0], NULL, 10));
    try("bind tcp", SOCK_STREAM, bind, "127.0.0.1", 8001);
    try("bind tcp", SOCK_STREAM, bind, "0.0.0.0", 0);
    try("listen tcp", SOCK_STREAM, listen_unbound, "0.0.0.0", 0);
    try("connect tcp", SOCK_STREAM, connect, "127.0.0.1", 8001);
    try("connect udp", SOCK_DGRAM, connect, "127.0.0.1", 8001);
    try("sendto udp", SOCK_DGRAM, send_to, "127.0.0.1", 8001);
    try("sendto udp", SOCK_DGRAM, send_to, "0.0.0.0", 8001);
    try("sendmsg udp", SOCK_DGRAM, send_message, "127.0.0.1", 8001);
    printf("done\n");
    fflush(stdout);
    stay();
}

/* ---- abstract names: each container's own ---- */

static int names(int count, char **words) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0pen"};
    (void)count;
    (void)words;
    int mine = socket(AF_UNIX, SOCK_DGRAM, 0), other = socket(AF_UNIX, SOCK_DGRAM, 0);
    say("connect before", connect(other, (const struct sockaddr *)&address, sizeof address));
    say("bind", bind(mine, (const struct sockaddr *)&address, sizeof address));
    say("bind again", bind(other, (const struct sockaddr *)&address, sizeof address));
    say("connect after", connect(other, (const struct sockaddr *)&address, sizeof address));
    printf("done\n");
    fflush(stdout);
    stay();
}

/* ---- sockets that were made before the start ---- */

static int activated(int count, char **words) {
    const char *fds = getenv("LISTEN_FDS"), *process = getenv("LISTEN_PID");
    struct sockaddr_in address;
    socklen_t bytes = sizeof address;
    char text[16] = "";
    (void)count;
    (void)words;
    printf("descriptors: %s, for %s\n", fds != NULL ? fds : "none",
           process != NULL && strtol(process, NULL, 10) == getpid() ? "me" : "another");
    say("name", getsockname(3, (struct sockaddr *)&address, &bytes));
    printf("port: %d\n", ntohs(address.sin_port));
    fflush(stdout);
    int accepted = accept(3, NULL, NULL);
    say("accept", accepted);
    ssize_t length = read(accepted, text, sizeof text - 1);
    text[strcspn(text, "\n")] = '\0';
    printf("heard: %s\n", length > 0 ? text : "nothing");
    fflush(stdout);
    close(accepted);
    stay();
}

static const struct {
    const char *name;
    int (*run)(int count, char **words);
} parts[] = {{"notify", notify}, {"fork-and-count", fork_and_count},
             {"spin", spin},     {"network", network},
             {"names", names},   {"activated", activated}};

int main(int count, char **words) {
    for (size_t i = 0; count > 1 && i < sizeof parts / sizeof *parts; i++)
        if (strcmp(words[1], parts[i].name) == 0)
            return parts[i].run(count - 2, words + 2);
    return 2;
}
