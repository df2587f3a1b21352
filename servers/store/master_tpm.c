/*
 * The shape of a TPM: keys are sealed by a device, whose own key never leaves it, under a policy that it checks itself.
 *
 * The device here is software: a seed and the measurement that the policy asks for, in one file (struct device_file). A
 * real one takes the place of struct device_operations; nothing else would change. The measurement is that of the file
 * PATH.measured, where there is one: as with a TPM's registers, keys sealed under one measurement are not opened under
 * another, whoever asks.
 */
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grove/abi/status.h"
#include "servers/store/master.h"

#define DEVICE_MAGIC 0x4d505447u /* "GTPM" */
#define DEVICE_VERSION 1u
#define MEASURED_MAX 65536u

struct device_file {
    uint32_t magic, version;
    uint8_t seed[SEAL_KEY_BYTES];
};

struct device {
    uint8_t seed[SEAL_KEY_BYTES];
    uint8_t measurement[crypto_generichash_BYTES];
};

/* What a device can do: seal bytes under the measurement of now, and give them back under the same one only. */
struct device_operations {
    int (*open)(int folder, const char *path, const char *measured, bool makes_it, struct device **device);
    int (*seal)(struct device *device, const char *name, const struct seal_key *key, uint8_t *blob, size_t *blob_bytes);
    int (*unseal)(struct device *device, const char *name, const uint8_t *blob, size_t blob_bytes,
                  struct seal_key *key);
    void (*close)(struct device *device);
};

/* ---- the software device ---- */

static int measure(int folder, const char *path, uint8_t measurement[crypto_generichash_BYTES]) {
    uint8_t *bytes = malloc(MEASURED_MAX);
    size_t length = 0;
    int status = bytes == NULL ? GROVE_NO_MEMORY : material_read(folder, path, bytes, MEASURED_MAX, &length);
    if (status == GROVE_NOT_FOUND)
        status = 0; /* nothing is measured: the measurement of nothing */
    if (status == 0)
        (void)crypto_generichash(measurement, crypto_generichash_BYTES, bytes, length, NULL, 0);
    free(bytes);
    return status;
}

static void software_close(struct device *device) {
    seal_forget(device, sizeof *device);
    free(device);
}

static int read_seed(int folder, const char *path, bool makes_it, struct device *device) {
    struct device_file file;
    size_t length = 0;
    int status = material_read(folder, path, &file, sizeof file, &length);
    if (status == GROVE_NOT_FOUND && makes_it) {
        file = (struct device_file){.magic = DEVICE_MAGIC, .version = DEVICE_VERSION};
        randombytes_buf(file.seed, sizeof file.seed);
        length = sizeof file;
        status = material_write(folder, path, &file, sizeof file);
    }
    if (status == 0 && (length != sizeof file || file.magic != DEVICE_MAGIC || file.version != DEVICE_VERSION))
        status = GROVE_CORRUPT;
    if (status == 0)
        memcpy(device->seed, file.seed, sizeof device->seed);
    seal_forget(&file, sizeof file);
    return status;
}

static int software_open(int folder, const char *path, const char *measured, bool makes_it, struct device **device) {
    struct device *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return GROVE_NO_MEMORY;
    int status = read_seed(folder, path, makes_it, opened);
    if (status == 0)
        status = measure(folder, measured, opened->measurement);
    if (status < 0) {
        software_close(opened);
        return status;
    }
    *device = opened;
    return 0;
}

/* The key that seals under this measurement. */
static void policy_key(const struct device *device, uint8_t secret[SEAL_KEY_BYTES]) {
    (void)crypto_generichash(secret, SEAL_KEY_BYTES, device->measurement, sizeof device->measurement, device->seed,
                             sizeof device->seed);
}

static int software_seal(struct device *device, const char *name, const struct seal_key *key, uint8_t *blob,
                         size_t *blob_bytes) {
    uint8_t secret[SEAL_KEY_BYTES];
    policy_key(device, secret);
    int status = master_wrap_with(secret, name, key, blob, blob_bytes);
    seal_forget(secret, sizeof secret);
    return status;
}

static int software_unseal(struct device *device, const char *name, const uint8_t *blob, size_t blob_bytes,
                           struct seal_key *key) {
    uint8_t secret[SEAL_KEY_BYTES];
    policy_key(device, secret);
    int status = master_unwrap_with(secret, name, blob, blob_bytes, key);
    seal_forget(secret, sizeof secret);
    return status;
}

static const struct device_operations device = {
    .open = software_open, .seal = software_seal, .unseal = software_unseal, .close = software_close};

/* ---- the provider ---- */

static void path_of(const char *argument, bool is_next, char *text, size_t text_bytes) {
    (void)snprintf(text, text_bytes, "%s%s", argument, is_next ? ".next" : "");
}

static int open_tpm(int folder, const char *argument, bool is_next, bool makes_it, void **state) {
    char path[PATH_MAX], measured[PATH_MAX];
    struct device *opened = NULL;
    path_of(argument, is_next, path, sizeof path);
    (void)snprintf(measured, sizeof measured, "%s.measured", argument);
    int status = device.open(folder, path, measured, makes_it, &opened);
    if (status == 0)
        *state = opened;
    else if (status != GROVE_NOT_FOUND)
        (void)fprintf(stderr, "store: the key device %s cannot be opened: %d\n", path, status);
    return status;
}

static int wrap(void *state, const char *name, const struct seal_key *key, uint8_t *wrapped, size_t *wrapped_bytes) {
    return device.seal(state, name, key, wrapped, wrapped_bytes);
}

static int unwrap(void *state, const char *name, const uint8_t *wrapped, size_t wrapped_bytes, struct seal_key *key) {
    return device.unseal(state, name, wrapped, wrapped_bytes, key);
}

static void close_tpm(void *state) {
    device.close(state);
}

const struct master_kind master_tpm = {
    .name = "tpm", .open = open_tpm, .wrap = wrap, .unwrap = unwrap, .close = close_tpm, .path = path_of};
