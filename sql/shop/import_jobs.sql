-- Imports jobs as drafts: all of them, or none and a list of what is wrong with which line.
-- $1 act: who acts, and the idempotency key
-- $2 jobs: the rows as a JSON array: line, id and the columns of the file
-- $3 dry_run: only look
-- nullable: version, location
-- index: customers_code_uq, customers_phone_ix, routings_name_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
done as materialized (
  select r.status, r.body from act cross join lateral shop.import_jobs(act.business_id, $2::text::jsonb, $3::bool) r)
select status, null::int as version, null::text as location,
  case when status = 201 then core.end_act($1::text::jsonb, 201, body) else body end as body
from done;
