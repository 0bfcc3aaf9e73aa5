-- What a wire would cost now, and what its limits leave. No row: there is no such account. Refusals: no_fx_rate,
-- amount_range.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): whose customers' accounts are meant; null for all
-- $3 account_id: that pays
-- $4 amount: what the beneficiary gets, minor units of the currency
-- $5 currency: ISO 4217
-- index: accounts_pk, customers_pk
select bank.quote_body(a, bank.quote_wire(a, $4::text::bigint, $5::text))::text as body
from bank.accounts a
where a.business_id = $1 and a.id = $3
  and ($2::uuid is null or exists (
    select from core.customers o where o.business_id = a.business_id and o.id = a.customer_id and o.user_id = $2));
