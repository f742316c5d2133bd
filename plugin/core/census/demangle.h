/*
 * Names of linkers -> names of people, for C++ and Rust, by libiberty.
 *
 * Mangled names are hostile: a few hundred bytes can stand for gigabytes. Time and length are
 * bounded here; no memory is allocated.
 */
#ifndef PL_CENSUS_DEMANGLE_H
#define PL_CENSUS_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

/* A symbol such as "_ZN3api7Session5closeEv". False when it is not mangled, or for too long. */
bool pl_census_demangle_symbol(const char *mangled, char *out, size_t size);

/* A type as std::type_info::name() has it, such as "N3api7SessionE". */
bool pl_census_demangle_type(const char *mangled, char *out, size_t size);

#endif
