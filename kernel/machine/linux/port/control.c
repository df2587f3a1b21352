/*
 * The control socket: where shells connect.
 *
 * Who may: the kernel's own user and root. The run folder is private (0700) and the socket 0600; the credentials that
 * Linux recorded at connect time are checked all the same. A refused connection gets one INIT packet whose status says
 * why, so that the shell can explain it.
 *
 * One kernel a folder: kernel.pid is locked with a POSIX record lock, which ends with the process whatever ends it and
 * is not inherited by its children; F_GETLK names the holder even if the file says something else.
 *
 * No descriptor left: a spare one is given up for the time of one accept, so that the caller learns what is wrong instead
 * of waiting, and listening pauses a moment.
 */
#include "kernel/machine/linux/port/packet.h"
#include "kernel/machine/linux/port/port.h"
#include "kernel/machine/linux/sentence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX 1024u
#define ACCEPTS_PER_TURN 8
#define BACKLOG 128
#define PAUSE_NS UINT64_C(100000000)

static int listener = -1;
static int lock = -1;
static int spare = -1;
static char socket_path[sizeof((struct sockaddr_un *)0)->sun_path];
static char lock_path[4096];

static void refuse(int descriptor, int status) {
    struct grove_message message = {
        .version = GROVE_PORT_VERSION, .operation = GROVE_NOTICE_INIT, .status = status, .time_ns = machine_clock_ns()};
    bool can_be_polled;
    (void)packet_send(descriptor, &message, NULL, 0, &can_be_polled);
    close(descriptor);
}

static void serve(struct linux_machine *machine, int descriptor) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        close(descriptor);
    } else if (peer.uid != machine->user && peer.uid != 0) {
        refuse(descriptor, GROVE_DENIED);
    } else if (port_client_count() >= CLIENTS_MAX) {
        refuse(descriptor, GROVE_EXHAUSTED);
    } else {
        char name[GROVE_NAME_MAX + 1];
        snprintf(name, sizeof name, "shell.%ld", (long)peer.pid);
        int status = port_open_client(machine, descriptor, name, peer.uid, peer.pid);
        if (status < 0)
            fprintf(stderr, "groved: a shell (process %ld) was turned away: %s\n", (long)peer.pid,
                    linux_sentence(status));
    }
}

static void resume_listening(struct loop *loop, void *context) {
    (void)context;
    if (listener >= 0)
        (void)loop_change(loop, listener, EPOLLIN);
}

static void pause_listening(struct loop *loop) {
    uint64_t timer;
    if (loop_at(loop, machine_clock_ns() + PAUSE_NS, resume_listening, NULL, &timer) == 0)
        (void)loop_change(loop, listener, 0);
}

static void turn_away_with_spare(struct loop *loop) {
    if (spare >= 0)
        close(spare);
    int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor >= 0)
        refuse(descriptor, GROVE_NO_DESCRIPTORS);
    spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pause_listening(loop);
}

static void control_readable(struct loop *loop, int descriptor, uint32_t events, void *context) {
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int accepted = accept4(descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (accepted >= 0) {
            serve(context, accepted);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE)
            turn_away_with_spare(loop);
        else if (errno == ENOMEM || errno == ENOBUFS)
            pause_listening(loop);
        return;
    }
}

static pid_t lock_holder(int descriptor) {
    struct flock asked = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(descriptor, F_GETLK, &asked) == 0 && asked.l_type != F_UNLCK ? asked.l_pid : 0;
}

int control_lock(const char *run_folder, char *problem, size_t problem_bytes) {
    snprintf(lock_path, sizeof lock_path, "%s/kernel.pid", run_folder);
    int descriptor = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) {
        snprintf(problem, problem_bytes, "cannot write %s: %s; name another run folder with --run", lock_path,
                 strerror(errno));
        return GROVE_IO;
    }
    struct flock wanted = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(descriptor, F_SETLK, &wanted) < 0) {
        snprintf(problem, problem_bytes,
                 "another kernel, process %ld, uses the run folder %s; stop it, or name another folder with --run",
                 (long)lock_holder(descriptor), run_folder);
        close(descriptor);
        return GROVE_EXISTS;
    }
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(descriptor, 0) < 0 || pwrite(descriptor, text, (size_t)length, 0) != length)
        fprintf(stderr, "groved: cannot write %s: %s; the lock holds all the same\n", lock_path, strerror(errno));
    lock = descriptor;
    return 0;
}

static int listen_on(const char *path, char *problem, size_t problem_bytes) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t path_bytes = strlen(path) + 1;
    if (path_bytes > sizeof address.sun_path) {
        snprintf(problem, problem_bytes, "the path of the control socket %s is too long; name a shorter run folder",
                 path);
        return GROVE_TOO_LARGE;
    }
    memcpy(address.sun_path, path, path_bytes);
    memcpy(socket_path, path, path_bytes);
    int made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)unlink(path); /* left by an earlier kernel: the lock says that none runs here now */
    mode_t before = umask(0177);
    int bound = made < 0 ? -1 : bind(made, (struct sockaddr *)&address, sizeof address);
    umask(before);
    if (bound < 0 || listen(made, BACKLOG) < 0) {
        snprintf(problem, problem_bytes, "cannot listen on %s: %s", path, strerror(errno));
        if (made >= 0)
            close(made);
        return GROVE_IO;
    }
    listener = made;
    return 0;
}

int control_open(struct linux_machine *machine, char *problem, size_t problem_bytes) {
    char path[4096];
    snprintf(path, sizeof path, "%s/kernel.sock", machine->options.run_folder);
    int status = listen_on(path, problem, problem_bytes);
    if (status < 0)
        return status;
    spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    status = loop_watch(machine->loop, listener, EPOLLIN, control_readable, machine);
    if (status < 0) {
        snprintf(problem, problem_bytes, "cannot watch the control socket");
        control_close();
    }
    return status;
}

void control_close(void) {
    if (listener >= 0) {
        loop_forget(linux_machine->loop, listener);
        close(listener);
        (void)unlink(socket_path);
    }
    if (spare >= 0)
        close(spare);
    if (lock >= 0) {
        /* Emptied and not removed: a file with a lock that two could hold, each on an inode of its own, locks nothing. */
        (void)!ftruncate(lock, 0);
        close(lock);
    }
    listener = spare = lock = -1;
}
