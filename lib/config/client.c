/*
 * Finding the own configuration: one call, which brings the map, and the next map when there is one.
 */
#include "lib/config/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/session/session.h"

/* A channel of its own beside that of the own configuration. */
#define FETCH_TAG UINT64_C(0x68637465662e6763)

/* A reply that is at least this structure, of the version spoken here. */
static int read_answer(const struct grove_answer *answer, void *reply, size_t bytes) {
    uint32_t version = 0;
    if (answer->length_bytes < bytes)
        return error_set(GROVE_CORRUPT, "the configuration service gave a short answer");
    memcpy(reply, answer->data, bytes);
    memcpy(&version, reply, sizeof version);
    return version == GROVE_CONFIG_PROTOCOL
               ? 0
               : error_set(GROVE_VERSION, "the configuration service speaks version %u", version);
}

int config_take_map(struct grove_config *config, grove_object_id id) {
    struct grove_region *region = NULL;
    struct map_view view;
    uint64_t bytes = 0;
    int status = session_take_region(config->session, id, &region);
    if (status < 0)
        return status;
    const void *base = grove_region_data(region, &bytes);
    status = map_attach(&view, base, bytes);
    if (status < 0) {
        grove_region_close(region);
        return error_set(status, "the configuration's map is not one");
    }
    grove_region_close(config->region);
    config->region = region;
    config->view = view;
    config->epoch++;
    return 0;
}

static int attach(struct grove_config *config, uint64_t timeout_ns) {
    const struct grove_config_hello hello = {.version = GROVE_CONFIG_PROTOCOL};
    struct grove_config_attached attached;
    struct grove_answer answer;
    int status = grove_call(
        config->channel,
        &(struct grove_call){
            .method = GROVE_CONFIG_ATTACH, .data = &hello, .length_bytes = sizeof hello, .timeout_ns = timeout_ns},
        &answer);
    if (status < 0)
        return status;
    status = read_answer(&answer, &attached, sizeof attached);
    grove_answer_release(&answer);
    return status < 0 ? status : config_take_map(config, attached.region);
}

/* One that is connected, and has no map. */
static int make(const struct grove_config_options *options, struct grove_config **config) {
    struct grove_config *made = calloc(1, sizeof *made);
    if (made == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for the configuration");
    struct grove_connect_options connect = {.lane_bytes = {0}, .arena_bytes = GROVE_ARENA_NONE};
    int status = session_or_default(options != NULL ? options->session : NULL, &made->session);
    if (status == 0)
        status = session_expect_regions(made->session, GROVE_CONFIG_ENDPOINT);
    connect.session = made->session;
    if (status == 0)
        status = grove_connect_with(GROVE_CONFIG_ENDPOINT, &connect, &made->channel);
    if (status < 0)
        free(made);
    else
        *config = made;
    return status;
}

int grove_config_open(const struct grove_config_options *options, struct grove_config **config) {
    uint64_t timeout_ns = options != NULL && options->timeout_ns != 0 ? options->timeout_ns : CONFIG_OPEN_TIMEOUT_NS;
    struct grove_config *made = NULL;
    int status = make(options, &made);
    if (made == NULL)
        return status;
    status = attach(made, timeout_ns);
    if (status < 0)
        grove_config_close(made);
    else
        *config = made;
    return status;
}

/* What is read until the first map comes. */
static int begin_empty(struct grove_config *config) {
    struct map_writer writer;
    uint64_t bytes = map_size_for(1, 0);
    config->empty = calloc(1, bytes);
    if (config->empty == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for the configuration");
    int status = map_create(&writer, config->empty, bytes, 1, 0, 0);
    if (status == 0)
        config->view = writer.view;
    return status;
}

int grove_config_open_later(const struct grove_config_options *options, struct grove_config **config) {
    struct grove_config *made = NULL;
    int status = make(options, &made);
    if (made == NULL)
        return status;
    status = begin_empty(made);
    if (status == 0)
        status = config_ask(made);
    if (status < 0)
        grove_config_close(made);
    else
        *config = made;
    return status;
}

void grove_config_close(struct grove_config *config) {
    if (config == NULL)
        return;
    config->is_closing = true;
    grove_channel_close(config->channel); /* a WATCH under way ends here, cancelled */
    grove_region_close(config->region);
    config_snapshot_free(&config->told);
    free(config->empty);
    free(config);
}

/* ---- keys of others ---- */

/* The value in the first entry of a page, items on lines of their own. */
static int take_value(const struct grove_answer *answer, const char *key, char *text, size_t text_bytes) {
    struct grove_config_page page;
    struct grove_config_entry entry;
    int status = read_answer(answer, &page, sizeof page);
    if (status < 0)
        return status;
    const char *at = (const char *)answer->data + sizeof page;
    size_t left = answer->length_bytes - sizeof page;
    if (page.count == 0 || left < sizeof entry)
        return error_set(GROVE_NOT_FOUND, "%s has no value", key);
    memcpy(&entry, at, sizeof entry);
    uint64_t begin = sizeof entry + (uint64_t)entry.service_bytes + entry.key_bytes + entry.before_bytes;
    if (begin > left || entry.after_bytes > left - begin)
        return error_set(GROVE_CORRUPT, "the configuration service gave a short answer");
    if ((entry.flags & GROVE_CONFIG_ENTRY_MASKED) != 0)
        return error_set(GROVE_DENIED, "%s is a secret, which its own service alone reads", key);
    if (entry.source == GROVE_CONFIG_SOURCE_NONE)
        return error_set(GROVE_NOT_FOUND, "%s has no value", key);
    if (entry.after_bytes > text_bytes)
        return error_set(GROVE_TOO_LARGE, "%s has %u bytes", key, entry.after_bytes);
    memcpy(text, at + begin, entry.after_bytes);
    for (uint32_t index = 0; index + 1 < entry.after_bytes; index++)
        if (text[index] == '\0')
            text[index] = '\n';
    text[entry.after_bytes > 0 ? entry.after_bytes - 1 : 0] = '\0';
    return 0;
}

int grove_config_fetch(struct grove_session *session, const char *service, const char *key, char *text,
                       size_t text_bytes) {
    struct grove_config_query query = {.version = GROVE_CONFIG_PROTOCOL};
    struct grove_connect_options connect = {.session = session, .tag = FETCH_TAG};
    struct grove_channel *channel;
    struct grove_answer answer;
    if (strlen(service) > GROVE_NAME_MAX || strlen(key) > GROVE_CONFIG_KEY_MAX || text_bytes == 0)
        return error_set(GROVE_INVALID, "%s.%s is no key of a service", service, key);
    (void)snprintf(query.service.text, sizeof query.service.text, "%s", service);
    (void)snprintf(query.key, sizeof query.key, "%s", key);
    int status = grove_connect_with(GROVE_CONFIG_ENDPOINT, &connect, &channel);
    if (status < 0)
        return status;
    status = grove_call(channel,
                        &(struct grove_call){.method = GROVE_CONFIG_GET, .data = &query, .length_bytes = sizeof query},
                        &answer);
    if (status == 0) {
        status = take_value(&answer, key, text, text_bytes);
        grove_answer_release(&answer);
    }
    grove_channel_close(channel);
    return status;
}
