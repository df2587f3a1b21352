/* AF_UNIX sockets in a container with network capabilities: they work as without a broker, within the container. */
#include "harness.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>

static char folder[64];

static int make_folder(void **state) {
    strcpy(folder, "/tmp/local-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0777), 0);
    return harness_reset(state);
}

static int remove_folder(void **state) {
    char path[96];
    static const char *const names[] = {"stream", "datagram", "client"};
    for (unsigned i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
    return harness_check(state);
}

static struct sockaddr_un place(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", name);
    return address;
}

static void use_paths(void *context) {
    (void)context;
    EXPECT(chdir(folder) == 0);
    if (geteuid() == 0)
        EXPECT(setgid(65534) == 0 && setuid(65534) == 0);
    (void)umask(027);
    struct sockaddr_un address = place("stream"), seen;
    socklen_t bytes = sizeof seen;
    struct stat about;
    struct ucred peer;
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT(bind(server, (struct sockaddr *)&address, sizeof address) == 0);
    EXPECT(listen(server, 5) == 0);
    EXPECT(stat("stream", &about) == 0 && about.st_uid == geteuid() && (about.st_mode & 0777) == 0750);
    EXPECT(getsockname(server, (struct sockaddr *)&seen, &bytes) == 0 && strcmp(seen.sun_path, "stream") == 0);
    EXPECT(connect(client, (struct sockaddr *)&address, sizeof address) == 0);
    int served = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    bytes = sizeof peer;
    EXPECT(getsockopt(served, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 && peer.uid == geteuid());
    bytes = sizeof peer;
    EXPECT(getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 && peer.uid == geteuid());
    address = place("missing");
    client = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_ERROR(connect(client, (struct sockaddr *)&address, sizeof address), ENOENT);
    address = place("/etc/not-allowed-here");
    EXPECT(bind(client, (struct sockaddr *)&address, sizeof address) < 0 && (errno == EACCES || geteuid() == 0));
}

static void paths_work_with_the_callers_identity(void **state) {
    (void)state;
    run_confined(use_paths, NULL);
}

static void send_datagrams(void *context) {
    (void)context;
    EXPECT(chdir(folder) == 0);
    struct sockaddr_un there = place("datagram"), here = place("client"), from;
    socklen_t bytes = sizeof from;
    char text[16];
    int server = socket(AF_UNIX, SOCK_DGRAM, 0), client = socket(AF_UNIX, SOCK_DGRAM, 0);
    EXPECT(bind(server, (struct sockaddr *)&there, sizeof there) == 0);
    EXPECT(bind(client, (struct sockaddr *)&here, sizeof here) == 0);
    EXPECT(sendto(client, "question", 8, 0, (struct sockaddr *)&there, sizeof there) == 8);
    EXPECT(recvfrom(server, text, sizeof text, 0, (struct sockaddr *)&from, &bytes) == 8);
    EXPECT(strcmp(from.sun_path, "client") == 0);
    struct iovec vector = {(void *)(uintptr_t) "answer", 6};
    struct msghdr header = {.msg_name = &from, .msg_namelen = bytes, .msg_iov = &vector, .msg_iovlen = 1};
    EXPECT(sendmsg(server, &header, 0) == 6);
    EXPECT(recv(client, text, sizeof text, 0) == 6);
}

static void datagrams_can_be_answered(void **state) {
    (void)state;
    run_confined(send_datagrams, NULL);
}

static ssize_t pass(int socket, int descriptor) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec vector = {(void *)(uintptr_t) "d", 1};
    struct msghdr header = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    return sendmsg(socket, &header, 0);
}

static void pass_descriptors(void *context) {
    (void)context;
    int pair[2], ends[2];
    char byte;
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pipe(ends) == 0);
    EXPECT(pass(pair[0], ends[1]) == 1);
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec vector = {&byte, 1};
    struct msghdr header = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    EXPECT(recvmsg(pair[1], &header, 0) == 1 && header.msg_controllen > 0);
    int received;
    memcpy(&received, CMSG_DATA(&control.header), sizeof received);
    EXPECT(write(received, "p", 1) == 1 && read(ends[0], &byte, 1) == 1 && byte == 'p');
    EXPECT_ERROR(pass(pair[0], 99), EBADF);
    /* A socket of the host network is not passed on. */
    int internet = socket(AF_INET, SOCK_DGRAM, 0);
    EXPECT(internet >= 0);
    EXPECT_ERROR(pass(pair[0], internet), EACCES);
}

static void descriptors_pass_but_not_the_network(void **state) {
    (void)state;
    run_confined(pass_descriptors, NULL);
}

static socklen_t abstract(struct sockaddr_un *address, const char *name) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path + 1, name, strlen(name));
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

static void use_abstract_names(void *context) {
    (void)context;
    struct sockaddr_un address;
    socklen_t bytes = abstract(&address, "grove-test-own");
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_ERROR(connect(client, (struct sockaddr *)&address, bytes), ECONNREFUSED);
    EXPECT(bind(server, (struct sockaddr *)&address, bytes) == 0 && listen(server, 1) == 0);
    EXPECT(connect(client, (struct sockaddr *)&address, bytes) == 0);
    /* Another container listens there, in the same network namespace (see the harness). */
    bytes = abstract(&address, "grove-test-other");
    EXPECT_ERROR(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, bytes), ECONNREFUSED);
    EXPECT_ERROR(bind(client, (struct sockaddr *)&address, sizeof(sa_family_t)), EINVAL);
}

static void abstract_names_stay_inside(void **state) {
    (void)state;
    run_confined(use_abstract_names, NULL);
}

int main(void) {
#define TRIED(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TRIED(paths_work_with_the_callers_identity),
        TRIED(datagrams_can_be_answered),
        TRIED(descriptors_pass_but_not_the_network),
        TRIED(abstract_names_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
