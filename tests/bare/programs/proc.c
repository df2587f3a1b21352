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
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static char bytes[16384];

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

/* ---- another process's memory and files ---- */

struct other {
    pid_t id;
    int go_on; /* closed: it ends */
};

/* A child with a folder of its own, which waits. */
static struct other begin_other(void) {
    struct other other;
    int ends[2], ready[2];
    char byte;
    if (pipe(ends) != 0 || pipe(ready) != 0)
        exit(1);
    fflush(stdout);
    other.id = fork();
    if (other.id == 0) {
        close(ends[1]);
        if (chdir("/tmp") != 0)
            _exit(1);
        if (write(ready[1], "r", 1) != 1)
            _exit(1);
        _exit(read(ends[0], &byte, 1) != 0);
    }
    close(ends[0]);
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        exit(1);
    close(ready[0]);
    other.go_on = ends[1];
    return other;
}

static void end_other(const struct other *other) {
    close(other->go_on);
    waitpid(other->id, NULL, 0);
}

static const char *in(const struct other *other, const char *name) {
    static char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", other->id, name);
    return path;
}

static void link_of(const struct other *other, const char *name) {
    char text[PATH_MAX];
    ssize_t size = readlink(in(other, name), text, sizeof(text) - 1);
    text[size > 0 ? size : 0] = 0;
    printf("its %s: %s\n", name, size < 0 ? strerror(errno) : text);
}

static void another_process(const char *program) {
    struct other other = begin_other();
    struct stat mine, its;
    say("its cmdline", read_all(in(&other, "cmdline")) > 0 && strcmp(bytes, program) == 0);
    link_of(&other, "cwd");
    link_of(&other, "root");
    say("its exe is mine",
        stat(in(&other, "exe"), &its) == 0 && stat("/proc/self/exe", &mine) == 0 && its.st_ino == mine.st_ino);
    say("its descriptors", has_entry(in(&other, "fd"), "0") == 1 && has_entry(in(&other, "fdinfo"), "0") == 1);
    say("its maps",
        read_all(in(&other, "maps")) > 0 && strstr(bytes, "[stack]") != NULL && strstr(bytes, " r-xp ") != NULL);
    say("its memory", read_all(in(&other, "statm")) > 0 && atoi(bytes) > 0);
    end_other(&other);
}

/* Who has no rights over a process sees that it is there, and nothing of what it has. */
static void somebody_else(void) {
    struct other other = begin_other();
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(1);
        printf("as nobody\n");
        read_all(in(&other, "comm"));
        say("its name", bytes[0] != 0);
        say("its cmdline", read_all(in(&other, "cmdline")) > 0);
        say("its environ is refused", open(in(&other, "environ"), O_RDONLY) < 0 && errno == EACCES);
        say("its maps are refused", open(in(&other, "maps"), O_RDONLY) < 0 && errno == EACCES);
        say("its folder is refused", readlink(in(&other, "cwd"), bytes, sizeof(bytes)) < 0 && errno == EACCES);
        say("its files are refused", opendir(in(&other, "fd")) == NULL && errno == EACCES);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    end_other(&other);
}

static void maps(void) {
    char path[64], *line, *rest;
    int found = 0, file = open("/tmp/bare-proc-map", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || ftruncate(file, 8192) != 0)
        exit(1);
    char *mapped = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    char *other = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 4096);
    read_all("/proc/self/maps");
    for (line = strtok_r(bytes, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        unsigned long start, end, offset, number;
        char rights[8];
        int at = 0;
        if (sscanf(line, "%lx-%lx %7s %lx %*x:%*x %lu %n", &start, &end, rights, &offset, &number, &at) != 5)
            printf("odd line: %s\n", line);
        if (start == (unsigned long)mapped || start == (unsigned long)other) {
            printf("%lu bytes %s from %lu of %s\n", end - start, rights, offset, line + at);
            found++;
        }
    }
    printf("found %d\n", found);
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", file);
    lseek(file, 77, SEEK_SET);
    read_all(path);
    say("its position and flags", strstr(bytes, "pos:\t77\n") != NULL && strstr(bytes, "flags:\t0100002\n") != NULL);
    munmap(mapped, 8192);
    munmap(other, 4096);
    close(file);
    unlink("/tmp/bare-proc-map");
}

/* Both ends once more, by their names; and what has a name and cannot be opened. */
static void pipes(void) {
    char path[64], got[8] = "";
    struct stat status;
    int ends[2];
    if (pipe(ends) != 0 || write(ends[1], "ab", 2) != 2)
        exit(1);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
    say("it is a pipe", stat(path, &status) == 0 && S_ISFIFO(status.st_mode));
    int again = open(path, O_RDONLY), writing = open(path, O_WRONLY);
    close(ends[0]);
    close(ends[1]);
    say("opened again", again >= 0 && writing >= 0 && read(again, got, 1) == 1 && got[0] == 'a');
    say("and written", write(writing, "c", 1) == 1 && read(again, got, 8) == 2 && memcmp(got, "bc", 2) == 0);
    close(writing);
    printf("the end: %d\n", (int)read(again, got, 1));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", again);
    say("its name", readlink(path, bytes, 64) > 6 && strncmp(bytes, "pipe:[", 6) == 0);
    close(again);
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
    read_all("/proc/self/mountinfo");
    say("mountinfo", strstr(bytes, " /proc ") != NULL && strstr(bytes, " - proc proc ") != NULL);
    say("limits", read_all("/proc/sys/kernel/pid_max") > 1 && read_all("/proc/sys/vm/max_map_count") > 1);
    say("a processor", has_entry("/sys/devices/system/cpu", "cpu0") == 1);
    read_all("/proc/stat");
    say("stat", strncmp(bytes, "cpu  ", 5) == 0);
}

int main(int count, char **words) {
    (void)count;
    the_process(words[0]);
    descriptors();
    others();
    another_process(words[0]);
    somebody_else();
    maps();
    pipes();
    the_machine();
    return 0;
}
