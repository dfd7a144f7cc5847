"""Does what a person does in Tryton's client: reads one JSON request a line and answers with one."""
import base64
import datetime
import json
import os
import sys
import xmlrpc.client
from decimal import Decimal

from proteus import Model, config

# With a session, because the server computes a second on each password.
address, login = os.environ["TRYTON_XMLRPC"], os.environ["TRYTON_LOGIN"]
user, key = xmlrpc.client.ServerProxy(address, allow_none=True).common.db.login(
    login, {"password": os.environ["TRYTON_PASSWORD"]})
token = base64.b64encode(("%s:%s:%s" % (login, user, key)).encode()).decode()
config.set_xmlrpc(address, headers=[("Authorization", "Session " + token)])


def value(v):
    if isinstance(v, dict) and "decimal" in v:
        return Decimal(v["decimal"])
    if isinstance(v, dict) and "date" in v:
        return datetime.date.fromisoformat(v["date"])
    return v


def change(record, values):
    for name, v in values.items():
        setattr(record, name, value(v))
    record.save()


def line(sale, product, quantity, price=None, description=None):
    found, = Model.get("product.product").find([("code", "=", product)])
    new = sale.lines.new()
    new.product = found
    new.quantity = quantity
    if price is not None:
        new.unit_price = Decimal(price)
    if description is not None:
        new.description = description


def create(party, lines, address=None, **values):
    Party, Country = Model.get("party.party"), Model.get("country.country")
    found = Party.find([("name", "=", party)], limit=1)
    if found:
        customer = found[0]
    else:
        customer = Party(name=party)
        where, = customer.addresses
        for name, v in (address or {}).items():
            if name == "country":
                v, = Country.find([("code", "=", v)])
            setattr(where, name, v)
        customer.save()
    sale = Model.get("sale.sale")(party=customer)
    for name, v in values.items():
        setattr(sale, name, value(v))
    for one in lines:
        line(sale, **one)
    sale.save()
    return sale.id


def edit(sale, values):
    change(Model.get("sale.sale")(sale), values)


def add_line(sale, **values):
    record = Model.get("sale.sale")(sale)
    line(record, **values)
    record.save()


def edit_line(line, values):
    change(Model.get("sale.line")(line), values)


def delete_line(line):
    Model.get("sale.line")(line).delete()


def click(sale, button):
    Model.get("sale.sale")(sale).click(button)


def delete(sale):
    Model.get("sale.sale")(sale).delete()


def party(name, values):
    found, = Model.get("party.party").find([("name", "=", name)])
    change(found, values)


def count(web_id):
    return len(Model.get("sale.sale").find([("web_id", "=", web_id)]))


for request in sys.stdin:
    asked = json.loads(request)
    try:
        answer = {"result": globals()[asked.pop("do")](**asked)}
    except Exception as e:
        answer = {"error": "%s: %s" % (type(e).__name__, e)}
    print(json.dumps(answer), flush=True)
