"""Fills a fresh Tryton database: a company with its accounts, taxes, countries, products and users."""
import datetime
import os
from decimal import Decimal

from proteus import Model, Wizard, config

current = config.set_trytond(
    os.environ["TRYTON_DATABASE"], config_file=os.environ["TRYTOND_CONFIG"])


def one(model, *domain):
    found, = Model.get(model).find(list(domain))
    return found


def make(model, **values):
    record = Model.get(model)(**values)
    record.save()
    return record


def currency(code, name, digits):
    made = make("currency.currency", code=code, name=name, symbol=code, digits=digits, rounding=Decimal(1).scaleb(-digits))
    made.rates.new(date=datetime.date(2020, 1, 1), rate=Decimal(1))
    made.save()
    return made


euro = currency("EUR", "Euro", 2)
currency("JPY", "Yen", 0)
currency("KWD", "Dinar", 3)

germany = make("country.country", code="DE", name="Germany")
make("country.country", code="AT", name="Austria")
make("country.country", code="JP", name="Japan")
make("country.subdivision", code="DE-BY", name="Bavaria", type="state", country=germany)

opening = Wizard("company.company.config")
opening.execute("company")
opening.form.party = make("party.party", name="Lamp House")
opening.form.currency = euro
opening.execute("add")
company = one("company.company")
current._context = Model.get("res.user").get_preferences(True, {})

# Accounts, so that confirming a sale can invoice it.
chart = Wizard("account.create_chart")
chart.execute("account")
chart.form.account_template = Model.get("account.account.template")(
    one("ir.model.data", ("module", "=", "account"), ("fs_id", "=", "account_template_root_en")).db_id)
chart.form.company = company
chart.execute("create_account")


def account(kind):
    return Model.get("account.account").find(
        [("type." + kind, "=", True), ("company", "=", company.id)], limit=1)[0]


chart.form.account_receivable = account("receivable")
chart.form.account_payable = account("payable")
chart.execute("create_properties")


def sequence(kind, strict, name):
    return make("ir.sequence.strict" if strict else "ir.sequence", name=name, company=company,
        sequence_type=one("ir.sequence.type", ("name", "=", kind)))


today = datetime.date.today()
for year in (today.year, today.year + 1):
    fiscal = Model.get("account.fiscalyear")(
        name=str(year), company=company,
        start_date=datetime.date(year, 1, 1), end_date=datetime.date(year, 12, 31),
        post_move_sequence=sequence("Account Move", False, "Moves %d" % year))
    invoices = sequence("Invoice", True, "Invoices %d" % year)
    numbers, = fiscal.invoice_sequences
    numbers.out_invoice_sequence = numbers.in_invoice_sequence = invoices
    numbers.out_credit_note_sequence = numbers.in_credit_note_sequence = invoices
    fiscal.save()
    fiscal.click("create_period")

unit = one("product.uom", ("name", "=", "Unit"))
for percent, products in (
        (19, [("LAMP-1", "Desk lamp", "49.90"), ("BULB-2", "Bulb", "4.50")]),
        (7, [("BOOK-3", "Book of lamps", "20")])):
    tax = Model.get("account.tax")(name="VAT %d %%" % percent, type="percentage", rate=Decimal(percent) / 100)
    tax.description = tax.name
    tax.company = company
    tax.invoice_account = tax.credit_note_account = one("account.account", ("name", "=", "Main Tax"))
    tax.save()
    category = Model.get("product.category")(name=tax.name, accounting=True)
    category.account_expense, category.account_revenue = account("expense"), account("revenue")
    category.customer_taxes.append(Model.get("account.tax")(tax.id))
    category.save()
    for code, name, price in products:
        make("product.template", name=name, code=code, default_uom=unit, type="goods",
            salable=True, list_price=Decimal(price), account_category=category)

for login in os.environ["TRYTON_LOGINS"].split():
    user = Model.get("res.user")(login=login, name=login.title(), password=os.environ["TRYTON_PASSWORD"])
    user.companies.append(Model.get("company.company")(company.id))
    user.company = company
    user.groups.extend(Model.get("res.group").find([("name", "=", "Sales")]))
    user.save()
