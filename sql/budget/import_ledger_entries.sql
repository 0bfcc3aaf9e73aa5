-- Makes transactions of entries of the ledger. No row: there is no such budget. Refusals: those of budget.import_entries.
-- $1 act: who acts, and the idempotency key
-- $2 budget_id: whose transactions they are
-- $3 request: whose entries, of which days and for which category, as JSON
-- $4 limit_rows: entries at once
-- nullable: version, location
-- index: budgets_pk, accounts_pk, lent_asof_ix, btx_import_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
made as materialized (
  select budget.import_entries(act.business_id, act.user_id, $2::uuid, $3::text::jsonb, $4::int)::text as body from act)
select 200 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 200, body) as body
from made where body is not null;
