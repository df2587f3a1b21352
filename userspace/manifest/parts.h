/*
 * A loaded manifest, as the parts of the compiler share it. Everything it points to lies in its arena.
 */
#ifndef GROVE_MANIFEST_PARTS_H
#define GROVE_MANIFEST_PARTS_H

#include "userspace/manifest/format.h"
#include "userspace/manifest/paths.h"

/* A capability as the kernel will get it, and why it is there. */
struct resolved_capability {
    struct grove_capability capability;
    uint16_t flags; /* enum grove_spec_capability_flags */
    const struct node *node; /* the line that asks for it, or that implies it */
    const char *implied_by; /* "exec", "requires", "provides"; NULL: it is written down */
};

struct manifest {
    struct arena *arena;
    const char *path; /* absolute, as far as it can be known */
    const char *folder; /* of the manifest; relative paths begin here */
    const char *project;
    const char *name; /* full */
    const char *state; /* folder of the service; NULL if not known */
    const char *executable;
    bool resolves_hosts;
    struct node *root;
    struct manifest_values values;
    struct resolved_capability *capabilities;
    unsigned capability_count;
};

/* ---- names.c ---- */

/* "historian" of project grid is "grid.historian"; a name with a dot is complete. In the arena. */
const char *name_qualify(struct arena *arena, const char *project, const char *name);

/* ---- capabilities.c ---- */

/* Fill in capabilities and capability_count: what is written down and what is implied. 0 or GROVE_INVALID. */
int capabilities_resolve(struct manifest *manifest, struct manifest_errors *errors);

/* ---- schema.c ---- */

/*
 * The schema of the configuration, as the section GROVE_SECTION_CONFIG has it, in the arena; NULL if there are no keys.
 * GROVE_INVALID after adding an error for each fault.
 */
int schema_build(const struct manifest *manifest, const void **section, uint32_t *section_bytes,
                 struct manifest_errors *errors);

/* ---- compile.c ---- */

struct grove_budget resources_budget(const struct resources *resources);

/* ---- checks.c ---- */

/* What the format table cannot say: fields that belong together, unique names, signatures. 0 or GROVE_INVALID. */
int checks_run(const struct manifest *manifest, struct manifest_errors *errors);

/* ---- plans.c ---- */

struct builder;

/* Health checks and recovery: what belongs together. 0 or GROVE_INVALID. */
int plans_check(const struct manifest *manifest, struct manifest_errors *errors);
/* The spec's one probe, and the sections HEALTH and RECOVERY. */
void plans_write(const struct manifest *manifest, struct builder *builder);

#endif
