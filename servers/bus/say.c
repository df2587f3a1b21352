/* What the bus itself publishes: system events about its own log. */
#include "servers/bus/durable.h"

#include <stdio.h>
#include <string.h>

/* The bus as its own client, so that its events say who published them. */
static struct client *own_client(struct bus *bus) {
    const struct grove_notice_init *identity = grove_session_identity(bus->session);
    struct client *client = client_find(bus, identity->id);
    if (client == NULL)
        client = client_make(bus, identity->id, identity->name.text, identity->ring);
    if (client != NULL && client->channels == 0)
        client->channels = 1; /* it never goes */
    return client;
}

static void say(struct bus *bus, const char *text, const char *json) {
    struct client *client = own_client(bus);
    struct incoming incoming = {
        .subject_bytes = (uint16_t)strlen(text), .data = (const uint8_t *)json, .data_bytes = (uint32_t)strlen(json)};
    struct subject *subject = NULL;
    (void)snprintf(incoming.subject, sizeof incoming.subject, "%s", text);
    incoming.hash = subject_hash(incoming.subject, incoming.subject_bytes);
    if (client != NULL && subject_find(bus, incoming.subject, incoming.subject_bytes, incoming.hash, &subject) == 0 &&
        publish_event(bus, client, subject, &incoming, 0) < 0)
        bus->state.head->counters.dropped++;
}

void say_damage(struct bus *bus, const struct grove_journal_damage *damage) {
    static const char *const kinds[] = {"damaged", "unreadable", "torn", "lost-segment"};
    char json[512];
    /* The names are made of digits and letters by the journal itself. */
    (void)snprintf(json, sizeof json,
                   "{\"kind\":\"%s\",\"file\":\"%s\",\"offset\":%llu,\"bytes\":%llu,\"first\":%llu,\"events\":%llu,"
                   "\"quarantine\":\"%s\"}",
                   kinds[damage->kind], damage->file, (unsigned long long)damage->offset_bytes,
                   (unsigned long long)damage->length_bytes, (unsigned long long)damage->first_sequence,
                   (unsigned long long)damage->records, damage->quarantine);
    say(bus, "bus.damaged", json);
}

/* A name or subject may hold what JSON may not; the reason is a person's own words. */
static void quote(char *text, size_t room, const char *from) {
    size_t used = 0;
    for (; *from != '\0' && used + 7 < room; from++) {
        unsigned char byte = (unsigned char)*from;
        if (byte == '"' || byte == '\\')
            text[used++] = '\\';
        if (byte < 0x20)
            used += (size_t)snprintf(text + used, room - used, "\\u%04x", byte);
        else
            text[used++] = (char)byte;
    }
    text[used] = '\0';
}

void say_vetoed(struct bus *bus, const struct client *client, const char *subject, const char *reason) {
    char text[GROVE_SUBJECT_MAX + 1], quoted_subject[2 * GROVE_SUBJECT_MAX], quoted_reason[512], json[1400];
    (void)snprintf(text, sizeof text, "bus.vetoed.%s", client->name.text);
    if (!subject_is_valid(text, strlen(text)))
        return; /* as many tokens as there may be, or more */
    quote(quoted_subject, sizeof quoted_subject, subject);
    quote(quoted_reason, sizeof quoted_reason, reason);
    (void)snprintf(json, sizeof json, "{\"subject\":\"%s\",\"reason\":\"%s\",\"count\":%llu}", quoted_subject,
                   quoted_reason, (unsigned long long)client->vetoes);
    say(bus, text, json);
}
