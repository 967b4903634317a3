"""The numbers that can be stored without loss."""

from decimal import Context, Decimal, DecimalException, Inexact, Overflow, Subnormal

#: DynamoDB's numbers: 38 significant digits, magnitude 1E-130 to 9.99...E+125.
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
STORABLE = Context(prec=38, Emin=-130, Emax=125, traps=[Inexact, Overflow, Subnormal])


def is_storable(number: Decimal) -> bool:
    """Whether DynamoDB can hold `number` exactly."""
    try:
        return number.is_finite() and STORABLE.plus(number) == number
    except DecimalException:
        return False
