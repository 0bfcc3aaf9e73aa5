-- Deletes a transaction. No row: it is not there. Refusals: those of budget.delete_transaction.
-- $1 act: who acts
-- $2 budget_id: whose transaction it is
-- $3 transaction_id: which one
-- $4 version (nullable): the version that the caller knows; null for any
-- nullable: version, location
-- index: budgets_pk, transactions_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
gone as materialized (
  select budget.delete_transaction(act.business_id, act.user_id, $2::uuid, $3::uuid, $4::int) as is_gone from act)
select 204 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 204, '') as body
from gone where is_gone;
