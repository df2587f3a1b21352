/*
 * From a loaded manifest to the binary spec. Everything has been checked when this runs; what can still fail is a limit
 * of the spec's size.
 */
#include <string.h>

#include "userspace/manifest/builder.h"
#include "userspace/manifest/parts.h"
#include "userspace/manifest/sections.h"

struct grove_budget resources_budget(const struct resources *resources) {
    return (struct grove_budget){
        .memory_bytes = resources->memory,
        .processor_ppm = resources->processor,
        .processes = (uint64_t)resources->processes,
        .descriptors = (uint64_t)resources->descriptors,
        .file_bytes = resources->file_size,
        .scratch_bytes = resources->scratch,
        .scratch_files = (uint64_t)resources->scratch_files,
        .shared_bytes = resources->shared,
        .channels = (uint64_t)resources->channels,
        .disk_bytes = resources->disk,
        .network_rate = resources->network,
        .network_total = resources->network_total,
    };
}

static void write_probe(struct builder *builder, const struct probe *probe, struct grove_probe *to) {
    *to = (struct grove_probe){
        .kind = probe->kind,
        .failures = (uint32_t)probe->failures,
        .argument = builder_text(builder, probe->argument),
        .timeout_ns = probe->timeout,
        .interval_ns = probe->interval,
    };
}

static void write_restart(const struct restart *restart, struct grove_restart *to) {
    *to = (struct grove_restart){
        .policy = restart->policy,
        .factor_percent = (uint32_t)restart->factor,
        .first_delay_ns = restart->first_delay,
        .base_delay_ns = restart->delay,
        .delay_cap_ns = restart->delay_cap,
        .give_up_count = (uint32_t)restart->give_up,
        .give_up_window_ns = restart->window,
    };
}

static void write_schedule(const struct schedule *schedule, struct grove_schedule *to) {
    *to = (struct grove_schedule){
        .class = schedule->class,
        .priority = (int32_t)schedule->priority,
        .runtime_ns = schedule->runtime,
        .deadline_ns = schedule->deadline,
        .period_ns = schedule->period,
    };
}

static uint32_t flags_of(const struct manifest_values *values) {
    const struct {
        bool is_set;
        uint32_t flag;
    } table[] = {
        {values->system_files, GROVE_SPEC_SYSTEM_FILES},
        {values->native, GROVE_SPEC_NATIVE},
        {values->readiness.kind == GROVE_READY_NOTIFY, GROVE_SPEC_NOTIFY_SOCKET},
        {values->listen_fds, GROVE_SPEC_LISTEN_FDS},
        {values->on_demand, GROVE_SPEC_ON_DEMAND},
        {values->explain, GROVE_SPEC_EXPLAIN},
        {values->identity == FORMAT_IDENTITY_CALLER, GROVE_SPEC_CALLER_IDENTITY},
        {values->essential, GROVE_SPEC_ESSENTIAL},
    };
    uint32_t flags = 0;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        flags |= table[i].is_set ? table[i].flag : 0;
    return flags;
}

static void write_header(const struct manifest *manifest, struct builder *builder) {
    const struct manifest_values *values = &manifest->values;
    struct grove_spec *header = builder_header(builder);
    header->flags = flags_of(values);
    header->ring = (uint8_t)values->ring;
    header->phase = (uint32_t)values->phase;
    header->stream_in = (uint8_t)values->streams.in;
    header->stream_out = (uint8_t)values->streams.out;
    header->stream_error = (uint8_t)values->streams.error;
    header->service_version = values->version;
    header->name = builder_text(builder, manifest->name);
    header->project = builder_text(
        builder, arena_copy(manifest->arena, manifest->name, (size_t)(strrchr(manifest->name, '.') - manifest->name)));
    header->executable = builder_text(builder, manifest->executable);
    header->directory = builder_text(
        builder, *values->directory ? path_resolve(manifest->arena, manifest->folder, values->directory) : "");
    header->manifest = builder_text(builder, manifest->path);
    header->description = builder_text(builder, values->description);
    header->stop_timeout_ns = values->stop_timeout;
    header->budget = resources_budget(&values->resources);
    write_schedule(&values->schedule, &header->schedule);
    write_restart(&values->restart, &header->restart);
    write_probe(builder, &values->readiness, &header->readiness);
    plans_write(manifest, builder);
}

/* Programs look for others on the PATH; the one a shell of the system has is theirs unless the manifest says another. */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void write_program(const struct manifest *manifest, struct builder *builder) {
    const struct manifest_values *values = &manifest->values;
    bool has_path = false;
    for (unsigned i = 0; i < values->exec.count; i++)
        builder_argument(builder, i ? values->exec.nodes[i]->text : manifest->executable);
    for (unsigned i = 0; i < values->environment.count; i++) {
        const struct node *node = values->environment.nodes[i];
        builder_environment(builder, node->key, node->text);
        has_path |= !strcmp(node->key, "PATH");
    }
    if (!has_path && values->system_files)
        builder_environment(builder, "PATH", DEFAULT_PATH);
}

static void write_interfaces(const struct manifest *manifest, struct builder *builder) {
    const struct provided_item *provided = manifest->values.provides.items;
    const struct required_item *required = manifest->values.requires.items;
    for (unsigned i = 0; i < manifest->values.provides.count; i++) {
        const struct method_item *methods = provided[i].methods.items;
        uint32_t interface = builder_provides(
            builder, name_qualify(manifest->arena, manifest->project, provided[i].name), provided[i].version);
        for (unsigned j = 0; j < provided[i].methods.count; j++)
            builder_method(builder, interface, methods[j].name, (uint32_t)methods[j].number, methods[j].request,
                           methods[j].reply);
    }
    for (unsigned i = 0; i < manifest->values.requires.count; i++)
        builder_requires(builder, name_qualify(manifest->arena, manifest->project, required[i].name),
                         required[i].version.from, required[i].version.below,
                         required[i].optional ? GROVE_INTERFACE_OPTIONAL : 0);
}

static void write_schema(const struct manifest *manifest, struct builder *builder, struct manifest_errors *errors) {
    const void *section;
    uint32_t section_bytes;
    if (schema_build(manifest, &section, &section_bytes, errors) == 0 && section)
        builder_section(builder, GROVE_SECTION_CONFIG, section, section_bytes);
}

int manifest_compile(const struct manifest *manifest, void **spec, size_t *spec_bytes, struct manifest_errors *errors) {
    const char *problem = "memory is exhausted";
    int status = GROVE_NO_MEMORY;
    struct builder *builder = builder_create();
    if (builder) {
        write_header(manifest, builder);
        write_program(manifest, builder);
        write_interfaces(manifest, builder);
        write_schema(manifest, builder, errors);
        for (unsigned i = 0; i < manifest->capability_count; i++)
            builder_capability(builder, &manifest->capabilities[i].capability, manifest->capabilities[i].flags);
        section_tags(manifest, builder);
        section_limits(manifest, builder);
        section_store(manifest, builder);
        status = builder_finish(builder, spec, spec_bytes, &problem);
    }
    if (status < 0)
        errors_add(errors, manifest->path, 0, 0, "", "%s", problem);
    builder_destroy(builder);
    return status;
}
