/*
 * store: keys and values in namespaces, changed by transactions, encrypted on the disk.
 *
 *     requests -> methods.c -> commits.c (changes, in batches)  -> engine.c -> sqlite.c, memory.c
 *                           -> reads.c, changes.c, snapshots.c  ->
 *
 * One thread in libgrove's run loop; a second one waits for the disk and does nothing else (syncer.c). Killing this process
 * at any point loses nothing that was acknowledged and applies nothing twice: commits.c, notes.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/store/copies.h"
#include "servers/store/points.h"

#define CACHE_BYTES_DEFAULT (1u << 20)
#define MASTER_DEFAULT "file:master.key"

static const char usage[] =
    "usage: grove-store STATE-FOLDER [--master file:PATH|passphrase:PATH|tpm:PATH] [--cache BYTES]\n"
    "(started by init; see servers/store/manifest.yaml)\n";

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    struct store *store = context;
    (void)reason;
    store->service = service;
    store->session = grove_service_session(service);
    int status = commits_open(store);
    if (status == 0)
        status = shares_load(store);
    if (status < 0)
        return status;
    changes_open(store);
    points_open(store);
    spaces_resume(store);
    return 0;
}

static bool take_options(int argument_count, char **arguments, struct store *store, struct engine_options *options) {
    static const struct option known[] = {
        {"master", required_argument, NULL, 'm'}, {"cache", required_argument, NULL, 'c'}, {0}};
    int option;
    *options = (struct engine_options){.master = MASTER_DEFAULT, .cache_bytes = CACHE_BYTES_DEFAULT};
    while ((option = getopt_long(argument_count, arguments, "", known, NULL)) != -1) {
        char *end = NULL;
        if (option == 'm')
            options->master = optarg;
        else if (option == 'c')
            options->cache_bytes = strtoul(optarg, &end, 10);
        if (option == '?' || (end != NULL && *end != '\0'))
            return false;
    }
    if (optind + 1 != argument_count)
        return false;
    options->folder = arguments[optind];
    store->folder = options->folder;
    store->master = options->master;
    return true;
}

static int open_all(struct store *store, struct engine_options *options) {
    store->folder_descriptor = open(options->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->folder_descriptor < 0) {
        (void)fprintf(stderr, "store: cannot open the state folder %s: %s\n", options->folder, strerror(errno));
        return GROVE_IO;
    }
    options->folder_descriptor = store->folder_descriptor;
    if (restore_adopt(store->folder_descriptor) < 0) {
        (void)fprintf(stderr, "store: a restored database cannot be put in place: %s\n", strerror(errno));
        return GROVE_IO;
    }
    return engine_open(&store->engine, options);
}

int main(int argument_count, char **arguments) {
    static struct store store;
    struct grove_service *service;
    struct engine_options options;
    if (!take_options(argument_count, arguments, &store, &options)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    if (open_all(&store, &options) < 0)
        return 1;
    struct grove_service_options service_options = {.on_init = on_init, .context = &store};
    if (grove_service_create(&service_options, &service) < 0)
        return grove_report("store");
    for (unsigned index = 0; index < store_method_count; index++)
        if (grove_service_on(service, GROVE_STORE_ENDPOINT, store_methods[index].number, store_methods[index].handler,
                             &store) < 0)
            return grove_report("store");
    metrics_serve(&store, service);
    int status = grove_service_run(service);
    engine_close(&store.engine);
    return status < 0 ? grove_report("store") : 0;
}
