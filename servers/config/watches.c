/*
 * Who is told: one waiting request for each program that watches or validates. It is answered when there is something to
 * tell, and comes again. When this process dies it is delivered to the next one, which has no map for it yet and so answers
 * with a new one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/config/config.h"

struct watcher *watcher_find(struct config *config, grove_object_id client) {
    for (struct watcher *watcher = config->watchers; watcher != NULL; watcher = watcher->next)
        if (watcher->client == client)
            return watcher;
    return NULL;
}

static void forget_request(struct watcher *watcher) {
    if (watcher->timer != 0)
        grove_service_cancel(watcher->config->service, watcher->timer);
    watcher->timer = 0;
    watcher->request = NULL;
}

static const struct grove_config_news no_news = {.version = GROVE_CONFIG_PROTOCOL, .kind = GROVE_CONFIG_NEWS_NONE};

void watcher_remove(struct watcher *watcher) {
    struct watcher **link = &watcher->config->watchers;
    if (watcher->request != NULL)
        (void)watcher_tell(watcher, &no_news, sizeof no_news);
    while (*link != watcher)
        link = &(*link)->next;
    *link = watcher->next;
    watcher->config->watcher_count--;
    free(watcher);
}

int watcher_tell(struct watcher *watcher, const void *news, size_t bytes) {
    struct grove_request *request = watcher->request;
    forget_request(watcher);
    int status = grove_reply(request, news, bytes);
    grove_request_finish(request);
    return status;
}

/* ---- what it does not know ---- */

struct renewal {
    struct config *config;
    grove_object_id client;
};

static void renewal_ready(int status, struct config_schema *schema, const char *problem, void *context) {
    struct renewal *renewal = context;
    struct watcher *watcher = watcher_find(renewal->config, renewal->client);
    struct grove_config_news news = {.version = GROVE_CONFIG_PROTOCOL, .kind = GROVE_CONFIG_NEWS_MAP};
    char reason[PROBLEM_BYTES];
    (void)snprintf(reason, sizeof reason, "%s", problem);
    if (watcher != NULL)
        watcher->is_renewing = false;
    if (watcher != NULL && watcher->request != NULL) {
        if (status == 0)
            status = map_renew(renewal->config, watcher->name.text, schema, watcher->request, &news.region, reason,
                               sizeof reason);
        if (status == 0)
            news.tag = map_of(renewal->config, watcher->name.text)->writer.view.tag;
        else
            (void)fprintf(stderr, "config: %s goes on with the configuration that it has: %s\n", watcher->name.text,
                          reason);
        if (status == 0 && watcher_tell(watcher, &news, sizeof news) < 0)
            watcher_remove(watcher);
    }
    free(schema);
    free(renewal);
}

static void renew(struct watcher *watcher) {
    struct renewal *renewal = watcher->is_renewing ? NULL : malloc(sizeof *renewal);
    if (renewal == NULL)
        return;
    *renewal = (struct renewal){watcher->config, watcher->client};
    watcher->is_renewing = true;
    lookup_schema(watcher->config, watcher->name.text, renewal_ready, renewal);
}

void watcher_update(struct watcher *watcher) {
    const struct map *map = map_of(watcher->config, watcher->name.text);
    struct grove_config_news news = {.version = GROVE_CONFIG_PROTOCOL, .kind = GROVE_CONFIG_NEWS_CHANGED};
    if (watcher->request == NULL)
        return;
    if (watcher->is_shell) {
        news.change = watcher->config->state.number;
        if (news.change > watcher->change && watcher_tell(watcher, &news, sizeof news) < 0)
            watcher_remove(watcher);
        return;
    }
    if (map == NULL || !map->is_good || map->writer.view.tag != watcher->tag) {
        renew(watcher);
        return;
    }
    news.tag = watcher->tag;
    news.change = map_version(&map->writer.view);
    if (news.change > watcher->change && watcher_tell(watcher, &news, sizeof news) < 0)
        watcher_remove(watcher);
}

void watchers_update(struct config *config, const char *service) {
    for (struct watcher *watcher = config->watchers, *next; watcher != NULL; watcher = next) {
        next = watcher->next;
        if (service != NULL ? strcmp(watcher->name.text, service) == 0 : watcher->is_shell)
            watcher_update(watcher);
    }
}

/* ---- WATCH ---- */

static void ran_out(struct grove_service *service, void *context) {
    struct watcher *watcher = context;
    (void)service;
    watcher->timer = 0;
    if (watcher_tell(watcher, &no_news, sizeof no_news) < 0)
        watcher_remove(watcher);
}

/* Programs that are at work on what they were told are taken for gone when there are too many. */
static void make_place(struct config *config) {
    for (struct watcher *watcher = config->watchers, *next; watcher != NULL; watcher = next) {
        next = watcher->next;
        if (config->watcher_count >= WATCHERS_MAX && watcher->request == NULL)
            watcher_remove(watcher);
    }
}

static struct watcher *watcher_create(struct config *config, struct grove_request *request) {
    struct watcher *watcher = NULL;
    make_place(config);
    if (config->watcher_count < WATCHERS_MAX)
        watcher = calloc(1, sizeof *watcher);
    if (watcher == NULL)
        return NULL;
    watcher->config = config;
    watcher->client = grove_request_client_id(request);
    watcher->is_shell = grove_request_client_ring(request) == 3;
    name_set(&watcher->name, grove_request_client(request));
    watcher->next = config->watchers;
    config->watchers = watcher;
    config->watcher_count++;
    return watcher;
}

static int check_watch(struct grove_request *request, const struct grove_config_watch_request *wanted) {
    struct grove_argument pattern = {.kind = GROVE_ARGUMENT_PATTERN};
    if (!text_is_terminated(wanted->keys, sizeof wanted->keys))
        return grove_fail(request, GROVE_INVALID, "the pattern of keys is longer than %u bytes",
                          GROVE_CONFIG_PATTERN_MAX);
    if (wanted->keys[0] == '\0')
        return 0;
    pattern.length_bytes = (uint16_t)strlen(wanted->keys);
    memcpy(pattern.value.text, wanted->keys, pattern.length_bytes);
    if (!grove_argument_is_valid(&pattern))
        return grove_fail(request, GROVE_INVALID, "\"%s\" is no pattern of SERVICE.KEY", wanted->keys);
    return right_to_read(request, wanted->keys, NULL);
}

int on_watch(struct grove_request *request, void *context) {
    struct config *config = context;
    struct grove_config_watch_request wanted;
    int status = wire_read(request, &wanted, sizeof wanted);
    if (status == 0)
        status = check_watch(request, &wanted);
    if (status < 0)
        return status;
    struct watcher *watcher = watcher_find(config, grove_request_client_id(request));
    if (watcher == NULL)
        watcher = watcher_create(config, request);
    if (watcher == NULL)
        return grove_fail(request, GROVE_EXHAUSTED, "%u programs watch their configuration already", WATCHERS_MAX);
    if (watcher->request != NULL)
        (void)watcher_tell(watcher, &no_news, sizeof no_news);
    (void)grove_request_defer(request);
    watcher->request = request;
    watcher->tag = wanted.tag;
    watcher->change = wanted.change;
    watcher->validates = wanted.validates != 0;
    memcpy(watcher->keys, wanted.keys, sizeof watcher->keys);
    uint32_t wait_ms = wanted.wait_ms < GROVE_CONFIG_WAIT_MS_MAX ? wanted.wait_ms : GROVE_CONFIG_WAIT_MS_MAX;
    if (votes_remind(watcher))
        return 0;
    status = grove_service_after(config->service, wait_ms * GROVE_MILLISECOND, ran_out, watcher, &watcher->timer);
    if (status < 0)
        watcher->timer = 0;
    watcher_update(watcher);
    return 0;
}
