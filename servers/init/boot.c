/*
 * Boot specs, and finding again what runs.
 *
 * The folder RUN/boot holds one binary spec for each system service; phases.c starts them. After a death of init the
 * kernel's table says which containers are ours; those keep running and are only taken over.
 */
#include "servers/init/init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/boot_specs.h"

/* ---- specs ---- */

static bool take_spec(const char *file, struct grove_spec *spec, const char *problem, void *context) {
    struct init *init = context;
    const struct grove_notice_init *self = grove_session_identity(init->session);
    if (spec == NULL) {
        (void)fprintf(stderr, "init: %s/%s is left out: %s\n", init->folder, file, problem);
        return true;
    }
    const char *name = grove_spec_text(spec, spec->name);
    bool is_self = strcmp(name, self->name.text) == 0;
    if (is_self || boot_find(init, name) != NULL || init->count == INIT_SERVICES_MAX || spec->phase >= INIT_PHASES) {
        if (!is_self)
            (void)fprintf(stderr,
                          "init: %s/%s is left out: its name is taken, its phase is none or there are too many\n",
                          init->folder, file);
        free(spec);
        return true;
    }
    init->units[init->count++] = (struct unit){.init = init, .spec = spec, .name = name};
    return true;
}

static int by_phase_and_name(const void *a, const void *b) {
    const struct unit *one = a, *other = b;
    if (one->spec->phase != other->spec->phase)
        return one->spec->phase < other->spec->phase ? -1 : 1;
    return strcmp(one->name, other->name);
}

int boot_load(struct init *init) {
    int status = boot_specs_each(init->folder, take_spec, init);
    if (status < 0)
        (void)fprintf(stderr, "init: cannot read the boot specs in %s\n", init->folder);
    else
        qsort(init->units, init->count, sizeof init->units[0], by_phase_and_name);
    return status;
}

struct unit *boot_find(struct init *init, const char *name) {
    for (uint32_t index = 0; index < init->count; index++)
        if (strcmp(init->units[index].name, name) == 0)
            return &init->units[index];
    return NULL;
}

/* ---- after a death ---- */

int boot_recover(struct init *init) {
    struct grove_capability_entry entry;
    struct grove_container_record record;
    const struct grove_notice_init *self = grove_session_identity(init->session);
    uint32_t cursor = 0;
    int status;
    while ((status = grove_capability_list(init->session, &cursor, &entry)) == 0) {
        if (entry.capability.kind == GROVE_CAP_CONTAINER && entry.object != self->id &&
            grove_container_read(init->session, entry.handle, &record) == 0) {
            struct unit *unit = boot_find(init, record.name.text);
            if (unit != NULL) {
                unit->container = entry.handle;
                unit_adopt(unit, &record);
            }
        }
        if (cursor == 0)
            return 0;
    }
    return status == GROVE_NOT_FOUND ? 0 : status;
}
