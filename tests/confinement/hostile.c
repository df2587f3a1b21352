/*
 * A hostile program: it runs inside a container and tries one attack, named by its first argument.
 *
 * Exit status: 0 the attack was stopped as it should be, 1 it worked, 2 it failed in a way that nobody expects, 3 it cannot
 * be tried on this machine. FOLDER is a folder it was given to write; beside it, not given, lies the file "secret".
 */
#include "tests/confinement/hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *folder;
const char *hostile_parameter;
static char **program_arguments;

int judge(long result, int expected, int also) {
    if (result >= 0)
        return WORKED;
    if (errno == expected || errno == also)
        return STOPPED;
    (void)printf("unexpected: %s\n", strerror(errno));
    return STRANGE;
}

const char *in_folder(const char *name) {
    static char path[2][512];
    static unsigned turn;
    turn ^= 1;
    (void)snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

/* ---- files ---- */

static int read_shadow(void) {
    return judge(open("/etc/shadow", O_RDONLY), ENOENT, ENOENT);
}

static int read_home(void) {
    return judge(open("/root", O_RDONLY | O_DIRECTORY), ENOENT, ENOENT);
}

static int dot_dot(void) {
    return judge(open(in_folder("../secret"), O_RDONLY), ENOENT, ENOENT);
}

static int symbolic_link(void) {
    if (symlink("../secret", in_folder("link")) < 0 && errno != EEXIST)
        return STRANGE;
    return judge(open(in_folder("link"), O_RDONLY), ENOENT, ENOENT);
}

static int process_root(void) {
    char path[512];
    static const char *const roots[] = {"/proc/1/root", "/proc/self/root", "/proc/self/cwd/.."};
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s%s/../secret", roots[i], folder);
        if (open(path, O_RDONLY) >= 0)
            return WORKED;
    }
    return judge(-1, ENOENT, EACCES);
}

static int hard_link(void) {
    return judge(link(in_folder("../secret"), in_folder("hard")), ENOENT, ENOENT);
}

static int write_read_only(void) {
    return judge(open(hostile_parameter, O_WRONLY), EROFS, EACCES);
}

static int reopen(void) {
    return judge(open("/proc/self/fd/0", O_RDWR), EACCES, EROFS);
}

static int copy(const char *from, const char *to) {
    static char buffer[65536];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    ssize_t length = 0;
    while (in >= 0 && out >= 0 && (length = read(in, buffer, sizeof buffer)) > 0)
        if (write(out, buffer, (size_t)length) != length)
            return -1;
    if (in >= 0)
        (void)close(in);
    if (out >= 0)
        (void)close(out);
    return in < 0 || out < 0 || length < 0 ? -1 : 0;
}

static int execute_written(void) {
    if (copy(program_arguments[0], in_folder("copy")) < 0)
        return STRANGE;
    static char name[] = "hostile", attack[] = "succeed";
    char *const arguments[] = {name, attack, NULL};
    return judge(execv(in_folder("copy"), arguments), EACCES, EACCES);
}

static int succeed(void) {
    return WORKED;
}

/* Not an attack: what a native service does first, for the tests of ordinary life. */
static int say_on_port(void) {
    return write(3, "hello", 5) == 5 ? STOPPED : STRANGE;
}

/* As systemd's protocol has it; then it waits to be killed. */
static int say_ready(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    int socket_ = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (path == NULL || strlen(path) >= sizeof address.sun_path || socket_ < 0)
        return STRANGE;
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (sendto(socket_, "STATUS=x\nREADY=1\n", 17, 0, (struct sockaddr *)&address, sizeof address) != 17)
        return STRANGE;
    for (;;)
        (void)pause();
}

static int set_id_mode(void) {
    int file = open(in_folder("set-id"), O_RDWR | O_CREAT, 0755);
    return file < 0 ? STRANGE : judge(fchmod(file, 04755), EPERM, EPERM);
}

static int set_id_create(void) {
    (void)unlink(in_folder("set-id-made"));
    return judge(open(in_folder("set-id-made"), O_RDWR | O_CREAT, 04755), EPERM, EPERM);
}

static int set_id_program(void) {
    static char name[] = "hostile", attack[] = "am-i-root";
    char *const arguments[] = {name, attack, NULL};
    (void)execv(hostile_parameter, arguments);
    return STRANGE;
}

static int am_i_root(void) {
    return geteuid() == 0 ? WORKED : STOPPED;
}

static int device_node(void) {
    return judge(mknod("/tmp/memory", S_IFCHR | 0666, makedev(1, 1)), EPERM, EPERM);
}

static int kernel_files(void) {
    if (access("/proc/kcore", F_OK) == 0)
        return WORKED;
    return judge(open("/proc/sys/kernel/core_pattern", O_RDONLY), ENOENT, ENOENT);
}

static int file_handle(void) {
    struct {
        struct file_handle head;
        char bytes[128];
    } handle = {.head = {.handle_bytes = 128}};
    int mount_id;
    return judge(syscall(SYS_name_to_handle_at, AT_FDCWD, "/tmp", &handle, &mount_id, 0), EPERM, EPERM);
}

static int many_files(void) {
    char path[64];
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(path, sizeof path, "/tmp/%d", i);
        int file = open(path, O_WRONLY | O_CREAT, 0600);
        if (file < 0)
            return judge(file, ENOSPC, ENOSPC);
        (void)close(file);
    }
    return WORKED;
}

static int much_scratch(void) {
    static char block[65536];
    int file = open("/dev/shm/large", O_WRONLY | O_CREAT, 0600);
    (void)memset(block, 'x', sizeof block);
    if (file < 0)
        return STRANGE;
    for (int i = 0; i < 64; i++)
        if (write(file, block, sizeof block) != (ssize_t)sizeof block)
            return judge(-1, ENOSPC, ENOSPC);
    return WORKED;
}

/* ---- namespaces ---- */

static int mount_something(void) {
    return judge(mount("none", "/tmp", "tmpfs", 0, NULL), EPERM, EPERM);
}

static int new_mount_call(void) {
    return judge(syscall(SYS_fsopen, "tmpfs", 0), EPERM, EPERM);
}

static int unshare_user(void) {
    return judge(unshare(CLONE_NEWUSER), EPERM, EPERM);
}

static int clone_user(void) {
    long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(0);
    return judge(child, EPERM, EPERM);
}

/* Its flags lie in memory, where no filter can read them. */
static int clone3_user(void) {
    struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    long child = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (child == 0)
        _exit(0);
    return judge(child, ENOSYS, ENOSYS);
}

static int enter_namespace(void) {
    int descriptor = open("/proc/self/ns/uts", O_RDONLY);
    return descriptor < 0 ? STRANGE : judge(setns(descriptor, CLONE_NEWUTS), EPERM, EPERM);
}

static int change_root(void) {
    return judge(chroot("/tmp"), EPERM, EPERM);
}

/* ---- others ---- */

static int signal_other(void) {
    return judge(kill((pid_t)strtol(hostile_parameter, NULL, 10), 0), ESRCH, EPERM);
}

static int trace(void) {
    pid_t child = fork();
    if (child == 0)
        for (;;)
            (void)pause();
    long result = ptrace(PTRACE_ATTACH, child, NULL, NULL);
    int error = errno;
    (void)kill(child, SIGKILL);
    errno = error;
    return judge(result, EPERM, EPERM);
}

static int read_process(void) {
    char from[8] = "secret", to[8];
    struct iovec local = {to, sizeof to}, remote = {from, sizeof from};
    return judge(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), EPERM, EPERM);
}

static struct sockaddr_un abstract_address(socklen_t *length) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", hostile_parameter);
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(hostile_parameter));
    return address;
}

static int abstract_connect(void) {
    socklen_t length;
    struct sockaddr_un address = abstract_address(&length);
    int out = socket(AF_UNIX, SOCK_STREAM, 0);
    return out < 0 ? STRANGE : judge(connect(out, (struct sockaddr *)&address, length), ECONNREFUSED, EPERM);
}

/* The other side of abstract_connect in another container: says so and waits to be ended. */
static int abstract_listen(void) {
    socklen_t length;
    struct sockaddr_un address = abstract_address(&length);
    int in = socket(AF_UNIX, SOCK_STREAM, 0);
    if (in < 0 || bind(in, (struct sockaddr *)&address, length) < 0 || listen(in, 4) < 0)
        return STRANGE;
    (void)!write(1, "listening\n", 10);
    for (;;)
        (void)pause();
}

static int network_connect(void) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(hostile_parameter, NULL, 10))};
    int out = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return out < 0 ? STRANGE
                   : judge(connect(out, (struct sockaddr *)&address, sizeof address), ENETUNREACH, ENETUNREACH);
}

static int netlink(void) {
    return judge(socket(AF_NETLINK, SOCK_RAW, 0), EAFNOSUPPORT, EAFNOSUPPORT);
}

static int message_queue(void) {
    /* The parent made one with this key in its own namespace. */
    return judge(syscall(SYS_msgget, strtol(hostile_parameter, NULL, 10), 0), ENOENT, ENOENT);
}

static int host_name(void) {
    char name[256];
    if (gethostname(name, sizeof name) < 0)
        return STRANGE;
    return strcmp(name, hostile_parameter) == 0 ? WORKED : STOPPED;
}

/* ---- system calls ---- */

static int ring(void) {
    char parameters[256] = {0};
    long result = syscall(SYS_io_uring_setup, 4, parameters);
    return result < 0 && errno == ENOSYS ? IMPOSSIBLE : judge(result, EPERM, EPERM);
}

static int keyring(void) {
    long result = syscall(SYS_add_key, "user", "grove-test", "x", 1, -3 /* of this process's session */);
    return result < 0 && errno == ENOSYS ? IMPOSSIBLE : judge(result, EPERM, EPERM);
}

/* Whoever handles the faults of a page that a peer shares holds the peer up in the middle of a read: 1 is for user mode only. */
static int fault_handler(void) {
    long result = syscall(SYS_userfaultfd, 1 | O_CLOEXEC);
    return result < 0 && errno == ENOSYS ? IMPOSSIBLE : judge(result, EPERM, EPERM);
}

/* Without the filter the driver of /dev/null says ENOTTY: the call came through. */
static int terminal_input(void) {
    char byte = 'x';
    int descriptor = open("/dev/null", O_RDWR);
    if (syscall(SYS_ioctl, descriptor, TIOCSTI, &byte) == 0 || errno == ENOTTY)
        return WORKED;
    if (syscall(SYS_ioctl, descriptor, (unsigned long)TIOCSTI | UINT64_C(1) << 32, &byte) == 0 || errno == ENOTTY)
        return WORKED;
    return judge(syscall(SYS_ioctl, descriptor, TIOCLINUX, &byte), EPERM, EPERM);
}

static int no_randomization(void) {
    return judge(personality(ADDR_NO_RANDOMIZE), EPERM, EPERM);
}

/* The 32-bit calls have other numbers: 20 is getpid there. Without them in the kernel it is a fault. */
static int other_mode(void) {
#if defined(__x86_64__)
    pid_t child = fork();
    int status;
    if (child == 0) {
        long result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
        _exit(result > 0 ? WORKED : result == -ENOSYS ? STOPPED : STRANGE);
    }
    if (waitpid(child, &status, 0) < 0)
        return STRANGE;
    return WIFEXITED(status) ? WEXITSTATUS(status) : IMPOSSIBLE;
#else
    return IMPOSSIBLE;
#endif
}

static const struct {
    const char *name;
    int (*run)(void);
} attacks[] = {
    {"read-shadow", read_shadow},
    {"read-home", read_home},
    {"dot-dot", dot_dot},
    {"symbolic-link", symbolic_link},
    {"process-root", process_root},
    {"hard-link", hard_link},
    {"write-read-only", write_read_only},
    {"reopen", reopen},
    {"execute-written", execute_written},
    {"succeed", succeed},
    {"say-on-port", say_on_port},
    {"say-ready", say_ready},
    {"set-id-mode", set_id_mode},
    {"set-id-create", set_id_create},
    {"set-id-program", set_id_program},
    {"am-i-root", am_i_root},
    {"device-node", device_node},
    {"kernel-files", kernel_files},
    {"file-handle", file_handle},
    {"many-files", many_files},
    {"much-scratch", much_scratch},
    {"mount", mount_something},
    {"new-mount-call", new_mount_call},
    {"unshare-user", unshare_user},
    {"clone-user", clone_user},
    {"clone3-user", clone3_user},
    {"enter-namespace", enter_namespace},
    {"change-root", change_root},
    {"signal-other", signal_other},
    {"trace", trace},
    {"read-process", read_process},
    {"abstract-connect", abstract_connect},
    {"abstract-listen", abstract_listen},
    {"network-connect", network_connect},
    {"netlink", netlink},
    {"message-queue", message_queue},
    {"host-name", host_name},
    {"ring", ring},
    {"keyring", keyring},
    {"fault-handler", fault_handler},
    {"terminal-input", terminal_input},
    {"no-randomization", no_randomization},
    {"other-mode", other_mode},
    {"fork-bomb", fork_bomb},
    {"memory-hog", memory_hog},
    {"hold-memory", hold_memory},
    {"sway-memory", sway_memory},
    {"breathe-memory", breathe_memory},
    {"hold-processes", hold_processes},
    {"spin", spin},
    {"descriptors", descriptors},
    {"large-file", large_file},
};

int main(int count, char **arguments) {
    program_arguments = arguments;
    folder = count > 2 ? arguments[2] : "/tmp";
    hostile_parameter = count > 3 ? arguments[3] : "";
    for (unsigned i = 0; count > 1 && i < sizeof attacks / sizeof *attacks; i++)
        if (strcmp(attacks[i].name, arguments[1]) == 0)
            return attacks[i].run();
    return STRANGE;
}
