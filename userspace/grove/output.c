/*
 * Results for people and for programs, from one source: JSON values, which --json shows as they are.
 *
 * Text that comes from services (names, messages) may hold anything; control characters are shown as "?", so that no
 * service can play tricks with a terminal.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/text/text.h"
#include "userspace/grove/command.h"

static const char *const colours[] = {
    [OUTPUT_PLAIN] = "",       [OUTPUT_GOOD] = "\033[32m", [OUTPUT_WARNING] = "\033[33m",
    [OUTPUT_BAD] = "\033[31m", [OUTPUT_DIM] = "\033[2m",   [OUTPUT_STRONG] = "\033[1m",
};

const char *output_on(const struct invocation *invocation, enum output_colour colour) {
    return invocation->colour ? colours[colour] : "";
}

const char *output_off(const struct invocation *invocation) {
    return invocation->colour ? "\033[0m" : "";
}

/* Three digits at most in front of the unit, one behind the point below ten. */
struct unit {
    double size;
    const char *name;
};

static const char *scale(double amount, const struct unit *units, char *text, size_t size_bytes) {
    while (units[1].name && amount >= units[1].size)
        units++;
    double scaled = amount / units->size;
    bool whole = scaled >= 100 || scaled - (double)(uint64_t)scaled < 0.05;
    snprintf(text, size_bytes, whole ? "%.0f%s" : "%.1f%s", scaled, units->name);
    return text;
}

const char *output_duration(uint64_t duration_ns, char *text, size_t size_bytes) {
    static const struct unit units[] = {{1, "ns"},   {1e3, "us"},   {1e6, "ms"},    {1e9, "s"},
                                        {60e9, "m"}, {3600e9, "h"}, {86400e9, "d"}, {0, NULL}};
    if (!duration_ns)
        return snprintf(text, size_bytes, "0"), text;
    return scale((double)duration_ns, units, text, size_bytes);
}

const char *output_bytes(uint64_t bytes, char *text, size_t size_bytes) {
    static const struct unit units[] = {
        {1, ""}, {1024.0, "K"}, {1048576.0, "M"}, {1073741824.0, "G"}, {1099511627776.0, "T"}, {0, NULL}};
    return scale((double)bytes, units, text, size_bytes);
}

static const struct {
    const char *state;
    enum output_colour colour;
} state_colours[] = {
    {"ready", OUTPUT_GOOD},       {"running", OUTPUT_GOOD},      {"enforced", OUTPUT_GOOD},
    {"ok", OUTPUT_GOOD},          {"starting", OUTPUT_WARNING},  {"stopping", OUTPUT_WARNING},
    {"waiting", OUTPUT_WARNING},  {"frozen", OUTPUT_WARNING},    {"optional", OUTPUT_WARNING},
    {"failed", OUTPUT_BAD},       {"given up", OUTPUT_BAD},      {"given-up", OUTPUT_BAD},
    {"degraded", OUTPUT_WARNING}, {"quiescing", OUTPUT_WARNING}, {"missing", OUTPUT_BAD},
    {"stopped", OUTPUT_DIM},      {"registered", OUTPUT_DIM},
};

static enum output_colour state_colour(const char *state) {
    for (size_t i = 0; i < sizeof(state_colours) / sizeof(state_colours[0]); i++)
        if (!strcmp(state_colours[i].state, state))
            return state_colours[i].colour;
    return OUTPUT_PLAIN;
}

static char *copy_printable(const char *text) {
    char *copy = strdup(text);
    for (char *at = copy; at && *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    return copy;
}

static char *join_list(const json_t *list) {
    char *text = NULL;
    size_t size, index;
    json_t *item;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    json_array_foreach(list, index, item) fprintf(stream, "%s%s", index ? " " : "", json_string_value(item));
    fclose(stream);
    return text;
}

/* The cell as text, malloc'ed; NULL without memory. */
static char *cell_text(const json_t *value, enum output_style style) {
    char text[64];
    if (!value || json_is_null(value))
        return strdup("-");
    if (style == OUTPUT_LIST && json_is_array(value))
        return json_array_size(value) ? join_list(value) : strdup("-");
    if (json_is_string(value))
        return copy_printable(json_string_value(value));
    if (json_is_boolean(value))
        return strdup(json_is_true(value) ? "yes" : "no");
    uint64_t number = json_is_integer(value) ? (uint64_t)json_integer_value(value) : 0;
    if (style == OUTPUT_BYTES)
        return strdup(output_bytes(number, text, sizeof(text)));
    if (style == OUTPUT_DURATION)
        return strdup(output_duration(number, text, sizeof(text)));
    if (style == OUTPUT_PERCENT) {
        snprintf(text, sizeof(text), "%.1f%%", (double)number / 1e4);
        return strdup(text);
    }
    if (json_is_integer(value))
        snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        snprintf(text, sizeof(text), "%g", json_number_value(value));
    return strdup(text);
}

/* Columns on the screen, not bytes: a UTF-8 continuation byte takes none. */
static size_t text_width(const char *text) {
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static size_t crop_width = SIZE_MAX, room_left = SIZE_MAX; /* of a line, and of the one being printed */

void output_crop(unsigned columns) {
    crop_width = columns ? columns : SIZE_MAX;
}

/* The bytes of the first `width` columns. */
static size_t cut_bytes(const char *text, size_t width) {
    const char *at = text;
    for (; *at; at++)
        if (((unsigned char)*at & 0xc0) != 0x80 && width-- == 0)
            break;
    return (size_t)(at - text);
}

static void end_line(void) {
    putchar('\n');
    room_left = crop_width;
}

static void print_cell(const struct invocation *invocation, const char *text, size_t width, enum output_colour colour,
                       bool is_last) {
    size_t used = text_width(text), gap = is_last ? 0 : width > used ? width - used + 2 : 2;
    size_t shown = used < room_left ? used : room_left;
    printf("%s%.*s%s", colour ? output_on(invocation, colour) : "", (int)cut_bytes(text, shown), text,
           colour ? output_off(invocation) : "");
    room_left -= shown;
    gap = gap < room_left ? gap : room_left;
    printf("%*s", (int)gap, "");
    room_left -= gap;
}

#define COLUMNS_MAX 32u

static unsigned count_columns(const struct output_column *columns) {
    unsigned count = 0;
    while (columns[count].heading)
        count++;
    return count;
}

static void print_row(const struct invocation *invocation, char **cells, const struct output_column *columns,
                      unsigned count, const size_t *widths) {
    for (unsigned i = 0; i < count; i++) {
        const char *text = cells[i] ? cells[i] : "?";
        print_cell(invocation, text, widths[i], columns[i].style == OUTPUT_STATE ? state_colour(text) : OUTPUT_PLAIN,
                   i + 1 == count);
    }
    end_line();
}

static void print_columns(const struct invocation *invocation, const json_t *rows,
                          const struct output_column *columns) {
    unsigned count = count_columns(columns);
    size_t row_count = json_array_size(rows), widths[COLUMNS_MAX] = {0}, index;
    json_t *row;
    if (count == 0 || count > COLUMNS_MAX)
        return;
    char **cells = calloc(row_count * count, sizeof(*cells));
    if (!cells)
        return;
    for (unsigned i = 0; i < count; i++)
        widths[i] = text_width(columns[i].heading);
    json_array_foreach(rows, index, row) for (unsigned i = 0; i < count; i++) {
        char *text = cell_text(json_object_get(row, columns[i].member), columns[i].style);
        cells[index * count + i] = text;
        if (text && text_width(text) > widths[i])
            widths[i] = text_width(text);
    }
    room_left = crop_width;
    for (unsigned i = 0; i < count; i++)
        print_cell(invocation, columns[i].heading, widths[i], OUTPUT_STRONG, i + 1 == count);
    end_line();
    for (size_t i = 0; i < row_count; i++)
        print_row(invocation, cells + i * count, columns, count, widths);
    for (size_t i = 0; i < row_count * count; i++)
        free(cells[i]);
    free(cells);
}

void output_json(json_t *document) {
    json_dumpf(document, stdout, JSON_INDENT(isatty(STDOUT_FILENO) ? 2 : 0) | JSON_ENCODE_ANY);
    putchar('\n');
    json_decref(document);
}

void output_json_line(json_t *document) {
    json_dumpf(document, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    putchar('\n');
    fflush(stdout);
    json_decref(document);
}

void output_table(const struct invocation *invocation, json_t *rows, const struct output_column *columns,
                  const char *none) {
    if (invocation->json) {
        output_json(rows);
        return;
    }
    if (json_array_size(rows))
        print_columns(invocation, rows, columns);
    else
        command_remark(invocation, "%s", none);
    json_decref(rows);
}

void output_record(const struct invocation *invocation, json_t *record, const struct output_column *columns) {
    if (invocation->json) {
        output_json(record);
        return;
    }
    size_t width = 0;
    for (unsigned i = 0; columns[i].heading; i++)
        if (text_width(columns[i].heading) > width)
            width = text_width(columns[i].heading);
    for (unsigned i = 0; columns[i].heading; i++) {
        char *text = cell_text(json_object_get(record, columns[i].member), columns[i].style);
        print_cell(invocation, columns[i].heading, width, OUTPUT_STRONG, false);
        print_cell(invocation, text ? text : "?", 0,
                   columns[i].style == OUTPUT_STATE && text ? state_colour(text) : OUTPUT_PLAIN, true);
        putchar('\n');
        free(text);
    }
    json_decref(record);
}
