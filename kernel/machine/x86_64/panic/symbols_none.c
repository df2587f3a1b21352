/* The tables of the first link, from which symbols.py makes the real ones. Nothing may be placed by their contents. */
#include "kernel/machine/x86_64/panic/symbol_table.h"

#define IN_TABLES __attribute__((section(".tables")))

IN_TABLES const struct symbol symbol_table[1];
IN_TABLES const uint32_t symbol_count = 0;
IN_TABLES const char symbol_names[1];
IN_TABLES const uint32_t move_places_32[1];
IN_TABLES const uint32_t move_count_32 = 0;
IN_TABLES const uint32_t move_places_64[1];
IN_TABLES const uint32_t move_count_64 = 0;
