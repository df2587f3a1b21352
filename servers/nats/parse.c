/*
 * An operation is a line that ends in CR LF (a bare LF is taken too, as the reference server does), of words between
 * spaces or tabs; PUB and HPUB are followed by as many bytes as the line says, and another line's end. Reading it again
 * from its begin whenever more bytes have come needs no state, and a line is at most NATS_CONTROL_LINE_MAX long.
 */
#include "servers/nats/parse.h"

#include <string.h>
#include <strings.h>

#define WORDS_MAX 6u

#define FAULT_UNKNOWN "Unknown Protocol Operation"
#define FAULT_PARSER "Parser Error"
#define FAULT_LINE "Maximum Control Line Exceeded"
#define FAULT_PAYLOAD "Maximum Payload Violation"

struct line {
    struct nats_text words[WORDS_MAX];
    unsigned count; /* may be more than WORDS_MAX */
    size_t length_bytes; /* with its end */
};

struct input {
    const char *bytes;
    size_t length_bytes, max_payload;
    size_t *used_bytes;
    const char **fault;
};

static enum nats_parse_result fail(const struct input *input, const char *fault) {
    *input->fault = fault;
    return NATS_PARSE_FAULT;
}

static bool is_blank(char byte) {
    return byte == ' ' || byte == '\t';
}

static void split(const char *text, size_t length_bytes, struct line *line) {
    size_t at = 0;
    while (at < length_bytes) {
        while (at < length_bytes && is_blank(text[at]))
            at++;
        size_t begin = at;
        while (at < length_bytes && !is_blank(text[at]))
            at++;
        if (at > begin && line->count < WORDS_MAX)
            line->words[line->count] = (struct nats_text){text + begin, at - begin};
        line->count += at > begin;
    }
}

/* The first line. The rest of CONNECT is one word, however it looks. */
static enum nats_parse_result take_line(const struct input *input, struct line *line) {
    const char *end = memchr(input->bytes, '\n', input->length_bytes);
    size_t length_bytes = end != NULL ? (size_t)(end - input->bytes) : input->length_bytes;
    if (length_bytes > NATS_CONTROL_LINE_MAX + 1)
        return fail(input, FAULT_LINE);
    if (end == NULL)
        return NATS_PARSE_MORE;
    line->length_bytes = length_bytes + 1;
    if (length_bytes > 0 && input->bytes[length_bytes - 1] == '\r')
        length_bytes--;
    split(input->bytes, length_bytes, line);
    return NATS_PARSE_COMPLETE;
}

static bool read_number(struct nats_text word, uint64_t *number) {
    uint64_t value = 0;
    if (word.length_bytes == 0 || word.length_bytes > 18)
        return false;
    for (size_t i = 0; i < word.length_bytes; i++) {
        if (word.text[i] < '0' || word.text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(word.text[i] - '0');
    }
    *number = value;
    return true;
}

/* ---- the operations ---- */

typedef enum nats_parse_result parse_operation(const struct input *input, const struct line *line,
                                               struct nats_command *command);

static enum nats_parse_result complete(const struct input *input, size_t used_bytes) {
    *input->used_bytes = used_bytes;
    return NATS_PARSE_COMPLETE;
}

static enum nats_parse_result parse_word(const struct input *input, const struct line *line,
                                         struct nats_command *command) {
    (void)command;
    return complete(input, line->length_bytes);
}

static enum nats_parse_result parse_connect(const struct input *input, const struct line *line,
                                            struct nats_command *command) {
    if (line->count < 2)
        return fail(input, FAULT_PARSER);
    const char *begin = line->words[1].text, *end = input->bytes + line->length_bytes - 1;
    while (end > begin && (end[-1] == '\r' || is_blank(end[-1])))
        end--;
    command->options = (struct nats_text){begin, (size_t)(end - begin)};
    return complete(input, line->length_bytes);
}

static enum nats_parse_result parse_subscribe(const struct input *input, const struct line *line,
                                              struct nats_command *command) {
    if (line->count != 3 && line->count != 4)
        return fail(input, FAULT_PARSER);
    command->subject = line->words[1];
    if (line->count == 4)
        command->queue = line->words[2];
    command->id = line->words[line->count - 1];
    return complete(input, line->length_bytes);
}

static enum nats_parse_result parse_unsubscribe(const struct input *input, const struct line *line,
                                                struct nats_command *command) {
    if ((line->count != 2 && line->count != 3) || (line->count == 3 && !read_number(line->words[2], &command->maximum)))
        return fail(input, FAULT_PARSER);
    command->id = line->words[1];
    return complete(input, line->length_bytes);
}

/* Behind the line: `total` bytes, of which the first `headers` are headers, and a line's end. */
static enum nats_parse_result take_payload(const struct input *input, const struct line *line, uint64_t headers,
                                           uint64_t total, struct nats_command *command) {
    if (total > input->max_payload)
        return fail(input, FAULT_PAYLOAD);
    const char *payload = input->bytes + line->length_bytes;
    size_t rest = input->length_bytes - line->length_bytes;
    if (rest < total + 1 || (payload[total] == '\r' && rest < total + 2))
        return NATS_PARSE_MORE;
    size_t end = payload[total] == '\r' ? 2 : 1;
    if (payload[total + end - 1] != '\n')
        return fail(input, FAULT_PARSER);
    if (headers > 0)
        command->headers = (struct nats_text){payload, headers};
    command->data = (struct nats_text){payload + headers, total - headers};
    return complete(input, line->length_bytes + total + end);
}

static enum nats_parse_result parse_publish(const struct input *input, const struct line *line,
                                            struct nats_command *command) {
    uint64_t total = 0;
    if ((line->count != 3 && line->count != 4) || !read_number(line->words[line->count - 1], &total))
        return fail(input, FAULT_PARSER);
    command->subject = line->words[1];
    if (line->count == 4)
        command->reply = line->words[2];
    return take_payload(input, line, 0, total, command);
}

static enum nats_parse_result parse_publish_with_headers(const struct input *input, const struct line *line,
                                                         struct nats_command *command) {
    uint64_t headers = 0, total = 0;
    if ((line->count != 4 && line->count != 5) || !read_number(line->words[line->count - 2], &headers) ||
        !read_number(line->words[line->count - 1], &total) || headers > total)
        return fail(input, FAULT_PARSER);
    command->subject = line->words[1];
    if (line->count == 5)
        command->reply = line->words[2];
    return take_payload(input, line, headers, total, command);
}

static const struct {
    const char *word;
    enum nats_operation operation;
    parse_operation *parse;
} operations[] = {
    {"PUB", NATS_PUB, parse_publish},         {"HPUB", NATS_HPUB, parse_publish_with_headers},
    {"SUB", NATS_SUB, parse_subscribe},       {"UNSUB", NATS_UNSUB, parse_unsubscribe},
    {"PING", NATS_PING, parse_word},          {"PONG", NATS_PONG, parse_word},
    {"CONNECT", NATS_CONNECT, parse_connect}, {"+OK", NATS_OK, parse_word},
    {"-ERR", NATS_ERROR, parse_word},
};

enum nats_parse_result nats_parse(const char *bytes, size_t length_bytes, size_t max_payload,
                                  struct nats_command *command, size_t *used_bytes, const char **fault) {
    struct input input = {bytes, length_bytes, max_payload, used_bytes, fault};
    struct line line = {.count = 0};
    *command = (struct nats_command){.operation = NATS_PING};
    enum nats_parse_result result = take_line(&input, &line);
    if (result != NATS_PARSE_COMPLETE)
        return result;
    for (size_t i = 0; line.count > 0 && i < sizeof operations / sizeof operations[0]; i++) {
        const char *word = operations[i].word;
        if (strlen(word) != line.words[0].length_bytes || strncasecmp(word, line.words[0].text, strlen(word)) != 0)
            continue;
        command->operation = operations[i].operation;
        return operations[i].parse(&input, &line, command);
    }
    return fail(&input, FAULT_UNKNOWN);
}
