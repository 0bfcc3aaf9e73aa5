-- One account, without its money.
-- $1 business_id: the tenant
-- $2 account_id: which one
-- $3 own_user_id (nullable): only if its customer has this login; null for those who see all
-- index: accounts_pk, customers_pk
select bank.account_body(a, $3::uuid is not null)::text as body, a.version, a.status
from bank.accounts a
where a.business_id = $1 and a.id = $2
  and ($3::uuid is null or exists (
    select from core.customers o where o.business_id = a.business_id and o.id = a.customer_id and o.user_id = $3));
