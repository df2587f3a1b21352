/* The table of the first link, from which symbols.py makes the real one. Nothing may be placed by its contents. */
#include "kernel/machine/x86_64/panic/symbol_table.h"

#define IN_SYMBOLS __attribute__((section(".symbols")))

IN_SYMBOLS const struct symbol symbol_table[1];
IN_SYMBOLS const uint32_t symbol_count = 0;
IN_SYMBOLS const char symbol_names[1];
