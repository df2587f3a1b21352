/*
 * grove token: who may connect to the NATS gateway, and for what.
 */
#include <string.h>

#include "servers/common/names.h"
#include "servers/nats/protocol.h"
#include "userspace/grove/commands/system_client.h"

static const struct command_option options[] = {
    {"allow", 'a', "CAPABILITY", "add: BUS_PUB:PATTERN or BUS_SUB:PATTERN; may be given several times"},
    {0},
};

static int connect_gateway(const struct invocation *invocation, struct grove_channel **channel) {
    struct grove_session *session;
    struct grove_message message = {.operation = GROVE_REQUEST_ENDPOINT_READ};
    int status = command_connect(invocation, &session);
    if (status != 0)
        return status;
    name_set(&message.body.endpoint_read.name, NATS_ENDPOINT);
    if (grove_kernel_request(session, &message, NULL, 0, NULL, NULL, SYSTEM_TIMEOUT_NS) == GROVE_NOT_FOUND)
        return command_fail(invocation, "the system was started without the NATS gateway: \"grove up --gateway "
                                        "nats=127.0.0.1:4222\" starts it with one");
    return system_connect(invocation, NATS_ENDPOINT, channel);
}

static int read_name(const struct invocation *invocation, struct grove_name *name) {
    if (invocation->argument_count != 2)
        return command_misused(invocation, "name the token, as in \"grove token %s laboratory\"",
                               invocation->arguments[0]);
    if (strlen(invocation->arguments[1]) > GROVE_NAME_MAX)
        return command_misused(invocation, "\"%s\" is longer than a name can be", invocation->arguments[1]);
    name_set(name, invocation->arguments[1]);
    return 0;
}

/* ---- add ---- */

static int read_right(const struct invocation *invocation, const char *text, struct nats_token_right *right) {
    struct grove_capability capability;
    if (grove_capability_parse(text, &capability) < 0)
        return command_misused(invocation, "--allow: %s", grove_last_error());
    if ((capability.kind != GROVE_CAP_BUS_PUB && capability.kind != GROVE_CAP_BUS_SUB) ||
        capability.argument.length_bytes > NATS_PATTERN_MAX)
        return command_misused(invocation, "--allow %s: a client of the gateway can be given BUS_PUB and BUS_SUB only",
                               text);
    right->kind = capability.kind;
    if (capability.argument.kind == GROVE_ARGUMENT_NONE)
        text_set(right->pattern, sizeof right->pattern, ">");
    else
        memcpy(right->pattern, capability.argument.value.text, capability.argument.length_bytes);
    return 0;
}

static int read_rights(const struct invocation *invocation, struct nats_token_record *record) {
    unsigned cursor = 0;
    int status = 0;
    for (const char *text; status == 0 && (text = command_next(invocation, "allow", &cursor)) != NULL;) {
        if (record->right_count == NATS_TOKEN_RIGHTS_MAX)
            return command_misused(invocation, "a token has at most %u rights", NATS_TOKEN_RIGHTS_MAX);
        status = read_right(invocation, text, &record->rights[record->right_count++]);
    }
    if (status == 0 && record->right_count == 0)
        return command_misused(invocation, "say what it may do, as in --allow 'BUS_SUB:grid.>'");
    return status;
}

static int add(const struct invocation *invocation) {
    struct nats_token_record record = {.version = NATS_PROTOCOL_VERSION};
    struct nats_token_secret secret;
    struct grove_channel *channel = NULL;
    struct grove_answer answer;
    int status = read_name(invocation, &record.name);
    if (status == 0)
        status = read_rights(invocation, &record);
    if (status == 0)
        status = connect_gateway(invocation, &channel);
    if (status == 0)
        status = system_call(invocation, channel, NATS_TOKEN_ADD, &record, sizeof record, SYSTEM_TIMEOUT_NS, &answer);
    if (status != 0)
        return status;
    bool is_whole = answer.length_bytes == sizeof secret;
    if (is_whole)
        memcpy(&secret, answer.data, sizeof secret);
    grove_answer_release(&answer);
    if (!is_whole || !text_is_terminated(secret.text, sizeof secret.text))
        return command_fail(invocation, "the gateway gave an answer that is malformed");
    if (invocation->json)
        output_json(json_pack("{s:s, s:s}", "name", record.name.text, "token", secret.text));
    else
        (void)printf("%s\n", secret.text);
    command_remark(invocation, "this is shown once: only a hash of it is kept");
    return COMMAND_OK;
}

/* ---- remove ---- */

static int remove_token(const struct invocation *invocation) {
    struct nats_token_request request = {.version = NATS_PROTOCOL_VERSION};
    struct grove_channel *channel = NULL;
    struct grove_answer answer;
    int status = read_name(invocation, &request.name);
    if (status == 0)
        status = connect_gateway(invocation, &channel);
    if (status == 0)
        status =
            system_call(invocation, channel, NATS_TOKEN_REMOVE, &request, sizeof request, SYSTEM_TIMEOUT_NS, &answer);
    if (status != 0)
        return status;
    grove_answer_release(&answer);
    if (invocation->json)
        output_json(json_pack("{s:s}", "name", request.name.text));
    return COMMAND_OK;
}

/* ---- list ---- */

static json_t *rights_of(const struct nats_token_record *record) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < record->right_count && i < NATS_TOKEN_RIGHTS_MAX; i++)
        (void)json_array_append_new(
            list, json_sprintf("%s:%.*s", record->rights[i].kind == GROVE_CAP_BUS_PUB ? "BUS_PUB" : "BUS_SUB",
                               (int)NATS_PATTERN_MAX, record->rights[i].pattern));
    return list;
}

static int next_page(struct grove_channel *channel, uint32_t cursor, struct nats_token_page *page) {
    struct nats_token_request request = {.version = NATS_PROTOCOL_VERSION, .cursor = cursor};
    struct grove_answer answer;
    int status = grove_call(channel,
                            &(struct grove_call){.method = NATS_TOKEN_LIST,
                                                 .data = &request,
                                                 .length_bytes = sizeof request,
                                                 .timeout_ns = SYSTEM_TIMEOUT_NS},
                            &answer);
    if (status < 0)
        return status;
    bool is_whole = answer.length_bytes == sizeof *page;
    if (is_whole)
        memcpy(page, answer.data, sizeof *page);
    grove_answer_release(&answer);
    return is_whole ? 0 : GROVE_CORRUPT;
}

static int list(const struct invocation *invocation) {
    static const struct output_column columns[] = {{"NAME", "name", OUTPUT_TEXT},
                                                   {"CONNECTIONS", "connections", OUTPUT_TEXT},
                                                   {"RIGHTS", "rights", OUTPUT_LIST},
                                                   {0}};
    struct nats_token_page page = {.cursor = 0};
    struct grove_channel *channel = NULL;
    int status = connect_gateway(invocation, &channel);
    if (status != 0)
        return status;
    json_t *rows = json_array();
    do {
        status = next_page(channel, page.cursor, &page);
        if (status == 0)
            (void)json_array_append_new(rows, json_pack("{s:s, s:i, s:o}", "name", page.record.name.text, "connections",
                                                        (int)page.connections, "rights", rights_of(&page.record)));
    } while (status == 0 && page.cursor != 0);
    if (status < 0 && status != GROVE_NOT_FOUND) {
        json_decref(rows);
        return command_fail_library(invocation, "the tokens cannot be listed");
    }
    output_table(invocation, rows, columns, "there are no tokens; \"grove token add\" makes one");
    return COMMAND_OK;
}

static int run(struct invocation *invocation) {
    static const struct {
        const char *word;
        int (*run)(const struct invocation *invocation);
    } verbs[] = {{"add", add}, {"remove", remove_token}, {"list", list}};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(invocation->arguments[0], verbs[i].word) == 0)
            return verbs[i].run(invocation);
    return command_misused(invocation, "\"%s\" is none of add, remove, list", invocation->arguments[0]);
}

const struct command command_token = {
    .name = "token",
    .summary = "let clients of the NATS gateway in",
    .usage = "add|remove|list [NAME]",
    .description = "A client of the NATS protocol that connects to the gateway gives a token, as auth_token, or with "
                   "its name as the "
                   "user and the token as the password. The token says which subjects it may publish and subscribe to. "
                   "Whoever makes "
                   "one must hold those rights.\n"
                   "\n"
                   "Removing a token closes the connections that came in with it.",
    .examples = "  grove up --gateway nats=127.0.0.1:4222                start the system with the gateway\n"
                "  grove token add laboratory --allow 'BUS_SUB:grid.>'   make a token, and print it\n"
                "  grove token list                                      who may connect, and who is there",
    .operands = COMMAND_OPERANDS_NONE,
    .minimum = 1,
    .maximum = 2,
    .options = options,
    .run = run,
};
