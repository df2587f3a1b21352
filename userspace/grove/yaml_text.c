/* Quoting for manifests; see yaml_text.h. */
#include "userspace/grove/yaml_text.h"

void yaml_write_quoted(const char *text, FILE *stream) {
    fputc('"', stream);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(stream, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(stream, "\\x%02x", c);
        else if (c == '$' && text[1] == '{')
            fputs("$$", stream);
        else
            fputc(c, stream);
    }
    fputc('"', stream);
}
