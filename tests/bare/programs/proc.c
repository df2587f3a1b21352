/*
 * What /proc and /sys show to a program, compared with what it knows by other means. It prints the same on Linux and on a bare
 * machine: only whether things agree.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static char bytes[8192];

static ssize_t read_all(const char *path) {
    int file = open(path, O_RDONLY);
    ssize_t size = 0, got;
    if (file < 0) {
        printf("%s: %s\n", path, strerror(errno));
        return 0;
    }
    /* In small pieces, which are of one state all the same. */
    while ((got = read(file, bytes + size, 7)) > 0 && size < (ssize_t)sizeof(bytes) - 8)
        size += got;
    close(file);
    bytes[size] = 0;
    return size;
}

static void say(const char *what, int is_so) {
    printf("%s: %s\n", what, is_so ? "yes" : "no");
}

static int has_entry(const char *path, const char *name) {
    DIR *folder = opendir(path);
    const struct dirent *entry;
    int found = 0;
    while (folder != NULL && (entry = readdir(folder)) != NULL)
        found += strcmp(entry->d_name, name) == 0;
    if (folder != NULL)
        closedir(folder);
    return found;
}

static void the_process(const char *program) {
    char number[16], text[PATH_MAX], where[PATH_MAX];
    int pid = 0, parent = 0;
    snprintf(number, sizeof(number), "%d", getpid());
    ssize_t size = readlink("/proc/self", text, sizeof(text) - 1);
    text[size > 0 ? size : 0] = 0;
    say("self is its number", strcmp(text, number) == 0);
    say("it is listed", has_entry("/proc", number) == 1);
    say("a task is listed", has_entry("/proc/self/task", number) == 1);
    read_all("/proc/self/comm");
    printf("comm: %s", bytes);
    size = read_all("/proc/self/cmdline");
    say("cmdline", size > 0 && strcmp(bytes, program) == 0);
    read_all("/proc/self/environ");
    say("environ", strstr(bytes, "=") != NULL || environ[0] == NULL);
    read_all("/proc/self/stat");
    say("stat", sscanf(bytes, "%d (%*[^)]) %*c %d", &pid, &parent) == 2 && pid == getpid() && parent == getppid());
    read_all("/proc/thread-self/status");
    say("status", strstr(bytes, "\nThreads:\t1\n") != NULL && strstr(bytes, "Name:\t") == bytes);
    size = readlink("/proc/self/cwd", text, sizeof(text) - 1);
    text[size > 0 ? size : 0] = 0;
    say("cwd", getcwd(where, sizeof(where)) != NULL && strcmp(where, text) == 0);
    say("exe", stat("/proc/self/exe", &(struct stat){0}) == 0);
    say("no other", access("/proc/999999999", F_OK) < 0 && errno == ENOENT);
    say("nothing is made", mkdir("/proc/x", 0700) < 0 && errno == ENOENT);
}

static void descriptors(void) {
    char path[64], text[64], name[16];
    int ends[2], file = open("/tmp/bare-proc", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || write(file, "contents", 8) != 8 || pipe(ends) != 0)
        exit(1);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    snprintf(name, sizeof(name), "%d", file);
    ssize_t size = readlink(path, text, sizeof(text) - 1);
    text[size > 0 ? size : 0] = 0;
    printf("leads to %s\n", text);
    say("it is listed", has_entry("/proc/self/fd", name) == 1);
    unlink("/tmp/bare-proc");
    read_all(path); /* it has no name any more */
    printf("reads \"%s\"\n", bytes);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
    size = readlink(path, text, sizeof(text) - 1);
    text[size > 0 ? size : 0] = 0;
    say("a pipe", strncmp(text, "pipe:[", 6) == 0);
    close(ends[0]);
    say("closed", readlink(path, text, sizeof(text)) < 0 && errno == ENOENT);
}

static void others(void) {
    char path[64];
    int status, ends[2];
    if (pipe(ends) != 0)
        exit(1);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) != 0);
    }
    snprintf(path, sizeof(path), "/proc/%d/status", child);
    int held = open(path, O_RDONLY);
    read_all(path);
    say("a child is shown", strstr(bytes, "State:\t") != NULL);
    close(ends[1]);
    waitpid(child, &status, 0);
    say("it is gone", access(path, F_OK) < 0 && errno == ENOENT);
    close(held);
}

static void the_machine(void) {
    struct utsname name;
    unsigned long total;
    double seconds;
    uname(&name);
    read_all("/proc/meminfo");
    say("memory", sscanf(bytes, "MemTotal: %lu kB", &total) == 1 && total > 1000);
    read_all("/proc/uptime");
    say("uptime", sscanf(bytes, "%lf", &seconds) == 1 && seconds >= 0);
    read_all("/proc/sys/kernel/osrelease");
    say("release", strncmp(bytes, name.release, strlen(name.release)) == 0);
    read_all("/proc/mounts");
    say("mounts", strstr(bytes, " /proc proc ") != NULL);
    say("a uuid", read_all("/proc/sys/kernel/random/uuid") == 37);
    say("processors", read_all("/sys/devices/system/cpu/online") >= 2 && bytes[0] == '0');
    read_all("/proc/stat");
    say("stat", strncmp(bytes, "cpu  ", 5) == 0);
}

int main(int count, char **words) {
    (void)count;
    the_process(words[0]);
    descriptors();
    others();
    the_machine();
    return 0;
}
