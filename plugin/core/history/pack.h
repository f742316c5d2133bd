/*
 * Numbers in 16 bits, for what many processes keep many of: 6 bits of exponent, 10 of mantissa.
 *
 * Knows one encoding; refuses negative numbers, which become 0. Pure.
 */
#ifndef PL_HISTORY_PACK_H
#define PL_HISTORY_PACK_H

#include <stdint.h>

/* Whole numbers up to 2,048 exactly, larger ones within .05 %, none above 9.4e21. */
uint16_t pl_pack_number(float value);
float pl_unpack_number(uint16_t packed);

#endif
