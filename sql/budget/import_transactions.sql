-- Writes the lines of a file into a budget: all of them, or none and a list of what is wrong with which. No row: there is no
-- such budget.
-- $1 act: who acts, and the idempotency key
-- $2 budget_id: whose transactions they are
-- $3 lines: the rows of budget.import_lines, as a JSON array
-- $4 dry_run: only look
-- nullable: version, location
-- index: budgets_pk, btx_import_uq, categories_budget_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
done as materialized (
  select r.status, r.body
  from act cross join lateral budget.import_lines(act.business_id, act.user_id, $2::uuid, $3::text::jsonb, $4::bool) r
  where r.status is not null)
select status, null::int as version, null::text as location,
  case when status = 201 then core.end_act($1::text::jsonb, 201, body) else body end as body
from done;
