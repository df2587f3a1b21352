/*
 * Paths in manifests: made absolute by their text, so that the same manifest means the same wherever grove is called.
 */
#include <string.h>
#include <unistd.h>

#include "grove/abi/status.h"
#include "userspace/manifest/paths.h"

/* Append one part to an absolute path in `text`; ".." takes the last one away. */
static size_t append_part(char *text, size_t length, const char *part, size_t part_bytes) {
    if (!part_bytes || (part_bytes == 1 && part[0] == '.'))
        return length;
    if (part_bytes == 2 && part[0] == '.' && part[1] == '.') {
        while (length && text[length - 1] != '/')
            length--;
        return length ? length - 1 : 0;
    }
    text[length++] = '/';
    memcpy(text + length, part, part_bytes);
    return length + part_bytes;
}

const char *path_resolve(struct arena *arena, const char *folder, const char *path) {
    const char *whole = path[0] == '/' ? path : arena_format(arena, "%s/%s", folder, path);
    char *text = arena_take(arena, strlen(whole) + 3);
    size_t length = 0;
    for (const char *at = whole; *at;) {
        at += strspn(at, "/");
        size_t part_bytes = strcspn(at, "/");
        length = append_part(text, length, at, part_bytes);
        at += part_bytes;
    }
    if (!length)
        text[length++] = '/';
    text[length] = '\0';
    return text;
}

bool path_is_inside(const char *path, const char *folder) {
    size_t length = strlen(folder);
    if (length == 1)
        return true;
    return !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

bool path_is_system(const char *path) {
    static const char *const folders[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        if (path_is_inside(path, folders[i]))
            return true;
    return false;
}

static bool is_program(const char *path) {
    return access(path, X_OK) == 0;
}

int path_find_program(struct arena *arena, const char *folder, const char *program, const char **executable) {
    static const char *const system_folders[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                                 "/usr/bin",        "/sbin",          "/bin"};
    const char *path = path_resolve(arena, folder, program);
    if (is_program(path)) {
        *executable = path;
        return 0;
    }
    if (strchr(program, '/'))
        return GROVE_NOT_FOUND;
    for (size_t i = 0; i < sizeof(system_folders) / sizeof(system_folders[0]); i++) {
        path = path_resolve(arena, system_folders[i], program);
        if (is_program(path)) {
            *executable = path;
            return 0;
        }
    }
    return GROVE_NOT_FOUND;
}
