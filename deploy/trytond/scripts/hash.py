"""Prints the hash of a password, as Tryton stores it."""
import os

from trytond.res.user import CRYPT_CONTEXT

print(CRYPT_CONTEXT.hash(os.environ["TRYTON_PASSWORD"]))
