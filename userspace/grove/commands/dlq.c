/*
 * grove dlq: events that the bus has given up on: look at them, deliver them again, drop them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "grove/bus.h"
#include "userspace/grove/command.h"

static const struct command_option options[] = {
    {"subject", 'S', "PATTERN", "only events whose subject matches"},
    {"service", 'n', "NAME", "only those of this subscriber, by its full name"},
    {"older", 'o', "TIME", "only those that were given up longer ago than this"},
    {"all", 'a', NULL, "replay or purge all that the other options leave, instead of those whose numbers are given"},
    {0},
};

enum action { ACTION_LIST, ACTION_SHOW, ACTION_REPLAY, ACTION_PURGE };

static int find_action(const char *text, enum action *action) {
    static const char *const names[] = {"list", "show", "replay", "purge"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0) {
            *action = (enum action)i;
            return 0;
        }
    return GROVE_NOT_FOUND;
}

static uint64_t wall_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * GROVE_SECOND + (uint64_t)now.tv_nsec;
}

static int which_of(const struct invocation *invocation, struct grove_dead_letters *which) {
    uint64_t older_ns = 0;
    int status = command_duration(invocation, "older", 0, &older_ns);
    *which = (struct grove_dead_letters){.subject = command_value(invocation, "subject"),
                                         .subscriber = command_value(invocation, "service")};
    if (command_has(invocation, "older"))
        which->before_ns = wall_ns() - older_ns;
    return status != 0 ? status : command_connect(invocation, &which->session);
}

/* ---- looking ---- */

static json_t *row_of(const struct grove_dead_letter *letter) {
    uint64_t now_ns = wall_ns();
    return json_pack("{s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:I}", "id",
                     (json_int_t)letter->id, "time_ns", (json_int_t)letter->time_ns, "age_ns",
                     (json_int_t)(now_ns > letter->time_ns ? now_ns - letter->time_ns : 0), "subject", letter->subject,
                     "publisher", letter->publisher.text, "subscriber", letter->subscriber.text, "pattern",
                     letter->pattern, "group", letter->group, "attempts", (json_int_t)letter->attempts, "status",
                     grove_status_name(letter->status), "error", letter->error, "bytes",
                     (json_int_t)letter->length_bytes, "sequence", (json_int_t)letter->sequence, "durable_sequence",
                     (json_int_t)letter->durable_sequence);
}

static int list(const struct invocation *invocation, const struct grove_dead_letters *which) {
    static const struct output_column columns[] = {
        {"ID", "id", OUTPUT_TEXT},
        {"AGE", "age_ns", OUTPUT_DURATION},
        {"SUBJECT", "subject", OUTPUT_TEXT},
        {"BYTES", "bytes", OUTPUT_TEXT},
        {"SUBSCRIBER", "subscriber", OUTPUT_TEXT},
        {"ATTEMPTS", "attempts", OUTPUT_TEXT},
        {"ERROR", "error", OUTPUT_TEXT},
        {0},
    };
    json_t *rows = json_array();
    struct grove_dead_letter letter;
    uint64_t cursor = 0;
    int status;
    while ((status = grove_bus_dead_letter_next(which, &cursor, &letter)) == 0)
        json_array_append_new(rows, row_of(&letter));
    if (status != GROVE_NOT_FOUND) {
        json_decref(rows);
        return command_fail_library(invocation, "the dead letters cannot be listed");
    }
    output_table(invocation, rows, columns, "there are no dead letters");
    return COMMAND_OK;
}

/* The data of an event: text if it is, else as hexadecimal digits. */
static json_t *data_of(const char *data, size_t length_bytes) {
    json_t *text = json_stringn(data, length_bytes);
    if (text != NULL)
        return text;
    char *digits = malloc(2 * length_bytes + 1);
    if (digits == NULL)
        return json_null();
    for (size_t i = 0; i < length_bytes; i++)
        (void)snprintf(digits + 2 * i, 3, "%02x", (unsigned char)data[i]);
    text = json_string(digits);
    free(digits);
    return text;
}

static int show(const struct invocation *invocation, const struct grove_dead_letters *which) {
    static const struct output_column columns[] = {
        {"id", "id", OUTPUT_TEXT},
        {"given up", "age_ns", OUTPUT_DURATION},
        {"subject", "subject", OUTPUT_TEXT},
        {"number", "sequence", OUTPUT_TEXT},
        {"publisher", "publisher", OUTPUT_TEXT},
        {"subscriber", "subscriber", OUTPUT_TEXT},
        {"pattern", "pattern", OUTPUT_TEXT},
        {"attempts", "attempts", OUTPUT_TEXT},
        {"status", "status", OUTPUT_TEXT},
        {"error", "error", OUTPUT_TEXT},
        {"data", "data", OUTPUT_TEXT},
        {0},
    };
    struct grove_dead_letter letter;
    uint64_t cursor = 0;
    size_t length_bytes = GROVE_BUS_DATA_MAX;
    char *data = malloc(length_bytes);
    if (data == NULL)
        return command_fail(invocation, "there is no memory for the data");
    int status = grove_bus_dead_letter_next(which, &cursor, &letter);
    if (status == 0)
        status = grove_bus_dead_letter_data(which, data, &length_bytes);
    if (status == 0) {
        json_t *record = row_of(&letter);
        json_object_set_new(record, "data", data_of(data, length_bytes));
        output_record(invocation, record, columns);
    }
    free(data);
    return status == 0 ? COMMAND_OK
                       : command_fail_library(invocation, "the dead letter %" PRIu64 " cannot be shown", which->id);
}

/* ---- doing ---- */

static int act(const struct invocation *invocation, const struct grove_dead_letters *which, enum action action,
               uint64_t *total) {
    uint64_t count = 0;
    int status = action == ACTION_REPLAY ? grove_bus_dead_letter_replay(which, &count)
                                         : grove_bus_dead_letter_purge(which, &count);
    if (status < 0)
        return command_fail_library(invocation, "the bus did not do it");
    *total += count;
    if (which->id != 0 && count == 0)
        return command_fail(invocation, "dead letter %" PRIu64 " %s", which->id,
                            action == ACTION_REPLAY
                                ? "is not there, or its subscriber has no subscription now that takes it"
                                : "is not there");
    return COMMAND_OK;
}

static int read_id(const struct invocation *invocation, const char *text, uint64_t *id) {
    char *end = NULL;
    *id = strtoull(text, &end, 10);
    if (*id == 0 || *end != '\0' || text[0] == '-')
        return command_misused(invocation, "\"%s\" is no number of a dead letter", text);
    return 0;
}

/* Each one named, or all at once. */
static int for_each(const struct invocation *invocation, struct grove_dead_letters *which, enum action action) {
    uint64_t total = 0;
    int status = COMMAND_OK;
    if (invocation->argument_count == 1)
        status = act(invocation, which, action, &total);
    for (unsigned i = 1; status == COMMAND_OK && i < invocation->argument_count; i++) {
        status = read_id(invocation, invocation->arguments[i], &which->id);
        if (status == COMMAND_OK)
            status = action == ACTION_SHOW ? show(invocation, which) : act(invocation, which, action, &total);
    }
    if (status != COMMAND_OK || action == ACTION_SHOW)
        return status;
    if (invocation->json)
        output_json(json_pack("{s:I}", "count", (json_int_t)total));
    else
        command_remark(invocation, "%" PRIu64 " %s", total, action == ACTION_REPLAY ? "delivered again" : "purged");
    return COMMAND_OK;
}

static int run(struct invocation *invocation) {
    struct grove_dead_letters which;
    enum action action = ACTION_LIST;
    if (invocation->argument_count > 0 && find_action(invocation->arguments[0], &action) < 0)
        return command_misused(invocation, "\"%s\" is none of list, show, replay and purge", invocation->arguments[0]);
    bool has_ids = invocation->argument_count > 1, is_all = command_has(invocation, "all");
    if (action == ACTION_LIST && (has_ids || is_all))
        return command_misused(invocation, "list takes no numbers: show one with \"show ID\"");
    if (action == ACTION_SHOW && (!has_ids || is_all))
        return command_misused(invocation, "show which? Give its number");
    if (action >= ACTION_REPLAY && has_ids == is_all)
        return command_misused(invocation, "give the numbers of dead letters, or --all");
    int status = which_of(invocation, &which);
    if (status != 0)
        return status;
    return action == ACTION_LIST ? list(invocation, &which) : for_each(invocation, &which, action);
}

const struct command command_dlq = {
    .name = "dlq",
    .summary = "list the events that the bus gave up on, deliver them again or drop them",
    .usage = "[list] | show ID... | replay ID...|--all | purge ID...|--all",
    .description =
        "An event that its subscriber fails too often, or that is pushed out of a full queue, becomes a dead "
        "letter: it is kept on disk with the error, the number of attempts and the subscriber.\n\nreplay "
        "delivers it again to the subscriptions of its subscriber that match now, with a fresh count of "
        "attempts, and forgets the letter. purge forgets it.",
    .examples = "  grove dlq                                  what was given up\n"
                "  grove dlq show 7                           one of them, with its data\n"
                "  grove dlq replay --all -n grid.alarm       after the alarm was mended\n"
                "  grove dlq purge --all --older 30d          the old ones",
    .operands = COMMAND_OPERANDS_NONE,
    .minimum = 0,
    .maximum = 64,
    .options = options,
    .run = run,
};
