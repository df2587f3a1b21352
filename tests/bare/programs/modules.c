/*
 * Modules of the kernel come and go: run as root with the folder they lie in, and the parts to do. Prints what happened; only our
 * own kernel takes these modules, so the output is compared with what is expected (tests/bare/modules_test.py).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_MAX (1u << 20)

static const char *folder;

static void tell(const char *what, long result) {
    if (result < 0)
        printf("%s: %s\n", what, strerror(errno));
    else
        printf("%s: %ld\n", what, result);
}

static void path_of(char *path, size_t room, const char *name) {
    snprintf(path, room, "%s/%s.ko", folder, name);
}

static long load(const char *name, const char *options) {
    char path[256];
    path_of(path, sizeof(path), name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    long result = syscall(SYS_finit_module, file, options, 0);
    int error = errno;
    close(file);
    errno = error;
    return result;
}

static long unload(const char *name) {
    return syscall(SYS_delete_module, name, O_NONBLOCK);
}

/* Without the address, which is another at each boot, and the size. */
static void tell_modules(void) {
    char name[64], users[256], state[16];
    unsigned long bytes, address;
    unsigned uses, count = 0;
    FILE *file = fopen("/proc/modules", "r");
    while (file != NULL &&
           fscanf(file, "%63s %lu %u %255s %15s 0x%lx", name, &bytes, &uses, users, state, &address) == 6) {
        printf("  %s uses %u users %s %s, in the upper half: %d\n", name, uses, users, state, address >> 63 != 0);
        count++;
    }
    if (file != NULL)
        fclose(file);
    printf("%u modules\n", count);
}

static void order(void) {
    tell("caller before greeter", load("caller", ""));
    tell("greeter", load("greeter", "some words"));
    tell("greeter again", load("greeter", ""));
    tell("caller", load("caller", ""));
    tell_modules();
    tell("unload greeter, which is in use", unload("greeter"));
    tell("unload caller", unload("caller"));
    tell("unload greeter", unload("greeter"));
    tell("unload greeter again", unload("greeter"));
    tell_modules();
    for (int i = 0; i < 20; i++)
        if (load("greeter", "") != 0 || load("caller", "") != 0 || unload("caller") != 0 || unload("greeter") != 0)
            printf("turn %d: %s\n", i, strerror(errno));
}

static uint8_t *read_file(const char *name, size_t *size) {
    char path[256];
    static uint8_t bytes[FILE_MAX];
    path_of(path, sizeof(path), name);
    int file = open(path, O_RDONLY);
    *size = (size_t)read(file, bytes, sizeof(bytes));
    close(file);
    return bytes;
}

static void refused(void) {
    size_t size;
    uint8_t *bytes = read_file("greeter", &size);
    tell("its start fails", load("greeter", "fail"));
    tell("a symbol nobody has", load("lost", ""));
    tell("other headers", load("foreign", ""));
    bytes[size / 3] ^= 1;
    tell("a bit of it changed", syscall(SYS_init_module, bytes, size, ""));
    bytes[size / 3] ^= 1;
    bytes[size - 40] ^= 1;
    tell("a bit of the signature changed", syscall(SYS_init_module, bytes, size, ""));
    bytes[size - 40] ^= 1;
    for (size_t cut = 1; cut < size; cut += 97)
        if (syscall(SYS_init_module, bytes, size - cut, "") == 0 || errno != ENOKEY)
            printf("cut off by %zu: %s\n", cut, strerror(errno));
    tell("without its signature", syscall(SYS_init_module, bytes, size - 80, ""));
    tell("nothing", syscall(SYS_init_module, bytes, 0, ""));
    tell("no memory of ours", syscall(SYS_init_module, NULL, size, ""));
    tell("no options of ours", syscall(SYS_init_module, bytes, size, NULL));
    tell("too long", syscall(SYS_init_module, bytes, 1ul << 40, ""));
    tell("no descriptor", syscall(SYS_finit_module, -1, "", 0));
    tell("flags", syscall(SYS_finit_module, 0, "", 1));
    tell("from memory", syscall(SYS_init_module, bytes, size, ""));
    tell("unload", unload("greeter"));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (setuid(1000) != 0)
            printf("setuid: %s\n", strerror(errno));
        tell("as a user", load("greeter", ""));
        tell("as a user", syscall(SYS_init_module, bytes, size, ""));
        tell("as a user", unload("greeter"));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    tell_modules();
}

/* The device answers again each time. */
static void device(void) {
    for (int i = 0; i < 3; i++) {
        tell("virtio-rng", load("virtio-rng", ""));
        tell("again", load("virtio-rng", ""));
        usleep(20000); /* not waited for: how much came is not told */
        tell("unload", unload("virtio-rng"));
    }
    tell_modules();
}

static void listed(void) {
    tell_modules();
}

static void fault(void) {
    tell("greeter", load("greeter", ""));
    (void)load("caller", "panic");
}

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {{"order", order}, {"refused", refused}, {"device", device}, {"listed", listed}, {"fault", fault}};

int main(int count, char **words) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    folder = words[1];
    for (int i = 2; i < count; i++)
        for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++)
            if (strcmp(words[i], parts[j].name) == 0) {
                printf("-- %s\n", parts[j].name);
                parts[j].run();
            }
    return 0;
}
