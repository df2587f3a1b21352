/* The verbs of grove config that change something. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "servers/common/names.h"
#include "userspace/grove/commands/config_command.h"

#define VALUE_BYTES_MAX 4096u

/* A request under construction: the order, then entries. */
struct message {
    uint8_t bytes[GROVE_CONFIG_MESSAGE_BYTES];
    size_t used;
    uint32_t count;
};

static void message_begin(const struct invocation *invocation, struct message *message) {
    struct grove_config_order order = {.version = GROVE_CONFIG_PROTOCOL};
    const char *why = command_value(invocation, "why");
    order.flags = (command_has(invocation, "dry-run") ? GROVE_CONFIG_ORDER_CHECK : 0u) |
                  (command_has(invocation, "restart") ? GROVE_CONFIG_ORDER_RESTART : 0u);
    (void)snprintf(order.why, sizeof order.why, "%s", why != NULL ? why : "");
    memset(message, 0, sizeof *message);
    memcpy(message->bytes, &order, sizeof order);
    message->used = sizeof order;
}

static bool message_add(struct message *message, const char *service, const char *key, const char *value,
                        size_t value_bytes, uint32_t flags) {
    struct grove_config_entry head = {.flags = flags,
                                      .service_bytes = (uint32_t)strlen(service) + 1,
                                      .key_bytes = (uint32_t)strlen(key) + 1,
                                      .after_bytes = (uint32_t)value_bytes};
    size_t length = sizeof head + head.service_bytes + head.key_bytes + value_bytes;
    head.bytes = (uint32_t)((length + 7) & ~(size_t)7);
    if (head.bytes > sizeof message->bytes - message->used)
        return false;
    uint8_t *at = message->bytes + message->used;
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, service, head.service_bytes);
    memcpy(at + sizeof head + head.service_bytes, key, head.key_bytes);
    if (value_bytes > 0)
        memcpy(at + sizeof head + head.service_bytes + head.key_bytes, value, value_bytes);
    message->used += head.bytes;
    message->count++;
    return true;
}

static void report(const struct invocation *invocation, const struct grove_config_outcome *outcome) {
    bool is_check = command_has(invocation, "dry-run");
    if (invocation->json) {
        output_json(json_pack("{s:I, s:i, s:i, s:i, s:s}", "number", (json_int_t)outcome->number, "count",
                              (int)outcome->count, "silent", (int)outcome->silent, "restarts", (int)outcome->restarts,
                              "note", outcome->note));
        return;
    }
    if (outcome->count == 0)
        command_remark(invocation, "nothing changes: all is so already");
    else if (is_check)
        command_remark(invocation, "it would change %u key%s", outcome->count, outcome->count == 1 ? "" : "s");
    else
        command_remark(invocation, "change %" PRIu64 " of %u key%s%s%s", outcome->number, outcome->count,
                       outcome->count == 1 ? "" : "s", outcome->note[0] != '\0' ? ", " : "", outcome->note);
    if (outcome->restarts > 0)
        command_remark(invocation, "%u service%s restarted for it", outcome->restarts,
                       outcome->restarts == 1 ? " is" : "s are");
}

static int send(const struct invocation *invocation, uint32_t method, struct message *message, uint64_t number) {
    struct grove_config_outcome outcome;
    struct grove_config_order order;
    struct grove_answer answer;
    memcpy(&order, message->bytes, sizeof order);
    order.count = message->count;
    order.number = number;
    memcpy(message->bytes, &order, sizeof order);
    int status = config_call(invocation, method, message->bytes, message->used, &answer);
    explicit_bzero(message->bytes, message->used);
    if (status != 0)
        return status;
    memset(&outcome, 0, sizeof outcome);
    memcpy(&outcome, answer.data, answer.length_bytes < sizeof outcome ? answer.length_bytes : sizeof outcome);
    outcome.note[sizeof outcome.note - 1] = '\0';
    grove_answer_release(&answer);
    report(invocation, &outcome);
    return COMMAND_OK;
}

/* ---- set ---- */

/* What is known of the keys, to refuse secrets on the command line and to tell an empty list from an empty text. */
static int add_kind(const struct config_item *item, void *context) {
    return json_object_set_new(context, item->key, json_integer(item->head.kind));
}

static int read_value(const struct invocation *invocation, const char *path, char *value, size_t *bytes) {
    int descriptor = path == NULL ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    ssize_t count = 1;
    if (descriptor < 0)
        return command_fail(invocation, "%s cannot be read: %s", path, strerror(errno));
    while (count > 0 && used < VALUE_BYTES_MAX) {
        count = read(descriptor, value + used, VALUE_BYTES_MAX - used);
        used += count > 0 ? (size_t)count : 0;
    }
    int error = errno;
    if (path != NULL)
        (void)close(descriptor);
    if (count < 0)
        return command_fail(invocation, "the value cannot be read: %s", strerror(error));
    if (used == VALUE_BYTES_MAX)
        return command_fail(invocation, "the value is longer than %u bytes", VALUE_BYTES_MAX - 1);
    while (used > 0 && (value[used - 1] == '\n' || value[used - 1] == '\r'))
        used--; /* the end of the line is the editor's */
    value[used] = '\0';
    if (strlen(value) != used)
        return command_fail(invocation, "the value holds a zero byte");
    *bytes = used + 1;
    return 0;
}

static const char *value_in(const char *operand) {
    const char *equals = strchr(operand, '=');
    return equals != NULL ? equals + 1 : NULL;
}

static size_t key_bytes(const char *operand) {
    return strcspn(operand, "=");
}

/* All values of one key, in the order given, each with its zero byte. */
static int gather(const struct invocation *invocation, const char **operands, unsigned count, unsigned first,
                  bool is_list, char *value, size_t *bytes) {
    size_t length = key_bytes(operands[first]);
    unsigned items = 0;
    *bytes = 0;
    for (unsigned index = first; index < count; index++) {
        if (key_bytes(operands[index]) != length || strncmp(operands[index], operands[first], length) != 0)
            continue;
        const char *text = value_in(operands[index]);
        size_t text_bytes = text != NULL ? strlen(text) + 1 : 0;
        if (text == NULL)
            return command_misused(invocation,
                                   "%s has no value; write %s=VALUE, or --stdin or --file FILE for the last key",
                                   operands[index], operands[index]);
        if (text_bytes > VALUE_BYTES_MAX - *bytes)
            return command_fail(invocation, "the value of %.*s is longer than %u bytes", (int)length, operands[first],
                                VALUE_BYTES_MAX);
        memcpy(value + *bytes, text, text_bytes);
        *bytes += text_bytes;
        items++;
    }
    if (is_list && items == 1 && *bytes == 1)
        *bytes = 0; /* KEY= is a list without items */
    return 0;
}

static bool is_repeated(const char **operands, unsigned index) {
    for (unsigned earlier = 0; earlier < index; earlier++)
        if (key_bytes(operands[earlier]) == key_bytes(operands[index]) &&
            strncmp(operands[earlier], operands[index], key_bytes(operands[index])) == 0)
            return true;
    return false;
}

struct setting_up {
    struct grove_name name;
    json_t *kinds;
    struct message message;
    char value[VALUE_BYTES_MAX];
};

static int add_operand(const struct invocation *invocation, struct setting_up *up, const char **operands,
                       unsigned count, unsigned index) {
    char key[GROVE_CONFIG_KEY_MAX + 1];
    size_t bytes = 0;
    const char *path = command_value(invocation, "file");
    bool is_read =
        index + 1 == count && value_in(operands[index]) == NULL && (command_has(invocation, "stdin") || path != NULL);
    if (key_bytes(operands[index]) > GROVE_CONFIG_KEY_MAX)
        return command_fail(invocation, "%s is no key: it is longer than %u bytes", operands[index],
                            GROVE_CONFIG_KEY_MAX);
    (void)snprintf(key, sizeof key, "%.*s", (int)key_bytes(operands[index]), operands[index]);
    json_int_t kind = json_integer_value(json_object_get(up->kinds, key));
    if (!is_read && (kind & GROVE_CONFIG_SECRET) != 0)
        return command_fail(invocation,
                            "%s is a secret, and a command line can be read by others: give it with --stdin "
                            "or --file FILE",
                            key);
    int status = is_read
                     ? read_value(invocation, path, up->value, &bytes)
                     : gather(invocation, operands, count, index, (kind & GROVE_CONFIG_LIST) != 0, up->value, &bytes);
    if (status == 0 && !message_add(&up->message, up->name.text, key, up->value, bytes, 0))
        status = command_fail(invocation, "that is too much for one change; change fewer keys at once");
    explicit_bzero(up->value, sizeof up->value);
    return status;
}

int config_set(struct invocation *invocation, const char **operands, unsigned count) {
    struct setting_up *up = calloc(1, sizeof *up);
    if (up == NULL)
        return command_fail(invocation, "memory is exhausted");
    message_begin(invocation, &up->message);
    up->kinds = json_object();
    int status = system_known_name(invocation, operands[0], &up->name);
    if (status == 0)
        status = config_each(invocation, &up->name, "", 0, add_kind, up->kinds, NULL);
    for (unsigned index = 1; status == 0 && index < count; index++)
        if (!is_repeated(operands + 1, index - 1))
            status = add_operand(invocation, up, operands, count, index);
    if (status == 0)
        status = send(invocation, GROVE_CONFIG_CHANGE, &up->message, 0);
    json_decref(up->kinds);
    explicit_bzero(up, sizeof *up);
    free(up);
    return status;
}

int config_unset(struct invocation *invocation, const char **operands, unsigned count) {
    static struct message message;
    struct grove_name name;
    message_begin(invocation, &message);
    int status = system_known_name(invocation, operands[0], &name);
    for (unsigned index = 1; status == 0 && index < count; index++)
        if (!message_add(&message, name.text, operands[index], NULL, 0, GROVE_CONFIG_ENTRY_UNSET))
            status = command_fail(invocation, "that is too much for one change; change fewer keys at once");
    return status != 0 ? status : send(invocation, GROVE_CONFIG_CHANGE, &message, 0);
}

/* ---- rollback, reload ---- */

int config_rollback(struct invocation *invocation, const char **operands, unsigned count) {
    static struct message message;
    uint64_t number = 0;
    if (count > 0 && (value_number(operands[0], &number) < 0 || number == 0))
        return command_misused(invocation, "%s is no number of a change; \"grove config history\" lists them",
                               operands[0]);
    message_begin(invocation, &message);
    return send(invocation, GROVE_CONFIG_ROLLBACK, &message, number);
}

int config_reload(struct invocation *invocation, const char **operands, unsigned count) {
    static struct message message;
    (void)operands;
    (void)count;
    message_begin(invocation, &message);
    return send(invocation, GROVE_CONFIG_RELOAD, &message, 0);
}
