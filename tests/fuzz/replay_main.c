/*
 * Runs every file of the given folders (or single files) through a fuzz target, once: how a corpus is replayed without
 * libFuzzer. A target that finds a fault aborts, or a sanitizer does; the file in hand is named before it is run.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

#define INPUT_BYTES_MAX (1u << 20)

static int run_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    uint8_t *bytes = malloc(INPUT_BYTES_MAX);
    size_t count = bytes != NULL ? fread(bytes, 1, INPUT_BYTES_MAX, file) : 0;
    fclose(file);
    /* A copy of just the right size, so that the address sanitizer sees a read past its end. */
    uint8_t *input = malloc(count > 0 ? count : 1);
    if (bytes == NULL || input == NULL) {
        fprintf(stderr, "%s: no memory\n", path);
        free(bytes);
        free(input);
        return 1;
    }
    memcpy(input, bytes, count);
    free(bytes);
    printf("%s (%zu bytes)\n", path, count);
    fflush(stdout);
    LLVMFuzzerTestOneInput(input, count);
    free(input);
    return 0;
}

static int run_folder(const char *path, unsigned *files) {
    DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return 1;
    }
    int failed = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        failed |= run_file(name);
        ++*files;
    }
    closedir(folder);
    return failed;
}

int main(int count, char **arguments) {
    unsigned files = 0;
    int failed = 0;
    for (int i = 1; i < count; i++) {
        struct stat status;
        if (stat(arguments[i], &status) == 0 && S_ISDIR(status.st_mode)) {
            failed |= run_folder(arguments[i], &files);
        } else {
            failed |= run_file(arguments[i]);
            files++;
        }
    }
    if (files == 0)
        fprintf(stderr, "no input: give the folders of a corpus\n");
    return failed != 0 || files == 0;
}
