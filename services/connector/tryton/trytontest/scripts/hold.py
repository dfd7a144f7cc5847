"""Writes a sale in a transaction that stays open until a line comes in, and commits it then."""
import json
import os
import sys

from trytond.config import config

config.update_etc(os.environ["TRYTOND_CONFIG"])

from trytond.pool import Pool  # noqa: E402: needs the configuration
from trytond.transaction import Transaction  # noqa: E402

name = os.environ["TRYTON_NAME"]
Pool.start()
pool = Pool(name)
with Transaction().start(name, 0, readonly=True):
    pool.init()
asked = json.loads(sys.stdin.readline())
with Transaction().start(name, 1, context={"company": 1}) as transaction:
    Sale = pool.get("sale.sale")
    Sale.write([Sale(asked["sale"])], asked["values"])
    print("open", flush=True)
    sys.stdin.readline()
    transaction.commit()
print("committed", flush=True)
