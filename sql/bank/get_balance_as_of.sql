-- What one account had posted at an instant, that instant included. What was held then is not told.
-- $1 business_id: the tenant
-- $2 account_id: which one
-- $3 own_user_id (nullable): only if its customer has this login; null for those who see all
-- $4 as_of: the instant
-- index: accounts_pk, customers_pk, balance_snapshots_pk, lent_asof_ix
select json_build_object('account_id', a.id, 'currency', a.currency,
  'posted', ledger.balance_as_of(a.business_id, a.id, $4::timestamptz), 'pending', null, 'available', null,
  'as_of', core.iso($4::timestamptz), 'version', null)::text as body
from bank.accounts a
where a.business_id = $1 and a.id = $2
  and ($3::uuid is null or exists (
    select from core.customers o where o.business_id = a.business_id and o.id = a.customer_id and o.user_id = $3));
