/* Which paths a spec grants: see grants.h. FS_WRITE and FS_EXEC include reading. */
#include "kernel/services/containers/grants.h"

#include <string.h>

static bool is_path(const struct grove_capability *capability, uint16_t flags) {
    return (capability->kind == GROVE_CAP_FS_READ || capability->kind == GROVE_CAP_FS_WRITE ||
            capability->kind == GROVE_CAP_FS_EXEC) &&
           (capability->rights & GROVE_RIGHT_USE) != 0 && (flags & GROVE_SPEC_CAPABILITY_HELD) == 0;
}

static size_t length_of(const char *text) {
    size_t length = 0;
    while (text[length] != '\0')
        length++;
    return length;
}

static bool is_same(const char *a, const char *b) {
    size_t length = length_of(a);
    return length == length_of(b) && memcmp(a, b, length) == 0;
}

/* The one of this path, made where it belongs in the order. */
static struct grant *find_or_add(struct grant *grants, uint32_t *count, const char *path) {
    uint32_t place = 0;
    size_t length = length_of(path);
    for (; place < *count && length_of(grants[place].path) <= length; place++)
        if (is_same(grants[place].path, path))
            return &grants[place];
    memmove(&grants[place + 1], &grants[place], (*count - place) * sizeof(*grants));
    grants[place] = (struct grant){.path = path, .is_optional = true};
    ++*count;
    return &grants[place];
}

/* The text of a span is followed by a zero byte. Without an argument the whole tree is meant. */
static const char *path_of(const struct grove_spec *spec, uint32_t index) {
    const struct grove_spec_capability *entries =
        (const struct grove_spec_capability *)(const void *)((const char *)spec + spec->capabilities.offset_bytes);
    return entries[index].argument_kind == GROVE_ARGUMENT_PATH ? grove_spec_text(spec, entries[index].text) : "/";
}

uint32_t grants_collect(const struct grove_spec *spec, struct grant *grants) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        struct grove_capability capability;
        uint16_t flags;
        grove_spec_capability(spec, i, &capability, &flags);
        if (!is_path(&capability, flags))
            continue;
        struct grant *grant = find_or_add(grants, &count, path_of(spec, i));
        grant->can_write |= capability.kind == GROVE_CAP_FS_WRITE;
        grant->can_execute |= capability.kind == GROVE_CAP_FS_EXEC;
        grant->is_optional &= (flags & GROVE_SPEC_CAPABILITY_OPTIONAL) != 0;
        grant->is_created |= (flags & GROVE_SPEC_CAPABILITY_CREATE) != 0;
    }
    return count;
}

bool grant_is_below(const char *path, const char *folder) {
    size_t length = length_of(folder);
    if (length == 1)
        return length_of(path) > 1;
    return length_of(path) > length && memcmp(path, folder, length) == 0 && path[length] == '/';
}
