/*
 * grove pub: publish an event, or ask and print the answer.
 */
#include <stdlib.h>
#include <string.h>

#include "grove/bus.h"
#include "userspace/grove/command.h"

static const struct command_option options[] = {
    {"reliable", 'r', NULL, "at least once: kept until every such subscriber has handled it"},
    {"durable", 'D', NULL, "on disk before this command ends"},
    {"request", 'q', NULL, "wait for an answer and print it"},
    {"lines", 'l', NULL, "each line of standard input is an event"},
    {"direct", 'd', NULL, "with --lines, at most once: by a ring of this command's own, without the bus in between"},
    {"reply-to", 'R', "SUBJECT", "where answers are to be published"},
    {"timeout", 't', "TIME", "for room, for the disk, or for the answer (5s)"},
    {0},
};

static int ask(const struct invocation *invocation, const struct grove_publish *publish) {
    struct grove_bus_answer answer;
    if (grove_bus_request(publish, &answer) < 0)
        return command_fail_library(invocation, "%s was not answered", publish->subject);
    if (invocation->json)
        output_json(json_pack("{s:o}", "data", json_stringn(answer.data, answer.length_bytes)));
    else
        printf("%.*s\n", (int)answer.length_bytes, (const char *)answer.data);
    grove_bus_answer_release(&answer);
    return COMMAND_OK;
}

static int publish_one(const struct invocation *invocation, const struct grove_publish *publish) {
    struct grove_published receipt = {0};
    struct grove_publish kept = *publish;
    kept.receipt = publish->quality == GROVE_BUS_DURABLE ? &receipt : NULL;
    if (command_has(invocation, "request"))
        return ask(invocation, publish);
    if (grove_bus_publish(&kept) < 0)
        return command_fail_library(invocation, "%s was not published", publish->subject);
    if (kept.receipt != NULL && invocation->json)
        output_json_line(json_pack("{s:I, s:I}", "sequence", (json_int_t)receipt.sequence, "durable_sequence",
                                   (json_int_t)receipt.durable_sequence));
    return COMMAND_OK;
}

/* All of standard input, at most what an event may hold and one byte more. */
static int read_all(const struct invocation *invocation, char **data, size_t *length_bytes) {
    *data = malloc(GROVE_BUS_DATA_MAX + 1);
    if (*data == NULL)
        return command_fail(invocation, "there is no memory for the data");
    *length_bytes = fread(*data, 1, GROVE_BUS_DATA_MAX + 1, stdin);
    return COMMAND_OK;
}

static int publish_lines(const struct invocation *invocation, struct grove_publish *publish) {
    char *line = NULL;
    size_t room_bytes = 0;
    ssize_t length_bytes;
    int status = COMMAND_OK;
    while (status == COMMAND_OK && (length_bytes = getline(&line, &room_bytes, stdin)) >= 0) {
        if (length_bytes > 0 && line[length_bytes - 1] == '\n')
            length_bytes--;
        publish->data = line;
        publish->length_bytes = (size_t)length_bytes;
        status = publish_one(invocation, publish);
    }
    free(line);
    return status;
}

static int run(struct invocation *invocation) {
    struct grove_publish publish = {.subject = invocation->arguments[0],
                                    .reply_to = command_value(invocation, "reply-to"),
                                    .quality = command_has(invocation, "durable")    ? GROVE_BUS_DURABLE
                                               : command_has(invocation, "reliable") ? GROVE_BUS_AT_LEAST_ONCE
                                                                                     : GROVE_BUS_AT_MOST_ONCE};
    const char *text = invocation->argument_count > 1 ? invocation->arguments[1] : NULL;
    char *data = NULL;
    if (text != NULL && command_has(invocation, "lines"))
        return command_misused(invocation, "give the data, or --lines for standard input");
    bool is_direct = command_has(invocation, "direct");
    if (is_direct && (!command_has(invocation, "lines") || publish.quality != GROVE_BUS_AT_MOST_ONCE ||
                      command_has(invocation, "request")))
        return command_misused(invocation,
                               "--direct goes with --lines, and with none of --reliable, --durable, --request");
    int status = command_duration(invocation, "timeout", 5 * GROVE_SECOND, &publish.timeout_ns);
    if (status == 0)
        status = command_connect(invocation, &publish.session);
    if (status != 0)
        return status;
    if (is_direct &&
        grove_bus_direct(&(struct grove_direct){.session = publish.session, .pattern = publish.subject}) < 0)
        return command_fail_library(invocation, "there is no ring for %s", publish.subject);
    if (command_has(invocation, "lines")) {
        status = publish_lines(invocation, &publish);
    } else {
        publish.length_bytes = text != NULL ? strlen(text) : 0;
        status = text == NULL ? read_all(invocation, &data, &publish.length_bytes) : COMMAND_OK;
        publish.data = text != NULL ? text : data;
        if (status == 0)
            status = publish_one(invocation, &publish);
    }
    free(data);
    if (status == 0 && grove_bus_flush(publish.session, publish.timeout_ns) < 0)
        status = command_fail_library(invocation, "the bus has not taken all of it in time");
    return status;
}

const struct command command_pub = {
    .name = "pub",
    .summary = "publish an event on the bus",
    .usage = "SUBJECT [DATA]",
    .description =
        "Publishes DATA, or what comes from standard input, under a subject, and ends when the bus has taken it. "
        "Subjects "
        "are tokens between dots. With --request it waits for the first answer of a subscriber and prints that.",
    .examples = "  grove pub grid.note 'feeder 3 is back'   one event\n"
                "  tail -f app.log | grove pub -l app.log    an event for each line\n"
                "  sensor | grove pub -l -d grid.reading     the same, read by subscribers in place\n"
                "  grove pub -q grid.question ping           ask",
    .minimum = 1,
    .maximum = 2,
    .options = options,
    .run = run,
};
