/* See spec_tags.h. */
#include "servers/common/spec_tags.h"

#include <string.h>

bool spec_tag_is_valid(const char *tag) {
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t length = strnlen(tag, GROVE_TAG_MAX + 1);
    return length > 0 && length <= GROVE_TAG_MAX && strspn(tag, good) >= length;
}

const char *spec_tags_fault(const struct grove_spec *spec) {
    uint32_t length;
    const struct grove_tags *tags = grove_spec_section(spec, GROVE_SECTION_TAGS, &length);
    if (tags == NULL)
        return NULL;
    if (length < sizeof *tags || tags->version != GROVE_TAGS_VERSION || tags->count > GROVE_TAGS_MAX)
        return "its tags are of a version that is not known, or too many";
    const char *at = tags->texts, *end = (const char *)tags + length;
    for (uint32_t index = 0; index < tags->count; index++) {
        const char *stop = memchr(at, '\0', (size_t)(end - at));
        if (stop == NULL || !spec_tag_is_valid(at))
            return "a tag is empty, too long, or not made of A-Z a-z 0-9 _ . -";
        at = stop + 1;
    }
    return at == end ? NULL : "something stands behind the last tag";
}

const char *spec_tags_next(const struct grove_spec *spec, const char *tag) {
    uint32_t length;
    const struct grove_tags *tags = grove_spec_section(spec, GROVE_SECTION_TAGS, &length);
    if (tags == NULL || tags->count == 0)
        return NULL;
    const char *next = tag == NULL ? tags->texts : tag + strlen(tag) + 1;
    return next < (const char *)tags + length ? next : NULL;
}
