-- One statement of account. No row: not there, or not theirs.
-- $1 business_id: the tenant
-- $2 statement_id: which one
-- $3 own_user_id (nullable): only of an account of this person; null: of any
-- index: statements_pk, accounts_pk
select bank.statement_body(s)::text as body, s.version
from bank.statements s
join bank.accounts a on a.business_id = s.business_id and a.id = s.account_id
join core.customers o on o.business_id = a.business_id and o.id = a.customer_id
where s.business_id = $1 and s.id = $2::uuid and ($3::uuid is null or o.user_id = $3::uuid);
