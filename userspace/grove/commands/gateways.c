/*
 * The file is text: "grove-gateways 1", then a line "NAME HOST:PORT" for each. It is replaced whole, by renaming a new one
 * that is on disk, so a crash leaves the old choice or the new one.
 */
#include "userspace/grove/commands/gateways.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_LINE "grove-gateways 1\n"
#define FILE_BYTES_MAX 4096u

static bool is_name(const char *text, size_t length) {
    return length > 0 && length <= GATEWAY_NAME_MAX && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") >= length;
}

static bool is_address(const char *text, size_t length) {
    const char *colon = memchr(text, ':', length);
    return length > 2 && length <= GATEWAY_LISTEN_MAX && colon != NULL && colon != text && text[length - 1] >= '0' &&
           text[length - 1] <= '9' && memchr(text, ' ', length) == NULL;
}

static struct gateway_choice *find(struct gateways *gateways, const char *name, size_t length) {
    for (unsigned i = 0; i < gateways->count; i++)
        if (strlen(gateways->items[i].name) == length && memcmp(gateways->items[i].name, name, length) == 0)
            return &gateways->items[i];
    return NULL;
}

/* Both texts are checked. False: there are too many. */
static bool put(struct gateways *gateways, const char *name, size_t name_length, const char *listen, size_t length) {
    struct gateway_choice *choice = find(gateways, name, name_length);
    if (choice == NULL && gateways->count == GATEWAYS_MAX)
        return false;
    if (choice == NULL)
        choice = &gateways->items[gateways->count++];
    (void)snprintf(choice->name, sizeof choice->name, "%.*s", (int)name_length, name);
    (void)snprintf(choice->listen, sizeof choice->listen, "%.*s", (int)length, listen);
    return true;
}

unsigned gateways_parse(const char *text, struct gateways *gateways) {
    gateways->count = 0;
    if (strncmp(text, FIRST_LINE, strlen(FIRST_LINE)) != 0)
        return 1;
    unsigned line = 2;
    for (const char *at = text + strlen(FIRST_LINE); *at != '\0'; line++) {
        const char *end = strchr(at, '\n'), *space = strchr(at, ' ');
        if (end == NULL || space == NULL || space > end || !is_name(at, (size_t)(space - at)) ||
            !is_address(space + 1, (size_t)(end - space) - 1) || find(gateways, at, (size_t)(space - at)) != NULL ||
            !put(gateways, at, (size_t)(space - at), space + 1, (size_t)(end - space) - 1))
            return line;
        at = end + 1;
    }
    return 0;
}

static int load(const struct invocation *invocation, struct gateways *gateways) {
    char path[PATH_MAX], text[FILE_BYTES_MAX + 1];
    (void)snprintf(path, sizeof path, "%s/gateways", invocation->state_folder);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    gateways->count = 0;
    if (descriptor < 0 && errno == ENOENT)
        return 0;
    ssize_t got = descriptor < 0 ? -1 : read(descriptor, text, FILE_BYTES_MAX);
    int error = errno;
    if (descriptor >= 0)
        (void)close(descriptor);
    if (got < 0)
        return command_fail(invocation, "%s cannot be read: %s", path, strerror(error));
    text[got] = '\0';
    unsigned line = gateways_parse(text, gateways);
    return line == 0 ? 0
                     : command_fail(invocation,
                                    "line %u of %s is malformed: mend it (NAME HOST:PORT), or remove the file and name "
                                    "the gateways again with --gateway",
                                    line, path);
}

static int save(const struct invocation *invocation, const struct gateways *gateways) {
    char path[PATH_MAX], new_path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/gateways", invocation->state_folder);
    (void)snprintf(new_path, sizeof new_path, "%s/gateways.new", invocation->state_folder);
    FILE *file = fopen(new_path, "we");
    bool is_written = file != NULL && fputs(FIRST_LINE, file) != EOF;
    for (unsigned i = 0; is_written && i < gateways->count; i++)
        is_written = fprintf(file, "%s %s\n", gateways->items[i].name, gateways->items[i].listen) > 0;
    is_written = is_written && fflush(file) == 0 && fsync(fileno(file)) == 0;
    int error = errno;
    if (file != NULL)
        (void)fclose(file);
    if (is_written && rename(new_path, path) == 0)
        return 0;
    return command_fail(invocation, "%s cannot be written: %s", path, strerror(is_written ? errno : error));
}

static bool has_manifest(const char *folder, const char *name, size_t length) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%.*s.yaml", folder, (int)length, name);
    return access(path, R_OK) == 0;
}

static int change(const struct invocation *invocation, const char *folder, const char *text,
                  struct gateways *gateways) {
    const char *equals = strchr(text, '=');
    size_t length = equals != NULL ? (size_t)(equals - text) : 0;
    if (equals == NULL || !is_name(text, length))
        return command_misused(invocation, "--gateway %s: give NAME=HOST:PORT, as in nats=127.0.0.1:4222, or NAME=off",
                               text);
    if (!has_manifest(folder, text, length))
        return command_misused(invocation, "--gateway %s: there is no gateway of that name in %s", text, folder);
    const char *listen = equals + 1;
    if (strcmp(listen, "off") == 0) {
        struct gateway_choice *choice = find(gateways, text, length);
        if (choice != NULL)
            *choice = gateways->items[--gateways->count];
        return 0;
    }
    if (!is_address(listen, strlen(listen)))
        return command_misused(invocation, "--gateway %s: %s is no address; give HOST:PORT, as in 127.0.0.1:4222", text,
                               listen);
    return put(gateways, text, length, listen, strlen(listen))
               ? 0
               : command_misused(invocation, "there can be at most %u gateways", GATEWAYS_MAX);
}

int gateways_settle(const struct invocation *invocation, const char *folder, struct gateways *gateways) {
    unsigned cursor = 0;
    bool is_changed = false;
    const char *text;
    int status = load(invocation, gateways);
    while (status == 0 && (text = command_next(invocation, "gateway", &cursor)) != NULL) {
        status = change(invocation, folder, text, gateways);
        is_changed = true;
    }
    return status == 0 && is_changed ? save(invocation, gateways) : status;
}
