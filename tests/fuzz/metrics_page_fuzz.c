/*
 * Records of hostile services: the page stays well-formed, line by line, and no record makes a line that begins with another
 * service's name or label.
 */
#include "servers/metrics/page.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *line, size_t length) {
    static const char *const beginnings[] = {"# HELP user_p_", "# TYPE user_p_", "user_p_"};
    bool is_known = false;
    for (unsigned i = 0; i < 3; i++)
        is_known =
            is_known || (length > strlen(beginnings[i]) && memcmp(line, beginnings[i], strlen(beginnings[i])) == 0);
    if (!is_known)
        abort();
    for (size_t i = 0; i < length; i++)
        if (line[i] < ' ' || line[i] > '~')
            abort();
    if (line[0] == '#')
        return;
    const char *open = memchr(line, '{', length);
    if (open == NULL || (strncmp(open, "{service=\"p.s\"", 14) != 0 && strncmp(open, "{service=\"other\"", 16) != 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct page *page = page_create();
    struct grove_metrics_record record;
    size_t length = 0;
    if (page == NULL)
        return 0;
    for (size_t at = 0; at < size; at += sizeof record) {
        size_t part = size - at < sizeof record ? size - at : sizeof record;
        memset(&record, 0, sizeof record);
        memcpy(&record, data + at, part);
        (void)page_add(page, "p.s", &record);
    }
    char *text = page_text(page, &length);
    for (const char *line = text; text != NULL && line < text + length;) {
        const char *end = strchr(line, '\n');
        if (end == NULL)
            abort();
        check_line(line, (size_t)(end - line));
        line = end + 1;
    }
    free(text);
    page_destroy(page);
    return 0;
}
