/*
 * From capability texts to what the kernel gets.
 *
 * A text is completed before it is parsed: a relative path begins at the manifest's folder, a bare name belongs to the
 * manifest's project, a host name becomes its addresses (one capability each). What requires, provides and exec imply is
 * added unless something written down covers it already.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/text/text.h"
#include "userspace/manifest/parts.h"

#define HOST_ADDRESSES_MAX 16u

struct resolver {
    struct manifest *manifest;
    struct manifest_errors *errors;
    unsigned room;
    bool has_failed;
    const char *field; /* "capabilities" or "grants" */
    unsigned index;
    const struct node *node;
    uint16_t flags;
};

#define FAIL(resolver, ...) \
    ((resolver)->has_failed = true, \
     errors_add((resolver)->errors, (resolver)->node->file, (resolver)->node->line, (resolver)->node->column, \
                arena_format((resolver)->manifest->arena, "%s[%u]", (resolver)->field, (resolver)->index), \
                __VA_ARGS__))

static bool is_same(const struct resolved_capability *there, const struct grove_capability *capability, uint16_t held) {
    return there->capability.kind == capability->kind && (there->flags & GROVE_SPEC_CAPABILITY_HELD) == held &&
           grove_argument_covers(&there->capability.argument, &capability->argument) &&
           grove_argument_covers(&capability->argument, &there->capability.argument);
}

static void add(struct resolver *resolver, const struct grove_capability *capability, uint16_t flags,
                const struct node *node, const char *implied_by) {
    struct manifest *manifest = resolver->manifest;
    for (unsigned i = 0; i < manifest->capability_count; i++)
        if (is_same(&manifest->capabilities[i], capability, flags & GROVE_SPEC_CAPABILITY_HELD))
            return;
    if (manifest->capability_count == resolver->room) {
        unsigned room = resolver->room ? 2 * resolver->room : 32;
        struct resolved_capability *grown = arena_take(manifest->arena, room * sizeof(*grown));
        if (manifest->capability_count)
            memcpy(grown, manifest->capabilities, manifest->capability_count * sizeof(*grown));
        manifest->capabilities = grown;
        resolver->room = room;
    }
    manifest->capabilities[manifest->capability_count++] =
        (struct resolved_capability){.capability = *capability, .flags = flags, .node = node, .implied_by = implied_by};
}

static void parse_and_add(struct resolver *resolver, const char *text, uint16_t flags) {
    struct grove_capability capability;
    char sentence[384];
    if (text_capability_parse(text, &capability, sentence, sizeof(sentence)) < 0)
        FAIL(resolver, "%s", sentence);
    else
        add(resolver, &capability, resolver->flags | flags, resolver->node, NULL);
}

/* A service's own state folder is made for it; any other folder must be there. */
static void resolve_path(struct resolver *resolver, const char *kind, uint16_t number, const char *path) {
    struct manifest *manifest = resolver->manifest;
    const char *resolved = path_resolve(manifest->arena, manifest->folder, path);
    bool is_state = manifest->state && path_is_inside(resolved, manifest->state);
    uint16_t flags = number == GROVE_CAP_FS_WRITE && is_state ? GROVE_SPEC_CAPABILITY_CREATE : 0;
    parse_and_add(resolver, arena_format(manifest->arena, "%s:%s", kind, resolved), flags);
}

static void add_host_address(struct resolver *resolver, const char *kind, const struct addrinfo *entry,
                             const char *rest) {
    char digits[INET6_ADDRSTRLEN] = "";
    bool is_six = entry->ai_family == AF_INET6;
    const void *bytes = is_six ? (const void *)&((const struct sockaddr_in6 *)(const void *)entry->ai_addr)->sin6_addr
                               : (const void *)&((const struct sockaddr_in *)(const void *)entry->ai_addr)->sin_addr;
    if (entry->ai_family != AF_INET && !is_six)
        return;
    inet_ntop(entry->ai_family, bytes, digits, sizeof(digits));
    parse_and_add(resolver,
                  arena_format(resolver->manifest->arena, is_six ? "%s:[%s]%s" : "%s:%s%s", kind, digits, rest), 0);
}

static void resolve_host(struct resolver *resolver, const char *kind, const char *host, const char *rest) {
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    if (!resolver->manifest->resolves_hosts) {
        FAIL(resolver, "\"%s\" is a host name, and names are not looked up here; write its address", host);
        return;
    }
    int failure = getaddrinfo(host, NULL, &hints, &found);
    if (failure) {
        FAIL(resolver, "the host %s has no known address (%s); mend the name, or write the address itself", host,
             gai_strerror(failure));
        return;
    }
    unsigned count = 0;
    for (const struct addrinfo *entry = found; entry && count < HOST_ADDRESSES_MAX; entry = entry->ai_next, count++)
        add_host_address(resolver, kind, entry, rest);
    freeaddrinfo(found);
}

static void resolve_address(struct resolver *resolver, const char *kind, const char *address) {
    size_t host_bytes;
    const char *rest;
    if (text_address_host_name(address, &host_bytes, &rest))
        resolve_host(resolver, kind, arena_copy(resolver->manifest->arena, address, host_bytes), rest);
    else
        parse_and_add(resolver, arena_format(resolver->manifest->arena, "%s:%s", kind, address), 0);
}

/* Kinds whose argument is the name of a service or endpoint. Subjects of the bus and the store are not. */
static bool names_services(uint16_t kind) {
    return kind == GROVE_CAP_IPC_SEND || kind == GROVE_CAP_IPC_RECV || kind == GROVE_CAP_PROC_SPAWN ||
           kind == GROVE_CAP_PROC_CONTROL || kind == GROVE_CAP_AUDIT_READ;
}

static void resolve_text(struct resolver *resolver, const char *text) {
    struct arena *arena = resolver->manifest->arena;
    size_t kind_bytes = strcspn(text, ":");
    uint16_t kind = text_kind_parse(text, kind_bytes);
    const char *argument = text[kind_bytes] ? text + kind_bytes + 1 : "";
    const char *name = arena_copy(arena, text, kind_bytes);
    if (!kind || !*argument)
        parse_and_add(resolver, text, 0);
    else if (grove_capability_argument_kind(kind) == GROVE_ARGUMENT_PATH)
        resolve_path(resolver, name, kind, argument);
    else if (grove_capability_argument_kind(kind) == GROVE_ARGUMENT_ADDRESS)
        resolve_address(resolver, name, argument);
    else if (names_services(kind))
        parse_and_add(resolver,
                      arena_format(arena, "%s:%s", name, name_qualify(arena, resolver->manifest->project, argument)),
                      0);
    else
        parse_and_add(resolver, text, 0);
}

static void resolve_list(struct resolver *resolver, const char *field, const struct group_list *list, uint16_t flags) {
    const struct capability_item *items = list->items;
    resolver->field = field;
    for (unsigned i = 0; i < list->count; i++) {
        if (!items[i].allow)
            continue;
        resolver->index = i;
        resolver->node = items[i].node;
        resolver->flags = (uint16_t)(flags | (items[i].optional ? GROVE_SPEC_CAPABILITY_OPTIONAL : 0));
        resolve_text(resolver, items[i].allow);
    }
}

/* Does something that is open to the service itself cover it already? */
static bool is_covered(const struct manifest *manifest, const struct grove_capability *wanted) {
    for (unsigned i = 0; i < manifest->capability_count; i++) {
        const struct resolved_capability *there = &manifest->capabilities[i];
        if (there->capability.kind == wanted->kind && !(there->flags & GROVE_SPEC_CAPABILITY_HELD) &&
            grove_argument_covers(&there->capability.argument, &wanted->argument))
            return true;
    }
    return false;
}

static void imply(struct resolver *resolver, const char *kind, const char *argument, const struct node *node,
                  const char *implied_by) {
    struct grove_capability capability;
    char text[TEXT_CAPABILITY_MAX];
    if (snprintf(text, sizeof(text), "%s:%s", kind, argument) >= (int)sizeof(text) ||
        text_capability_parse(text, &capability, NULL, 0) < 0)
        return; /* the name or path itself has been refused already */
    if (!is_covered(resolver->manifest, &capability))
        add(resolver, &capability, 0, node, implied_by);
}

static void imply_all(struct resolver *resolver) {
    struct manifest *manifest = resolver->manifest;
    const struct manifest_values *values = &manifest->values;
    const struct provided_item *provided = values->provides.items;
    const struct required_item *required = values->requires.items;
    for (unsigned i = 0; i < values->provides.count; i++)
        if (provided[i].name)
            imply(resolver, "IPC_RECV", name_qualify(manifest->arena, manifest->project, provided[i].name),
                  provided[i].node, "provides");
    for (unsigned i = 0; i < values->requires.count; i++)
        if (required[i].name)
            imply(resolver, "IPC_SEND", name_qualify(manifest->arena, manifest->project, required[i].name),
                  required[i].node, "requires");
    if (values->config.count)
        imply(resolver, "IPC_SEND", "system.config", node_find(manifest->root, "config"), "config");
    if (manifest->executable && !(values->system_files && path_is_system(manifest->executable)))
        imply(resolver, "FS_EXEC", manifest->executable, values->exec.nodes[0], "exec");
}

int capabilities_resolve(struct manifest *manifest, struct manifest_errors *errors) {
    struct resolver resolver = {.manifest = manifest, .errors = errors};
    resolve_list(&resolver, "capabilities", &manifest->values.capabilities, 0);
    imply_all(&resolver);
    resolve_list(&resolver, "grants", &manifest->values.grants, GROVE_SPEC_CAPABILITY_HELD);
    return resolver.has_failed ? GROVE_INVALID : 0;
}
