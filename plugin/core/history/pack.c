#include "history/pack.h"

#include <math.h>

#define MANTISSA_BITS 10
#define ONE (1U << MANTISSA_BITS)

/*
 * As in a binary floating point format with gradual underflow, but for the unit: below ONE the
 * number itself, above it an exponent and what follows the leading bit.
 */
uint16_t pl_pack_number(float value)
{
	int exponent;

	if (!(value > 0))
		return 0;
	if (value >= pl_unpack_number(UINT16_MAX))
		return UINT16_MAX;
	if (value < (float)ONE)
		return (uint16_t)lrintf(value); /* ONE itself is the first with an exponent */
	frexpf(value, &exponent);
	exponent -= MANTISSA_BITS; /* 1 for ONE */
	const float mantissa = ldexpf(value, 1 - exponent);
	/* rounded up to twice ONE it carries into the exponent, as it should */
	return (uint16_t)(((unsigned)exponent << MANTISSA_BITS) + (unsigned)lrintf(mantissa) - ONE);
}

float pl_unpack_number(uint16_t packed)
{
	const unsigned exponent = packed >> MANTISSA_BITS;
	const unsigned mantissa = packed & (ONE - 1);

	if (exponent == 0)
		return (float)mantissa;
	return ldexpf((float)(ONE + mantissa), (int)exponent - 1);
}
