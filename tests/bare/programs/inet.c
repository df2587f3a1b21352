/*
 * Internet sockets over the loopback, as programs use them. It prints what comes of each thing it does, and prints the same on
 * Linux and on a bare machine; nothing that depends on the moment is printed.
 *
 *     inet PART...
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT 15502
#define CLIENTS 8
#define CONNECTIONS 25 /* of each, one after the other */
#define LARGE_BYTES (4u << 20)

static int check(const char *what, int result) {
    if (result < 0) {
        printf("%s: %s\n", what, strerror(errno));
        exit(1);
    }
    return result;
}

static void show(const char *what, long result) {
    if (result < 0)
        printf("%s: %s\n", what, strerror(errno));
    else
        printf("%s: %ld\n", what, result);
}

static struct sockaddr_in at(const char *address, int port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, address, &name.sin_addr);
    return name;
}

static int try_connect(int file, const char *address, int port) {
    struct sockaddr_in name = at(address, port);
    return connect(file, (struct sockaddr *)&name, sizeof(name));
}

static int try_bind(int file, const char *address, int port) {
    struct sockaddr_in name = at(address, port);
    return bind(file, (struct sockaddr *)&name, sizeof(name));
}

static int listen_at(const char *address, int port, int backlog) {
    int file = check("socket", socket(AF_INET, SOCK_STREAM, 0)), on = 1;
    check("SO_REUSEADDR", setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
    check("bind", try_bind(file, address, port));
    check("listen", listen(file, backlog));
    return file;
}

static void make_pair(int pair[2]) {
    int listener = listen_at("127.0.0.1", PORT, 5);
    pair[0] = check("socket", socket(AF_INET, SOCK_STREAM, 0));
    check("connect", try_connect(pair[0], "127.0.0.1", PORT));
    pair[1] = check("accept", accept(listener, NULL, NULL));
    close(listener);
}

static void show_name(const char *what, int file, bool of_peer) {
    struct sockaddr_in name;
    socklen_t size = sizeof(name);
    char text[32];
    int result = of_peer ? getpeername(file, (struct sockaddr *)&name, &size)
                         : getsockname(file, (struct sockaddr *)&name, &size);
    if (result < 0) {
        printf("%s: %s\n", what, strerror(errno));
        return;
    }
    int port = ntohs(name.sin_port);
    printf("%s: %s:%s%d\n", what, inet_ntop(AF_INET, &name.sin_addr, text, sizeof(text)), port >= 32768 ? "chosen" : "",
           port >= 32768 ? 0 : port);
}

static int poll_of(int file) {
    struct pollfd polled = {.fd = file, .events = POLLIN | POLLOUT | POLLRDHUP};
    return check("poll", poll(&polled, 1, 0)) > 0 ? polled.revents : 0;
}

/* Until it says so, or ten seconds: nothing that is printed depends on how long it takes. */
static int poll_for(int file, short events) {
    struct pollfd polled = {.fd = file, .events = events};
    return check("poll", poll(&polled, 1, 10000)) > 0 ? polled.revents : 0;
}

/* ---- parts ---- */

static void names(void) {
    int first = check("socket", socket(AF_INET, SOCK_STREAM, 0)), second = check("socket", socket(AF_INET, SOCK_STREAM, 0));
    int error;
    socklen_t size = sizeof(error);
    show_name("new", first, false);
    show_name("peer of a new one", first, true);
    show("nobody listens", try_connect(first, "127.0.0.1", 1));
    show("bind elsewhere", try_bind(first, "10.1.2.3", 0));
    show("bind", try_bind(first, "127.0.0.1", PORT));
    show("bind again", try_bind(first, "127.0.0.1", PORT + 1));
    show("bind the same", try_bind(second, "127.0.0.1", PORT));
    show("bind another address", try_bind(second, "127.0.0.2", PORT));
    show_name("bound", first, false);
    show("accept without listening", accept(first, NULL, NULL));
    show("listen", listen(first, 3));
    check("not blocking", fcntl(second, F_SETFL, O_NONBLOCK));
    show("connect", try_connect(second, "127.0.0.1", PORT));
    printf("writable: %#x\n", poll_for(second, POLLOUT));
    show("connect again", try_connect(second, "127.0.0.1", PORT));
    show("and again", try_connect(second, "127.0.0.1", PORT));
    show("SO_ERROR", getsockopt(second, SOL_SOCKET, SO_ERROR, &error, &size));
    show_name("connected", second, false);
    show_name("to", second, true);
    close(first);
    close(second);
    show("raw", socket(AF_INET, SOCK_SEQPACKET, 0));
    show("a protocol of another type", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
}

static void ends(void) {
    int pair[2];
    char bytes[64];
    struct linger cut = {.l_onoff = 1};
    make_pair(pair);
    show("write", write(pair[0], "hello", 5));
    show("shut", shutdown(pair[0], SHUT_WR));
    signal(SIGPIPE, SIG_IGN);
    show("write after that", write(pair[0], "x", 1));
    show("read", read(pair[1], bytes, sizeof(bytes)));
    show("read the end", read(pair[1], bytes, sizeof(bytes)));
    printf("poll: %#x\n", poll_of(pair[1]));
    show("the other half", write(pair[1], "bye", 3));
    show("is read", read(pair[0], bytes, sizeof(bytes)));
    close(pair[1]);
    show("and ends", read(pair[0], bytes, sizeof(bytes)));
    close(pair[0]);
    make_pair(pair);
    check("SO_LINGER", setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &cut, sizeof(cut)));
    close(pair[0]);
    printf("poll after a reset: %#x\n", poll_for(pair[1], POLLIN));
    show("read after a reset", read(pair[1], bytes, sizeof(bytes)));
    show("once more", read(pair[1], bytes, sizeof(bytes)));
    show("write", write(pair[1], "x", 1));
    close(pair[1]);
    make_pair(pair);
    show("write what nobody reads", write(pair[1], "unread", 6));
    printf("it came: %#x\n", poll_for(pair[0], POLLIN));
    close(pair[0]);
    show("read", read(pair[1], bytes, sizeof(bytes)));
    close(pair[1]);
}

static void flags(void) {
    int pair[2], waiting = 0;
    char bytes[64] = {0}, first[] = "one ", second[] = "two";
    struct timeval timeout = {.tv_usec = 20000};
    make_pair(pair);
    show("not waiting", recv(pair[1], bytes, 10, MSG_DONTWAIT));
    show("write", write(pair[0], "abcdef", 6));
    show("peek", recv(pair[1], bytes, 3, MSG_PEEK));
    printf("peeked %s\n", bytes);
    check("FIONREAD", ioctl(pair[1], FIONREAD, &waiting));
    printf("waiting: %d\n", waiting);
    show("whole", recv(pair[1], bytes, 6, MSG_WAITALL));
    printf("read %s\n", bytes);
    check("SO_RCVTIMEO", setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
    show("after a while", recv(pair[1], bytes, 10, 0));
    struct iovec parts[2] = {{.iov_base = first, .iov_len = 4}, {.iov_base = second, .iov_len = 3}};
    show("writev", writev(pair[0], parts, 2));
    show("sent to a name", sendto(pair[0], "!", 1, 0, (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET},
                                  sizeof(struct sockaddr_in)));
    show("read", recv(pair[1], bytes, 8, MSG_WAITALL));
    printf("read %.8s\n", bytes);
    close(pair[0]);
    close(pair[1]);
}

static void options(void) {
    static const int asked[][2] = {{SOL_SOCKET, SO_TYPE},        {SOL_SOCKET, SO_PROTOCOL},   {SOL_SOCKET, SO_DOMAIN},
                                   {SOL_SOCKET, SO_SNDBUF},      {SOL_SOCKET, SO_RCVBUF},     {SOL_SOCKET, SO_KEEPALIVE},
                                   {IPPROTO_TCP, TCP_NODELAY},   {IPPROTO_TCP, TCP_KEEPIDLE}, {IPPROTO_TCP, TCP_KEEPINTVL},
                                   {IPPROTO_TCP, TCP_KEEPCNT},   {IPPROTO_TCP, TCP_CORK},     {IPPROTO_TCP, TCP_DEFER_ACCEPT},
                                   {IPPROTO_TCP, TCP_MAXSEG},    {IPPROTO_IP, IP_TTL},        {IPPROTO_IP, IP_TOS},
                                   {IPPROTO_TCP, TCP_USER_TIMEOUT}};
    int file = check("socket", socket(AF_INET, SOCK_STREAM, 0)), value = 1, pair[2];
    check("TCP_NODELAY", setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value)));
    value = 30;
    check("TCP_KEEPIDLE", setsockopt(file, IPPROTO_TCP, TCP_KEEPIDLE, &value, sizeof(value)));
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        socklen_t size = sizeof(value);
        int result = getsockopt(file, asked[i][0], asked[i][1], &value, &size);
        printf("option %d of %d: %s %d\n", asked[i][1], asked[i][0], result < 0 ? strerror(errno) : "is", value);
    }
    value = 0;
    show("TCP_KEEPIDLE of 0", setsockopt(file, IPPROTO_TCP, TCP_KEEPIDLE, &value, sizeof(value)));
    show("no such option", setsockopt(file, IPPROTO_TCP, 99, &value, sizeof(value)));
    close(file);
    make_pair(pair);
    struct tcp_info info;
    socklen_t size = sizeof(info);
    check("TCP_INFO", getsockopt(pair[0], IPPROTO_TCP, TCP_INFO, &info, &size));
    printf("state: %d\n", info.tcpi_state);
    close(pair[0]);
    close(pair[1]);
}

static void datagrams(void) {
    int first = check("socket", socket(AF_INET, SOCK_DGRAM, 0)), second = check("socket", socket(AF_INET, SOCK_DGRAM, 0));
    struct sockaddr_in name = at("127.0.0.1", PORT), from;
    socklen_t size = sizeof(from);
    char bytes[64];
    static char large[65508];
    show("to nobody in particular", send(first, "x", 1, 0));
    show("to nobody", sendto(first, "x", 1, 0, (struct sockaddr *)&name, sizeof(name)));
    show("bind", try_bind(second, "127.0.0.1", PORT));
    show("send", sendto(first, "hello", 5, 0, (struct sockaddr *)&name, sizeof(name)));
    show("empty", sendto(first, "", 0, 0, (struct sockaddr *)&name, sizeof(name)));
    show("receive", recvfrom(second, bytes, 3, MSG_TRUNC, (struct sockaddr *)&from, &size));
    printf("from %s, %u bytes\n", inet_ntoa(from.sin_addr), size);
    show("receive", recv(second, bytes, sizeof(bytes), 0));
    show("connect", try_connect(first, "127.0.0.1", PORT));
    show("send", send(first, "again", 5, 0));
    show("receive", recv(second, bytes, sizeof(bytes), 0));
    show("too long", send(first, large, sizeof(large), 0));
    show("as long as can be", send(first, large, sizeof(large) - 1, 0));
    show("receive", recv(second, bytes, sizeof(bytes), 0));
    close(second);
    show("nobody is there", send(first, "x", 1, 0));
    show("is told", recv(first, bytes, sizeof(bytes), 0));
    close(first);
}

static void versions(void) {
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_addr = IN6ADDR_ANY_INIT}, from;
    struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t size = sizeof(from);
    char text[64];
    int listener = socket(AF_INET6, SOCK_STREAM, 0), on = 1;
    check("SO_REUSEADDR", setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
    check("bind", bind(listener, (struct sockaddr *)&any, sizeof(any)));
    check("listen", listen(listener, 5));
    int v4 = socket(AF_INET, SOCK_STREAM, 0), v6 = socket(AF_INET6, SOCK_STREAM, 0);
    show("by version 4", try_connect(v4, "127.0.0.1", PORT));
    show("by version 6", connect(v6, (struct sockaddr *)&here, sizeof(here)));
    for (int i = 0; i < 2; i++) {
        size = sizeof(from);
        int file = check("accept", accept(listener, (struct sockaddr *)&from, &size));
        printf("from %s\n", inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof(text)));
        close(file);
    }
    close(v4);
    close(v6);
    close(listener);
}

static void interfaces(void) {
    int file = check("socket", socket(AF_INET, SOCK_DGRAM, 0));
    struct ifreq request = {.ifr_name = "lo"};
    check("SIOCGIFFLAGS", ioctl(file, SIOCGIFFLAGS, &request));
    printf("flags %#x\n", request.ifr_flags);
    check("SIOCGIFADDR", ioctl(file, SIOCGIFADDR, &request));
    printf("address %s\n", inet_ntoa(((struct sockaddr_in *)(void *)&request.ifr_addr)->sin_addr));
    check("SIOCGIFNETMASK", ioctl(file, SIOCGIFNETMASK, &request));
    printf("mask %s\n", inet_ntoa(((struct sockaddr_in *)(void *)&request.ifr_netmask)->sin_addr));
    check("SIOCGIFMTU", ioctl(file, SIOCGIFMTU, &request));
    printf("mtu %d\n", request.ifr_mtu);
    check("SIOCGIFINDEX", ioctl(file, SIOCGIFINDEX, &request));
    printf("index %d\n", request.ifr_ifindex);
    strcpy(request.ifr_name, "none0");
    show("no such device", ioctl(file, SIOCGIFFLAGS, &request));
    close(file);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *found;
    show("getaddrinfo", getaddrinfo("127.0.0.1", "80", &hints, &found));
    freeaddrinfo(found);
}

/* ---- many at once ---- */

static void *echo(void *argument) {
    int file = (int)(intptr_t)argument;
    char bytes[4096];
    ssize_t size;
    while ((size = read(file, bytes, sizeof(bytes))) > 0)
        for (ssize_t done = 0, written; done < size; done += written)
            if ((written = write(file, bytes + done, (size_t)(size - done))) <= 0)
                goto out;
out:
    close(file);
    return NULL;
}

static void *serve(void *argument) {
    int listener = (int)(intptr_t)argument;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < CLIENTS * CONNECTIONS; i++) {
        pthread_t thread;
        int file = check("accept", accept(listener, NULL, NULL));
        check("thread", -pthread_create(&thread, &attributes, echo, (void *)(intptr_t)file));
    }
    return NULL;
}

static void *ask(void *argument) {
    long number = (long)(intptr_t)argument, wrong = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        int file = check("socket", socket(AF_INET, SOCK_STREAM, 0));
        unsigned char sent[3000], got[3000];
        size_t size = (size_t)(100 + 37 * i + 11 * number), done = 0;
        check("connect", try_connect(file, "127.0.0.1", PORT));
        for (size_t at = 0; at < size; at++)
            sent[at] = (unsigned char)(at * 7 + (size_t)number + (size_t)i);
        check("write", (int)write(file, sent, size));
        check("shut", shutdown(file, SHUT_WR));
        ssize_t part;
        while ((part = read(file, got + done, sizeof(got) - done)) > 0)
            done += (size_t)part;
        wrong += part < 0 || done != size || memcmp(sent, got, size) != 0;
        close(file);
    }
    return (void *)wrong;
}

static void many(void) {
    pthread_t server, clients[CLIENTS];
    int listener = listen_at("127.0.0.1", PORT, 64);
    long wrong = 0;
    pthread_create(&server, NULL, serve, (void *)(intptr_t)listener);
    for (long i = 0; i < CLIENTS; i++)
        pthread_create(&clients[i], NULL, ask, (void *)(intptr_t)i);
    for (int i = 0; i < CLIENTS; i++) {
        void *result;
        pthread_join(clients[i], &result);
        wrong += (long)(intptr_t)result;
    }
    pthread_join(server, NULL);
    close(listener);
    printf("%d connections, %ld wrong\n", CLIENTS * CONNECTIONS, wrong);
}

static unsigned char large_byte(size_t at) {
    return (unsigned char)(at * 31 + at / 4096);
}

static void *fill(void *argument) {
    int file = (int)(intptr_t)argument;
    static unsigned char bytes[70000];
    for (size_t at = 0; at < LARGE_BYTES;) {
        size_t size = LARGE_BYTES - at < sizeof(bytes) ? LARGE_BYTES - at : sizeof(bytes);
        for (size_t i = 0; i < size; i++)
            bytes[i] = large_byte(at + i);
        ssize_t written = write(file, bytes, size);
        at += (size_t)check("write", (int)written);
    }
    shutdown(file, SHUT_WR);
    return NULL;
}

static void large(void) {
    static unsigned char bytes[50000];
    int pair[2];
    pthread_t thread;
    size_t total = 0, wrong = 0;
    ssize_t size;
    make_pair(pair);
    pthread_create(&thread, NULL, fill, (void *)(intptr_t)pair[0]);
    while ((size = read(pair[1], bytes, sizeof(bytes))) > 0)
        for (ssize_t i = 0; i < size; i++)
            wrong += bytes[i] != large_byte(total++);
    pthread_join(thread, NULL);
    close(pair[0]);
    close(pair[1]);
    printf("%zu bytes, %zu wrong\n", total, wrong);
}

/* One thread, edge-triggered, with everything non-blocking. */
static void edges(void) {
    int pair[2], set = check("epoll", epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET}, got;
    static char bytes[100000];
    long sent = 0, received = 0;
    make_pair(pair);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
    event.data.fd = pair[0];
    check("add", epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event));
    check("wait", epoll_wait(set, &got, 1, 10000));
    printf("at first: %#x\n", got.events);
    printf("nothing new: %d\n", epoll_wait(set, &got, 1, 0));
    for (ssize_t size; (size = write(pair[0], bytes, sizeof(bytes))) > 0;)
        sent += size;
    printf("it is full: %s\n", strerror(errno));
    while (epoll_wait(set, &got, 1, 0) > 0) {
    }
    for (int tries = 0; received < sent && tries < 10000; tries++) {
        if (poll_for(pair[1], POLLIN) == 0)
            break;
        for (ssize_t size; (size = read(pair[1], bytes, sizeof(bytes))) > 0;)
            received += size;
    }
    printf("all came: %d\n", received == sent);
    printf("there is room: %d\n", epoll_wait(set, &got, 1, 10000));
    close(pair[1]);
    check("wait", epoll_wait(set, &got, 1, 10000));
    printf("the other end closed: %d\n", (got.events & EPOLLRDHUP) != 0);
    close(pair[0]);
    close(set);
}

/* A child of its own serves, as servers that fork do. */
static void forks(void) {
    int listener = listen_at("127.0.0.1", PORT, 5), status;
    char bytes[16] = {0};
    pid_t child = fork();
    if (child == 0) {
        int file = accept(listener, NULL, NULL);
        _exit(write(file, "from a child", 12) == 12 ? 7 : 1);
    }
    close(listener);
    int file = check("socket", socket(AF_INET, SOCK_STREAM, 0));
    show("connect", try_connect(file, "127.0.0.1", PORT));
    show("read", recv(file, bytes, 12, MSG_WAITALL));
    printf("%s\n", bytes);
    show("the end", read(file, bytes, 1));
    check("wait", waitpid(child, &status, 0));
    printf("child: %d\n", WEXITSTATUS(status));
    close(file);
}

int main(int count, char **arguments) {
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"names", names},           {"ends", ends},   {"flags", flags}, {"options", options},
                 {"datagrams", datagrams},   {"versions", versions}, {"interfaces", interfaces},
                 {"many", many},             {"large", large}, {"edges", edges}, {"forks", forks}};
    for (int i = 1; i < count; i++)
        for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++)
            if (strcmp(parts[part].name, arguments[i]) == 0) {
                printf("---- %s\n", arguments[i]);
                parts[part].run();
                fflush(stdout);
            }
    return 0;
}
