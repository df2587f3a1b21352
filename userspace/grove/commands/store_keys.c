/*
 * grove store get, set, delete, list, watch: keys and values.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "userspace/grove/commands/store_verbs.h"

#define WATCH_NS (20 * GROVE_SECOND)

static int finish(const struct invocation *invocation, struct grove_store *store, int status) {
    int result = status < 0 ? command_fail_kernel(invocation) : COMMAND_OK;
    grove_store_close(store);
    return result;
}

/* ---- get ---- */

static int print_value(const struct invocation *invocation, const char *key, const struct grove_store_value *value) {
    if (!invocation->json) {
        (void)fwrite(value->data, 1, value->length_bytes, stdout);
        if (isatty(STDOUT_FILENO) != 0)
            (void)putchar('\n');
        return COMMAND_OK;
    }
    json_t *object = json_pack("{s:s, s:I}", "key", key, "version", (json_int_t)value->version);
    store_bytes_json(object, "value", "value_hex", value->data, value->length_bytes);
    if (value->expires_ns != 0)
        (void)json_object_set_new(object, "expires_ns", json_integer((json_int_t)value->expires_ns));
    output_json(object);
    return COMMAND_OK;
}

int store_get(struct invocation *invocation, const char **operands, unsigned count) {
    struct grove_store *store;
    struct grove_store_value value;
    (void)count;
    int status = store_open(invocation, operands[0], &store);
    if (status != 0)
        return status;
    int result = grove_store_get(store, operands[1], strlen(operands[1]), &value);
    if (result == GROVE_NOT_FOUND) {
        grove_store_close(store);
        return command_fail(invocation, "%s has no key %s", operands[0], operands[1]);
    }
    if (result == 0) {
        status = print_value(invocation, operands[1], &value);
        grove_store_value_release(&value);
    }
    return result == 0 ? (grove_store_close(store), status) : finish(invocation, store, result);
}

/* ---- set, delete ---- */

static int read_input(const struct invocation *invocation, uint8_t **value, size_t *bytes) {
    *value = malloc(GROVE_STORE_VALUE_MAX + 1);
    if (*value == NULL)
        return command_fail(invocation, "there is no memory for a value");
    *bytes = fread(*value, 1, GROVE_STORE_VALUE_MAX + 1, stdin);
    return ferror(stdin) != 0 ? command_fail(invocation, "standard input cannot be read") : 0;
}

static int print_version(const struct invocation *invocation, uint64_t version) {
    if (invocation->json)
        output_json(json_pack("{s:I}", "version", (json_int_t)version));
    else
        printf("%" PRIu64 "\n", version);
    return COMMAND_OK;
}

static int set_value(const struct invocation *invocation, struct grove_store *store, const char *key, const void *value,
                     size_t bytes) {
    struct grove_store_transaction *transaction;
    uint64_t lifetime_ns = 0, expected = 0, version = 0;
    int status = command_duration(invocation, "lifetime", 0, &lifetime_ns);
    if (status == 0)
        status = command_number(invocation, "if-version", 0, INT64_MAX, 0, &expected);
    if (status != 0) {
        grove_store_close(store);
        return status;
    }
    int result = grove_store_begin(store, &transaction);
    if (result == 0 && command_has(invocation, "if-version"))
        result = grove_store_transaction_expect(transaction, NULL, key, strlen(key), expected);
    if (result == 0)
        result = grove_store_transaction_set(transaction, NULL, key, strlen(key), value, bytes, lifetime_ns);
    result = result == 0 ? grove_store_commit(transaction, &version) : result;
    if (result < 0)
        return finish(invocation, store, result);
    grove_store_close(store);
    return print_version(invocation, version);
}

int store_set(struct invocation *invocation, const char **operands, unsigned count) {
    struct grove_store *store;
    uint8_t *input = NULL;
    size_t bytes = count > 2 ? strlen(operands[2]) : 0;
    int status = count > 2 ? 0 : read_input(invocation, &input, &bytes);
    if (status == 0)
        status = store_open(invocation, operands[0], &store);
    if (status == 0)
        status = set_value(invocation, store, operands[1], count > 2 ? (const void *)operands[2] : input, bytes);
    free(input);
    return status;
}

int store_delete(struct invocation *invocation, const char **operands, unsigned count) {
    struct grove_store *store;
    uint64_t version = 0;
    (void)count;
    int status = store_open(invocation, operands[0], &store);
    if (status != 0)
        return status;
    int result = grove_store_delete(store, operands[1], strlen(operands[1]), &version);
    if (result < 0)
        return finish(invocation, store, result);
    grove_store_close(store);
    return print_version(invocation, version);
}

/* ---- list ---- */

static int list_one(const struct grove_store_entry *entry, void *context) {
    json_t *object =
        json_pack("{s:I, s:I}", "bytes", (json_int_t)entry->length_bytes, "version", (json_int_t)entry->version);
    store_bytes_json(object, "key", "key_hex", entry->key, entry->key_bytes);
    if (json_object_get(object, "key") == NULL) /* what people read; programs have the other */
        (void)json_object_set_new(object, "key",
                                  json_sprintf("0x%s", json_string_value(json_object_get(object, "key_hex"))));
    if (entry->data != NULL)
        store_bytes_json(object, "value", "value_hex", entry->data, entry->length_bytes);
    if (entry->expires_ns != 0)
        (void)json_object_set_new(object, "expires_ns", json_integer((json_int_t)entry->expires_ns));
    return json_array_append_new(context, object);
}

int store_list(struct invocation *invocation, const char **operands, unsigned count) {
    static const struct output_column columns[] = {{"KEY", "key", OUTPUT_TEXT},
                                                   {"BYTES", "bytes", OUTPUT_TEXT},
                                                   {"VERSION", "version", OUTPUT_TEXT},
                                                   {"VALUE", "value", OUTPUT_TEXT},
                                                   {0}};
    struct grove_store *store;
    struct grove_store_scan scan = {.keys_only = command_has(invocation, "keys-only")};
    json_t *rows = json_array();
    int status = command_number(invocation, "number", 1, INT64_MAX, 0, &scan.limit);
    if (status == 0)
        status = store_open(invocation, operands[0], &store);
    if (status != 0) {
        json_decref(rows);
        return status;
    }
    scan.prefix = count > 1 ? operands[1] : NULL;
    scan.prefix_bytes = count > 1 ? strlen(operands[1]) : 0;
    int result = grove_store_scan(store, &scan, list_one, rows, NULL);
    if (result < 0) {
        json_decref(rows);
        return finish(invocation, store, result);
    }
    grove_store_close(store);
    output_table(invocation, rows, columns, "nothing is kept there");
    return COMMAND_OK;
}

/* ---- watch ---- */

struct watching {
    const struct invocation *invocation;
    uint64_t left;
};

static void print_change(const struct grove_store_change *change, void *context) {
    struct watching *watching = context;
    json_t *object = json_pack("{s:I, s:b}", "version", (json_int_t)change->version, "deleted", change->is_deleted);
    store_bytes_json(object, "key", "key_hex", change->key, change->key_bytes);
    if (watching->left == 0) {
        json_decref(object);
        return;
    }
    watching->left--;
    if (watching->invocation->json) {
        output_json_line(object);
        return;
    }
    const char *key = json_string_value(json_object_get(object, "key"));
    const char *hex = json_string_value(json_object_get(object, "key_hex"));
    printf("%" PRIu64 "  %s  %s%s\n", change->version, change->is_deleted ? "deleted" : "set    ",
           key != NULL ? "" : "0x", key != NULL ? key : hex);
    json_decref(object);
}

/* Where "from now on" begins: any scan says what is the newest version. */
static int skip(const struct grove_store_entry *entry, void *context) {
    (void)entry;
    (void)context;
    return 1;
}

int store_watch(struct invocation *invocation, const char **operands, unsigned count) {
    struct grove_store *store;
    struct watching watching = {.invocation = invocation};
    const char *prefix = count > 1 ? operands[1] : "";
    uint64_t version = 0;
    int status = command_number(invocation, "number", 1, INT64_MAX, UINT64_MAX, &watching.left);
    if (status == 0)
        status = store_open(invocation, operands[0], &store);
    if (status != 0)
        return status;
    int result =
        grove_store_scan(store, &(struct grove_store_scan){.limit = 1, .keys_only = true}, skip, NULL, &version);
    if (result == 0)
        command_remark(invocation, "watching from version %" PRIu64 " on", version);
    while (result == 0 && watching.left > 0) {
        result = grove_store_watch(store, prefix, strlen(prefix), WATCH_NS, print_change, &watching, &version);
        if (result == GROVE_STALE_HANDLE)
            command_remark(invocation, "changes may have been missed before version %" PRIu64, version);
        result = result == GROVE_TIMED_OUT || result == GROVE_STALE_HANDLE ? 0 : result;
        if (fflush(stdout) != 0)
            break; /* nobody reads any more */
    }
    return finish(invocation, store, result);
}
