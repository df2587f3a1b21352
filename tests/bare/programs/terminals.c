/*
 * Terminals and sockets, as programs use them. It prints what comes of each thing it does, and prints the same on Linux and on
 * a bare machine; nothing that depends on the moment is printed.
 *
 *     terminals PART...
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int check(const char *what, int result) {
    if (result < 0) {
        printf("%s: %s\n", what, strerror(errno));
        exit(1);
    }
    return result;
}

static void show(const char *what, const char *bytes, ssize_t size) {
    printf("%s: %d:", what, (int)size);
    for (ssize_t i = 0; i < size; i++)
        printf(bytes[i] >= ' ' && bytes[i] < 127 ? "%c" : "<%02x>", (unsigned char)bytes[i]);
    printf("\n");
}

static void show_read(const char *what, int file) {
    char bytes[256];
    ssize_t size = read(file, bytes, sizeof(bytes));
    if (size < 0)
        printf("%s: %s\n", what, strerror(errno));
    else
        show(what, bytes, size);
}

/* ---- terminals ---- */

static int open_master(char *name, size_t size) {
    int master = check("ptmx", open("/dev/ptmx", O_RDWR | O_NOCTTY)), locked = 0, number;
    check("unlock", ioctl(master, TIOCSPTLCK, &locked));
    check("number", ioctl(master, TIOCGPTN, &number));
    snprintf(name, size, "/dev/pts/%d", number);
    return master;
}

static void lines(void) {
    char name[32];
    struct termios settings;
    struct winsize window = {.ws_row = 24, .ws_col = 80};
    int master = open_master(name, sizeof(name)), slave = check("slave", open(name, O_RDWR | O_NOCTTY));
    printf("is a terminal: %d\n", isatty(slave));
    check("type", (int)write(master, "hallp\177o\r", 8));
    show_read("echo", master);
    show_read("line", slave);
    check("put out", (int)write(slave, "a\tb\n", 4));
    show_read("output", master);
    check("get", tcgetattr(slave, &settings));
    settings.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    settings.c_cc[VMIN] = 3;
    check("set", tcsetattr(slave, TCSANOW, &settings));
    check("type", (int)write(master, "xyz", 3));
    show_read("raw", slave);
    check("window", ioctl(master, TIOCSWINSZ, &window));
    memset(&window, 0, sizeof(window));
    check("window", ioctl(slave, TIOCGWINSZ, &window));
    printf("window %d x %d\n", window.ws_row, window.ws_col);
    close(slave);
    show_read("nobody is left", master);
    close(master);
    printf("gone: %d\n", access(name, F_OK) == 0);
}

static void on_signal(int signal) {
    (void)signal;
}

/* A session of its own on the terminal: what is typed interrupts it. */
static void session(const char *name, int ready) {
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, &before);
    sigaction(SIGINT, &action, NULL);
    check("setsid", setsid());
    int slave = check("slave", open(name, O_RDWR));
    int own = check("/dev/tty", open("/dev/tty", O_RDWR));
    printf("leads: %d, in front: %d\n", tcgetsid(own) == getpid(), tcgetpgrp(slave) == getpid());
    fflush(stdout);
    check("ready", (int)write(ready, "r", 1));
    sigsuspend(&before);
    printf("interrupted\n");
    show_read("after it", slave);
    fflush(stdout);
    signal(SIGHUP, SIG_DFL);
    check("ready", (int)write(ready, "r", 1));
    for (;;)
        pause();
}

static void jobs(void) {
    char name[32], byte;
    int ready[2], status;
    int master = open_master(name, sizeof(name));
    check("pipe", pipe(ready));
    fflush(stdout);
    pid_t child = check("fork", fork());
    if (child == 0) {
        close(master);
        session(name, ready[1]);
    }
    check("wait", (int)read(ready[0], &byte, 1));
    check("type", (int)write(master, "lost\003", 5));
    check("type", (int)write(master, "kept\n", 5));
    check("wait", (int)read(ready[0], &byte, 1));
    close(master); /* hangs up */
    check("waitpid", waitpid(child, &status, 0));
    printf("ended by signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

/* ---- sockets ---- */

static void send_descriptor(int to, int file) {
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec vector = {.iov_base = (char[]){'d'}, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &file, sizeof(file));
    check("sendmsg", (int)sendmsg(to, &message, 0));
}

static int receive_descriptor(int from) {
    char control[CMSG_SPACE(sizeof(int))] = {0}, byte;
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    int file;
    check("recvmsg", (int)recvmsg(from, &message, 0));
    memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(file));
    return file;
}

static void sockets(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/tmp/bare-terminals"};
    struct stat status;
    struct ucred credentials;
    socklen_t size = sizeof(credentials);
    int code, ends[2];
    (void)unlink(name.sun_path);
    int listener = check("socket", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    check("bind", bind(listener, (struct sockaddr *)&name, sizeof(name)));
    check("listen", listen(listener, 5));
    check("stat", stat(name.sun_path, &status));
    printf("a socket: %d\n", S_ISSOCK(status.st_mode));
    fflush(stdout);
    pid_t child = check("fork", fork());
    if (child == 0) {
        int end = check("socket", socket(AF_UNIX, SOCK_STREAM, 0));
        check("connect", connect(end, (struct sockaddr *)&name, sizeof(name)));
        check("write", (int)write(end, "from the child", 14));
        show_read("child", receive_descriptor(end));
        fflush(stdout);
        _exit(0);
    }
    int end = check("accept", accept(listener, NULL, NULL));
    show_read("parent", end);
    check("peer", getsockopt(end, SOL_SOCKET, SO_PEERCRED, &credentials, &size));
    printf("the peer is the child: %d\n", credentials.pid == child);
    check("pipe", pipe(ends));
    check("write", (int)write(ends[1], "through a pipe that travelled", 29));
    send_descriptor(end, ends[0]);
    check("waitpid", waitpid(child, &code, 0));
    show_read("the end", end);
    struct pollfd watched = {.fd = end, .events = POLLIN};
    check("poll", poll(&watched, 1, 0));
    printf("poll: %#x\n", (unsigned)watched.revents);
    signal(SIGPIPE, SIG_IGN);
    printf("write: %s\n", write(end, "x", 1) < 0 ? strerror(errno) : "done");
    check("unlink", unlink(name.sun_path));
}

/* Messages to and fro between two processes, some thousand times. */
static void trips(void) {
    int ends[2], code;
    uint32_t number = 0;
    check("socketpair", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
    fflush(stdout);
    pid_t child = check("fork", fork());
    if (child == 0) {
        close(ends[0]);
        while (read(ends[1], &number, sizeof(number)) == (ssize_t)sizeof(number)) {
            number++;
            check("answer", (int)write(ends[1], &number, sizeof(number)));
        }
        _exit(0);
    }
    close(ends[1]);
    for (int i = 0; i < 3000; i++) {
        check("ask", (int)write(ends[0], &number, sizeof(number)));
        check("read", (int)read(ends[0], &number, sizeof(number)));
    }
    close(ends[0]);
    check("waitpid", waitpid(child, &code, 0));
    printf("trips: %u, ended %d\n", number, code);
}

int main(int count, char **words) {
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"lines", lines}, {"jobs", jobs}, {"sockets", sockets}, {"trips", trips}};
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ); /* a console or a pipe: said at the same moments, so in the same order */
    for (int i = 1; i < count; i++)
        for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++)
            if (strcmp(words[i], parts[j].name) == 0) {
                printf("%s\n", parts[j].name);
                parts[j].run();
            }
    return 0;
}
