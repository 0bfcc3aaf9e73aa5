-- Writes many transactions into a budget, each judged by itself. No row: there is no such budget.
-- $1 act: who acts, and the idempotency key
-- $2 budget_id: whose transactions they are
-- $3 items: transactions of budget.add_transactions, as a JSON array
-- $4 problems: what the catalogue says of each refusal, as JSON
-- $5 instance: path of the request
-- nullable: version, location
-- index: budgets_pk, categories_budget_uq, btx_import_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
made as materialized (
  select budget.create_batch(act.business_id, act.user_id, $2::uuid, $3::text::jsonb, $4::text::jsonb, $5::text,
    $1::text::jsonb ->> 'request_id') as body
  from act)
select 200 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 200, body) as body
from made where body is not null;
