/*
 * A timeline as SVG: a band for each phase, below it a bar for each service from its start until it was ready.
 *
 * No script and no font of its own, so that every viewer shows it. Names come from services: they are tokens of letters,
 * digits, "_" and "-", and are escaped all the same.
 */
#include "userspace/grove/commands/boot_timeline.h"

#include <errno.h>
#include <string.h>

#define LEFT 210.0 /* for the names */
#define WIDTH 760.0 /* of the time */
#define RIGHT 90.0 /* for the lengths */
#define ROW 18.0
#define TOP 34.0

static const char *const colours[] = {"#5b7fb5", "#6aa58c", "#b5655b", "#8a6db0",
                                      "#c08a3e", "#4f9db3", "#9a9a4a", "#7d8794"};

static double place(const struct timeline *timeline, json_int_t time_ns) {
    double share = (double)time_ns / (double)timeline->end_ns;
    return LEFT + WIDTH * (share > 1 ? 1 : share); /* what was started again since then lies at the right end */
}

static json_int_t number_of(const json_t *object, const char *member) {
    return json_integer_value(json_object_get(object, member));
}

static void put_text(FILE *file, const char *text) {
    for (; *text != '\0'; text++) {
        if (strchr("<>&\"'", *text) != NULL || (unsigned char)*text < 0x20)
            (void)fprintf(file, "&#%u;", (unsigned char)*text < 0x20 ? '?' : (unsigned)*text);
        else
            (void)fputc(*text, file);
    }
}

static void put_label(FILE *file, double x, double y, const char *anchor, const char *text) {
    (void)fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    put_text(file, text);
    (void)fputs("</text>\n", file);
}

/* About ten lines, at 1, 2 or 5 times a power of ten. */
static void put_scale(FILE *file, const struct timeline *timeline, double height) {
    double step = 1;
    for (unsigned turn = 0; (double)timeline->end_ns / step > 10; turn++)
        step *= turn % 3 == 1 ? 2.5 : 2;
    for (unsigned line = 0; line * step <= (double)timeline->end_ns; line++) {
        char text[32];
        double time = line * step;
        double x = place(timeline, (json_int_t)time);
        (void)fprintf(file, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#d8d8d8\"/>\n", x, TOP - 8,
                      x, height);
        put_label(file, x, TOP - 14, "middle", output_duration((uint64_t)time, text, sizeof text));
    }
}

static void put_bar(FILE *file, const struct timeline *timeline, double y, const json_t *row, const char *begin,
                    const char *name, bool is_phase) {
    char took[32];
    json_int_t from = number_of(row, begin), to = number_of(row, "ready_ns");
    bool is_open = to < from;
    double x = place(timeline, from), end = is_open ? LEFT + WIDTH : place(timeline, to);
    (void)fprintf(file,
                  "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" fill-opacity=\"%s\"%s/>\n", x,
                  y + 3, end - x < 1 ? 1 : end - x, ROW - 6, colours[number_of(row, "number") & 7],
                  is_phase ? "0.35" : "0.9", is_open ? " stroke=\"#c00000\" stroke-dasharray=\"3 2\"" : "");
    put_label(file, LEFT - 8, y + ROW - 5, "end", name);
    put_label(file, end + 5, y + ROW - 5, "start",
              is_open ? "not ready" : output_duration((uint64_t)(to - from), took, sizeof took));
}

static void draw(FILE *file, const struct timeline *timeline) {
    size_t index;
    json_t *row;
    double y = TOP,
           height = TOP + ROW * (double)(json_array_size(timeline->phases) + json_array_size(timeline->services) + 1);
    (void)fprintf(file,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" font-family=\"sans-serif\" "
                  "font-size=\"11\" fill=\"#303030\">\n<title>Start of the system</title>\n"
                  "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
                  LEFT + WIDTH + RIGHT, height + 10);
    put_scale(file, timeline, height);
    json_array_foreach(timeline->phases, index, row) {
        put_bar(file, timeline, y, row, "begin_ns", json_string_value(json_object_get(row, "phase")), true);
        y += ROW;
    }
    y += ROW;
    json_array_foreach(timeline->services, index, row) {
        put_bar(file, timeline, y, row, "started_ns", json_string_value(json_object_get(row, "name")), false);
        y += ROW;
    }
    if (json_is_integer(timeline->ready_ns)) {
        double x = place(timeline, json_integer_value(timeline->ready_ns));
        (void)fprintf(file, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#208040\"/>\n", x, TOP, x,
                      height);
        put_label(file, x + 4, TOP + ROW * (double)json_array_size(timeline->phases) + ROW - 5, "start",
                  "kernel.ready");
    }
    (void)fputs("</svg>\n", file);
}

int boot_draw(const struct invocation *invocation, const struct timeline *timeline, const char *path) {
    bool is_file = strcmp(path, "-") != 0;
    FILE *file = is_file ? fopen(path, "we") : stdout;
    if (file == NULL)
        return command_fail(invocation, "%s cannot be written: %s", path, strerror(errno));
    draw(file, timeline);
    bool has_failed = fflush(file) != 0 || ferror(file);
    int error = errno;
    if (is_file && fclose(file) != 0 && !has_failed)
        has_failed = true, error = errno;
    return has_failed ? command_fail(invocation, "%s cannot be written: %s", path, strerror(error)) : 0;
}
