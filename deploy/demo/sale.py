"""Edits sales in Tryton as a person does: list | new TEXT... | comment ID TEXT | quantity ID NUMBER | cancel ID"""
import base64
import os
import sys
import xmlrpc.client

from proteus import Model, config

url = "%(TRYTON_URL)s/%(TRYTON_DATABASE)s/" % os.environ
user, key = xmlrpc.client.ServerProxy(url, allow_none=True).common.db.login(
    os.environ["TRYTON_LOGIN"], {"password": os.environ["TRYTON_PASSWORD"]})
token = "%s:%s:%s" % (os.environ["TRYTON_LOGIN"], user, key)
config.set_xmlrpc(url, headers=[("Authorization", "Session " + base64.b64encode(token.encode()).decode())])
Sale, Party, Product = (Model.get(name) for name in ("sale.sale", "party.party", "product.product"))


def new(text):
    found = Party.find([("name", "=", "Ann Lamp")], limit=1)
    customer = found[0] if found else Party(name="Ann Lamp")
    if not found:
        address, = customer.addresses
        address.street, address.postal_code, address.city = "Road 1", "80331", "Munich"
        address.country, = Model.get("country.country").find([("code", "=", "DE")])
        customer.save()
    sale = Sale(party=customer, comment=text)
    line = sale.lines.new()
    line.product, = Product.find([("code", "=", "LAMP-1")])
    line.quantity = 2
    sale.save()
    return sale


command, args = sys.argv[1], sys.argv[2:]
if command == "list":
    sales = Sale.find([], order=[("id", "ASC")])
elif command == "new":
    sales = [new(text) for text in args]
else:
    sales = [Sale(int(args[0]))]
    if command == "cancel":
        sales[0].click("cancel")
    elif command == "comment":
        sales[0].comment = args[1]
    elif command == "quantity":
        sales[0].lines[0].quantity = float(args[1])
    sales[0].save()
for sale in sales:
    lines = ", ".join("%g %s" % (line.quantity, line.product.code if line.product else line.description) for line in sale.lines)
    print(sale.id, sale.state, sale.total_amount, sale.currency.code, lines, sale.comment or "", sep="\t")
