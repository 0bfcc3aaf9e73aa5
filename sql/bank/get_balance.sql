-- The money of one account as it is.
-- $1 business_id: the tenant
-- $2 account_id: which one
-- $3 own_user_id (nullable): only if its customer has this login; null for those who see all
-- index: accounts_pk, balances_pk, customers_pk
select bank.balance_body(a, b)::text as body
from bank.accounts a join ledger.balances b on b.business_id = a.business_id and b.account_id = a.id
where a.business_id = $1 and a.id = $2
  and ($3::uuid is null or exists (
    select from core.customers o where o.business_id = a.business_id and o.id = a.customer_id and o.user_id = $3));
