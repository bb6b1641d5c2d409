"""How many digits of its content's digest does a page print? Enough that nobody finds a second document for them."""

PRINTED_DIGITS = 24  # 96 bits; the address with them still fits into a QR code of 33 modules
