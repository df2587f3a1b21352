/* Texts in the manifests that commands write. */
#ifndef GROVE_YAML_TEXT_H
#define GROVE_YAML_TEXT_H

#include <stdio.h>

/* In double quotes, so that it reads back as it is whatever it holds: "${" in it means nothing either. */
void yaml_write_quoted(const char *text, FILE *stream);

#endif
