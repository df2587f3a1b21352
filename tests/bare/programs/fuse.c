/*
 * Files that a program serves: run with a folder to mount on, and the parts to do. Prints what it found, the same on Linux and here.
 * Each part mounts a server of its own (fuse_server.c, a child) and takes it down again.
 */
#include "fuse_client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIG 300001u

const char *place;
struct fuse_orders *orders;
pid_t server;
static const char *own_path;

/* ---- mounting ---- */

/* Shared with the server. */
static struct fuse_orders *make_orders(void) {
    struct fuse_orders *made = mmap(NULL, sizeof(*made), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return made == MAP_FAILED ? NULL : made;
}

void begin_with(const char *options) {
    char text[128];
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0) {
        printf("no /dev/fuse: %s\n", strerror(errno));
        exit(1);
    }
    snprintf(text, sizeof(text), "fd=%d,rootmode=40000,user_id=%u,group_id=%u%s", device, getuid(), getgid(), options);
    if (mount("test", place, "fuse", MS_NOSUID | MS_NODEV, text) != 0) {
        printf("mount: %s\n", strerror(errno));
        exit(1);
    }
    orders->is_begun = 0;
    server = fork();
    if (server == 0)
        _exit(fuse_serve(device, orders));
    close(device);
    if (chdir(place) != 0)
        printf("chdir: %s\n", strerror(errno));
}

void begin(void) {
    memset(orders, 0, sizeof(*orders));
    begin_with("");
}

void end(void) {
    int status;
    if (chdir("/") != 0 || umount2(place, 0) != 0)
        printf("umount: %s\n", strerror(errno));
    waitpid(server, &status, 0);
    printf("server ended with %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status));
}

/* ---- telling ---- */

void tell(const char *what, long result) {
    if (result < 0)
        printf("%s: %s\n", what, strerror(errno));
    else
        printf("%s: %ld\n", what, result);
}

void tell_status(const char *path) {
    struct stat status;
    if (lstat(path, &status) != 0)
        printf("%s: %s\n", path, strerror(errno));
    else
        printf("%s: mode %o links %lu size %ld user %u\n", path, status.st_mode, (unsigned long)status.st_nlink,
               (long)status.st_size, status.st_uid);
}

void write_file(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    tell(path, file < 0 ? -1 : (long)write(file, text, strlen(text)));
    tell("close", file < 0 ? 0 : close(file));
}

static void tell_contents(const char *path) {
    char text[64] = "";
    int file = open(path, O_RDONLY);
    ssize_t bytes = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
    if (bytes < 0)
        printf("%s: %s\n", path, strerror(errno));
    else
        printf("%s: %zd bytes \"%s\"\n", path, bytes, text);
    if (file >= 0)
        close(file);
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void tell_folder(const char *path) {
    char *names[64];
    size_t count = 0;
    DIR *folder = opendir(path);
    struct dirent *entry;
    if (folder == NULL) {
        printf("%s: %s\n", path, strerror(errno));
        return;
    }
    errno = 0;
    while ((entry = readdir(folder)) != NULL && count < 64)
        names[count++] = strdup(entry->d_name);
    int error = errno;
    closedir(folder);
    qsort(names, count, sizeof(names[0]), compare);
    printf(error != 0 ? "%s: %s\n" : "%s:", path, strerror(error));
    for (size_t i = 0; i < count; i++) {
        if (error == 0)
            printf(" %s", names[i]);
        free(names[i]);
    }
    if (error == 0)
        printf("\n");
}

/* ---- parts ---- */

static void names_with(void) {
    char text[64];
    tell_status(".");
    tell("mkdir", mkdir("folder", 0755));
    tell("mkdir again", mkdir("folder", 0755));
    write_file("folder/file", "hello");
    write_file("other", "good bye");
    tell_status("folder");
    tell_status("folder/file");
    tell_contents("folder/file");
    tell_status("missing");
    tell_status("other/below");
    tell("rmdir of a full one", rmdir("folder"));
    tell("rmdir of a file", rmdir("other"));
    tell("unlink of a folder", unlink("folder"));
    tell("symlink", symlink("folder/file", "link"));
    tell_status("link");
    tell_contents("link");
    ssize_t bytes = readlink("link", text, sizeof(text));
    printf("readlink: %zd %.*s\n", bytes, bytes > 0 ? (int)bytes : 0, text);
    tell("rename", rename("folder/file", "folder/renamed"));
    tell_contents("link");
    tell_contents("folder/renamed");
    tell("rename over", rename("other", "folder/renamed"));
    tell_contents("folder/renamed");
    tell("rename below itself", rename("folder", "folder/self"));
    tell("link", link("folder/renamed", "second"));
    tell("mknod", mknod("fifo", S_IFIFO | 0600, 0));
    tell_status("fifo");
    tell("exclusive", open("folder/renamed", O_CREAT | O_EXCL | O_WRONLY, 0600));
    tell("a folder for writing", open("folder", O_WRONLY));
    for (int i = 0; i < 30; i++) {
        snprintf(text, sizeof(text), "folder/entry-with-a-long-name-%02d", i);
        int file = open(text, O_CREAT | O_WRONLY, 0600);
        close(file);
    }
    tell_folder(".");
    tell_folder("folder");
    int held = open("link", O_RDONLY);
    tell("a link that leads nowhere", held);
    held = open("folder/renamed", O_RDONLY);
    tell("unlink", unlink("folder/renamed"));
    tell("read what has no name", read(held, text, sizeof(text)));
    close(held);
    tell_contents("folder/renamed");
    tell("chmod", chmod("folder", 0700));
    tell_status("folder");
    struct timespec times[] = {{.tv_sec = 100, .tv_nsec = 5}, {.tv_sec = 200, .tv_nsec = 6}};
    struct stat status;
    tell("utimensat", utimensat(AT_FDCWD, "folder", times, 0));
    stat("folder", &status);
    printf("times %ld.%ld %ld.%ld\n", (long)status.st_atim.tv_sec, status.st_atim.tv_nsec, (long)status.st_mtim.tv_sec,
           status.st_mtim.tv_nsec);
    tell("access", access("folder", R_OK | W_OK));
    struct statfs space;
    statfs(".", &space);
    printf("statfs: kind %lx blocks %lu free %lu\n", (long)space.f_type, (unsigned long)space.f_blocks,
           (unsigned long)space.f_bfree);
}

static void names(void) {
    for (int with_entries = 0; with_entries < 2; with_entries++)
        for (uint32_t seconds = 0; seconds < 2; seconds++) {
            printf("names good for %u s, entries %s\n", seconds * 100, with_entries ? "with attributes" : "alone");
            memset(orders, 0, sizeof(*orders));
            orders->name_seconds = seconds * 100;
            orders->with_entries = (uint32_t)with_entries;
            orders->without_create = seconds;
            begin_with("");
            names_with();
            if (seconds > 0) {
                uint32_t lookups = orders->lookups;
                struct stat status;
                stat("folder", &status);
                stat("folder", &status);
                printf("asked again: %s\n", orders->lookups - lookups < 2 ? "no" : "yes");
            }
            end();
        }
}

static uint8_t byte_at(size_t at) {
    return (uint8_t)(at * 7 + at / 4096);
}

static void check_bytes(const char *what, const uint8_t *bytes, size_t size, size_t from) {
    size_t at = 0;
    while (at < size && bytes[at] == byte_at(from + at))
        at++;
    printf("%s: %s\n", what, at == size ? "as written" : "differs");
}

static void contents_with(void) {
    static uint8_t bytes[BIG], back[BIG];
    for (size_t i = 0; i < BIG; i++)
        bytes[i] = byte_at(i);
    int file = open("big", O_RDWR | O_CREAT, 0600);
    tell("write", (long)write(file, bytes, BIG));
    tell("pread", (long)pread(file, back, 5000, 70000));
    check_bytes("a piece", back, 5000, 70000);
    tell("pread all", (long)pread(file, back, BIG, 0));
    check_bytes("all", back, BIG, 0);
    tell("pread behind", (long)pread(file, back, 100, BIG - 50));
    tell("lseek", lseek(file, 0, SEEK_END));
    tell("fsync", fsync(file));
    tell("pwrite", (long)pwrite(file, "xyz", 3, 8190));
    tell("pread", (long)pread(file, back, 6, 8189));
    printf("%d %.3s %d\n", back[0] == byte_at(8189), (char *)back + 1, back[4] == byte_at(8193));
    tell("ftruncate", ftruncate(file, 10000));
    tell("read cut", (long)pread(file, back, BIG, 9000));
    tell("ftruncate", ftruncate(file, 20000));
    tell("read grown", (long)pread(file, back, BIG, 9990));
    check_bytes("what stayed", back, 10, 9990);
    printf("zeros %d %d\n", back[10], back[9000]);
    tell("hole", lseek(file, 5, SEEK_HOLE));
    tell("data", lseek(file, 5, SEEK_DATA));
    tell("fallocate", posix_fallocate(file, 0, 30000));
    close(file);
    file = open("big", O_WRONLY | O_APPEND);
    tell("append", (long)write(file, "end", 3));
    close(file);
    tell_status("big");
    file = open("big", O_RDWR | O_TRUNC);
    tell_status("big");
    tell("write", (long)write(file, bytes, BIG));
    uint8_t *private = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    if (private != MAP_FAILED) {
        check_bytes("private", private, BIG, 0);
        private[5000] = 1;
        tell("pread", (long)pread(file, back, 1, 5000));
        printf("not written %d\n", back[0] == byte_at(5000));
        munmap(private, BIG);
    }
    uint8_t *shared = mmap(NULL, BIG, PROT_READ, MAP_SHARED, file, 0);
    if (shared != MAP_FAILED) {
        check_bytes("shared", shared, BIG, 0);
        tell("pwrite", (long)pwrite(file, "!", 1, 7777));
        printf("seen %d\n", shared[7777] == '!');
        munmap(shared, BIG);
    }
    close(file);
}

static void contents(void) {
    begin();
    contents_with();
    end();
    memset(orders, 0, sizeof(*orders));
    orders->name_seconds = 100;
    begin_with(",max_read=8192");
    contents_with();
    end();
}

static void direct(void) {
    begin();
    orders->direct = 1;
    static uint8_t back[10000];
    int file = open("file", O_RDWR | O_CREAT, 0600);
    tell("write", (long)write(file, back, 10000));
    uint32_t reads = orders->reads;
    tell("read", (long)pread(file, back, 10000, 0));
    tell("read", (long)pread(file, back, 10000, 0));
    printf("both asked: %d\n", orders->reads - reads >= 2);
    printf("shared for writing: %s\n",
           mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED ? "no" : "yes");
    close(file);
    end();
}

static void told(void) {
    char text[8];
    begin();
    orders->name_seconds = 1000;
    write_file("changed", "AAAA");
    int file = open("changed", O_RDONLY);
    tell("read", (long)pread(file, text, 4, 0));
    uint32_t reads = orders->reads;
    tell("read", (long)pread(file, text, 4, 0));
    printf("%.4s, asked again: %d\n", text, orders->reads != reads);
    __atomic_store_n(&orders->invalidate, 1, __ATOMIC_RELEASE);
    struct stat status;
    while (__atomic_load_n(&orders->invalidate, __ATOMIC_ACQUIRE) != 0)
        stat("another", &status); /* the server looks at its orders after each request */
    tell("read", (long)pread(file, text, 4, 0));
    printf("%.4s\n", text);
    close(file);
    end();
}

/* As another user, in a process of its own. */
static void as_other(void (*what)(void)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (setgid(1000) != 0 || setuid(1000) != 0)
            printf("setuid: %s\n", strerror(errno));
        what();
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static void look(void) {
    char path[256];
    snprintf(path, sizeof(path), "%s/closed", place);
    tell_contents(path);
    snprintf(path, sizeof(path), "%s/open", place);
    tell_contents(path);
    snprintf(path, sizeof(path), "%s/new", place);
    tell("create", open(path, O_CREAT | O_WRONLY, 0600));
    tell_folder(place);
}

static void rights(void) {
    static const char *const options[] = {"", ",allow_other", ",allow_other,default_permissions"};
    for (size_t i = 0; i < 3; i++) {
        printf("options \"%s\"\n", options[i]);
        memset(orders, 0, sizeof(*orders));
        begin_with(options[i]);
        write_file("closed", "secret");
        chmod("closed", 0600);
        write_file("open", "public");
        as_other(look);
        end();
    }
}

static void program(void) {
    char copy[] = "./program", bytes[4096];
    begin_with("");
    int from = open(own_path, O_RDONLY), to = open("program", O_WRONLY | O_CREAT, 0755);
    ssize_t got;
    while ((got = read(from, bytes, sizeof(bytes))) > 0)
        if (write(to, bytes, (size_t)got) != got)
            printf("write: %s\n", strerror(errno));
    close(from);
    close(to);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        execl(copy, copy, "--hello", NULL);
        printf("exec: %s\n", strerror(errno));
        fflush(stdout);
        _exit(1);
    }
    int status;
    waitpid(child, &status, 0);
    printf("program ended with %d\n", WEXITSTATUS(status));
    end();
}

/* ---- */

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {{"names", names},     {"contents", contents}, {"direct", direct}, {"told", told},  {"rights", rights},
             {"program", program}, {"stuck", stuck},       {"killed", killed}, {"wrong", wrong}};

int main(int count, char **words) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count == 2 && strcmp(words[1], "--hello") == 0) {
        printf("hello from a served file\n");
        return 42;
    }
    umask(022);
    own_path = realpath(words[0], NULL);
    place = words[1];
    orders = make_orders();
    (void)mkdir(place, 0755);
    for (int i = 2; i < count; i++)
        for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++)
            if (strcmp(words[i], parts[j].name) == 0) {
                printf("-- %s\n", parts[j].name);
                parts[j].run();
            }
    return 0;
}
