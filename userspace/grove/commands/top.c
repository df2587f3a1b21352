/*
 * grove top: what each service uses, now.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "userspace/grove/commands/system_client.h"
#include "userspace/grove/commands/top_views.h"

static const struct command_option options[] = {
    {"once", '1', NULL, "one table, measured over one interval, and the end"},
    {"interval", 'i', "TIME", "time between two tables (1s)"},
    {"sort", 's', "COLUMN", "by processor, memory or name (processor)"},
    {"number", 'n', "COUNT", "show only the first COUNT services"},
    {"tree", 'T', NULL, "by project, with the sums of each"},
    {"history", 'H', NULL, "with the processor time of the last minute, a character for three seconds"},
    {0},
};

struct sample {
    grove_object_id id;
    uint64_t processor_ns, network_bytes;
};
struct samples {
    struct sample *list;
    unsigned count, size;
    uint64_t time_ns;
};

static void remember(struct samples *samples, const struct grove_container_record *record) {
    if (samples->count == samples->size) {
        unsigned size = samples->size == 0 ? 256 : 2 * samples->size;
        struct sample *grown = realloc(samples->list, size * sizeof *grown);
        if (grown == NULL)
            return;
        samples->list = grown;
        samples->size = size;
    }
    samples->list[samples->count++] = (struct sample){
        .id = record->id, .processor_ns = record->usage.processor_ns, .network_bytes = record->network_bytes};
}

/* Containers come in the same order each time, so the search begins where the last one ended. */
static struct sample before(const struct samples *samples, const struct grove_container_record *record,
                            unsigned *cursor) {
    for (unsigned step = 0; step < samples->count; step++) {
        unsigned index = (*cursor + step) % samples->count;
        if (samples->list[index].id == record->id) {
            *cursor = index + 1;
            return samples->list[index];
        }
    }
    return (struct sample){.processor_ns = record->usage.processor_ns,
                           .network_bytes = record->network_bytes}; /* new */
}

static json_t *row_of(const struct grove_container_record *record, const struct sample *old, uint64_t span_ns) {
    uint64_t used_ns = record->usage.processor_ns - old->processor_ns;
    uint64_t share_ppm = span_ns == 0 ? 0 : (uint64_t)((double)used_ns * 1e6 / (double)span_ns);
    json_t *row = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:i}", "name", record->name.text, "project", record->project.text,
        "processor_ppm", (json_int_t)share_ppm, "processor_ns", (json_int_t)record->usage.processor_ns, "memory_bytes",
        (json_int_t)record->usage.memory_bytes, "memory_peak_bytes", (json_int_t)record->usage.memory_peak_bytes,
        "shared_bytes", (json_int_t)record->usage.shared_bytes, "processes", (json_int_t)record->usage.processes,
        "process", (int)record->process);
    if (record->budget.disk_bytes != 0) {
        (void)json_object_set_new(row, "disk_bytes", json_integer((json_int_t)record->disk_bytes));
        (void)json_object_set_new(row, "disk_limit_bytes", json_integer((json_int_t)record->budget.disk_bytes));
    }
    if (record->budget.network_rate != 0 || record->budget.network_total != 0) {
        uint64_t more = record->network_bytes > old->network_bytes ? record->network_bytes - old->network_bytes : 0;
        uint64_t rate = span_ns == 0 ? 0 : (uint64_t)((double)more * 1e9 / (double)span_ns);
        (void)json_object_set_new(row, "network_bytes", json_integer((json_int_t)record->network_bytes));
        (void)json_object_set_new(row, "network_rate", json_integer((json_int_t)rate));
        (void)json_object_set_new(row, "network_limit_rate", json_integer((json_int_t)record->budget.network_rate));
        (void)json_object_set_new(row, "network_limit_bytes", json_integer((json_int_t)record->budget.network_total));
    }
    return row;
}

static int measure(const struct invocation *invocation, struct samples *old, struct samples *new, json_t *rows) {
    struct grove_session *session;
    struct grove_container_record record;
    uint32_t cursor = 0;
    unsigned place = 0;
    int result, status = command_connect(invocation, &session);
    if (status != 0)
        return status;
    new->count = 0;
    new->time_ns = grove_now_ns();
    while ((result = grove_container_next(session, &cursor, &record)) == 0) {
        if (record.ring == 3 || record.process == 0)
            continue;
        remember(new, &record);
        const struct sample last = before(old, &record, &place);
        (void)json_array_append_new(rows, row_of(&record, &last, new->time_ns - old->time_ns));
    }
    return result == GROVE_NOT_FOUND ? 0 : command_fail_library(invocation, "the kernel does not say what runs");
}

/* ---- order ---- */

static const char *sort_member;

static int compare(const void *a, const void *b) {
    json_t *one = *(json_t *const *)a, *other = *(json_t *const *)b;
    if (strcmp(sort_member, "name") != 0) {
        json_int_t left = json_integer_value(json_object_get(one, sort_member));
        json_int_t right = json_integer_value(json_object_get(other, sort_member));
        if (left != right)
            return left > right ? -1 : 1;
    }
    return strcmp(json_string_value(json_object_get(one, "name")), json_string_value(json_object_get(other, "name")));
}

/* A line that wraps, or a table longer than the screen, would push the top out of it. */
static uint64_t fit_screen(bool is_live, uint64_t most) {
    struct winsize size;
    if (!is_live || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 3 || size.ws_col == 0)
        return most;
    output_crop(size.ws_col);
    return most < size.ws_row - 2u ? most : size.ws_row - 2u;
}

static json_t *sorted(json_t *rows, uint64_t most) {
    size_t count = json_array_size(rows);
    json_t **list = calloc(count + 1, sizeof(json_t *));
    json_t *result = json_array();
    for (size_t index = 0; list != NULL && index < count; index++)
        list[index] = json_array_get(rows, index);
    if (list != NULL)
        qsort(list, count, sizeof(json_t *), compare);
    for (size_t index = 0; list != NULL && index < count && index < most; index++)
        (void)json_array_append(result, list[index]);
    free(list);
    json_decref(rows);
    return result;
}

static int read_sort(const struct invocation *invocation) {
    const char *text = command_value(invocation, "sort");
    sort_member = "processor_ppm";
    if (text == NULL || strcmp(text, "processor") == 0)
        return 0;
    sort_member = strcmp(text, "memory") == 0 ? "memory_bytes" : "name";
    if (strcmp(text, "memory") == 0 || strcmp(text, "name") == 0)
        return 0;
    return command_misused(invocation, "\"%s\" is no column to sort by: processor, memory or name", text);
}

/* ---- the command ---- */

/* In the first turn it is asked for only so that samples are taken from then on. */
static int add_history(const struct invocation *invocation, json_t *rows) {
    struct grove_session *session;
    if (!command_has(invocation, "history"))
        return 0;
    int status = command_connect(invocation, &session);
    if (status == 0 && !top_add_history(session, rows))
        status = command_fail_library(invocation, "the last minute is not known");
    return status;
}

static json_t *arranged(const struct invocation *invocation, json_t *rows, uint64_t most) {
    json_t *list = sorted(rows, most);
    return command_has(invocation, "tree") ? top_by_project(list, invocation->json) : list;
}

static void show(const struct invocation *invocation, json_t *rows, bool is_live) {
    const struct output_column columns[] = {
        {"NAME", "name", OUTPUT_TEXT},
        {"CPU", "processor_ppm", OUTPUT_PERCENT},
        {"TIME", "processor_ns", OUTPUT_DURATION},
        {"MEMORY", "memory_bytes", OUTPUT_BYTES},
        {"PEAK", "memory_peak_bytes", OUTPUT_BYTES},
        {"SHARED", "shared_bytes", OUTPUT_BYTES},
        {"DISK", "disk_bytes", OUTPUT_BYTES},
        {"NET/S", "network_rate", OUTPUT_BYTES},
        {"PROCESSES", "processes", OUTPUT_TEXT},
        {"PID", "process", OUTPUT_TEXT},
        {command_has(invocation, "history") ? "LAST MINUTE" : NULL, "history", OUTPUT_TEXT},
        {0},
    };
    if (invocation->json && is_live) {
        output_json_line(rows);
        return;
    }
    if (is_live && isatty(STDOUT_FILENO) == 1)
        printf("\033[H\033[J"); /* home, clear to the end */
    output_table(invocation, rows, columns, "nothing runs");
    (void)fflush(stdout);
}

static int run(struct invocation *invocation) {
    struct samples samples[2] = {0};
    uint64_t interval_ns, most;
    bool once = command_has(invocation, "once") || (invocation->json && !command_has(invocation, "interval"));
    int status = command_duration(invocation, "interval", GROVE_SECOND, &interval_ns);
    if (status == 0)
        status = command_number(invocation, "number", 1, 100000, UINT32_MAX, &most);
    if (status == 0)
        status = read_sort(invocation);
    for (unsigned turn = 0; status == 0; turn++) {
        json_t *rows = json_array();
        status = measure(invocation, &samples[turn % 2], &samples[(turn + 1) % 2], rows);
        if (status == 0 && (turn > 0 || command_has(invocation, "history")))
            status = add_history(invocation, rows);
        if (status == 0 && turn > 0)
            show(invocation, arranged(invocation, rows, fit_screen(!once && !invocation->json, most)), !once);
        else
            json_decref(rows);
        if ((once && turn > 0) || ferror(stdout))
            break;
        if (status == 0)
            (void)poll(
                NULL, 0,
                (int)((once && interval_ns > GROVE_SECOND / 5 ? GROVE_SECOND / 5 : interval_ns) / GROVE_MILLISECOND));
    }
    free(samples[0].list);
    free(samples[1].list);
    return status;
}

const struct command command_top = {
    .name = "top",
    .summary = "show what services use, live",
    .usage = "",
    .description = "Shows processor, memory and processes of everything that runs, again and again until it is "
                   "interrupted. Disk and network are counted for services that have a limit on them. With --once, or "
                   "with --json, it "
                   "is shown once; with --json and --interval, one line each "
                   "time.",
    .examples = "  grove top                 live\n"
                "  grove top --tree          by project, with sums\n"
                "  grove top --history       with the last minute of each\n"
                "  grove top --once --json   for a program",
    .options = options,
    .run = run,
};
