-- Posts many transactions in one request: all or nothing, or each by itself; or only says what would become of them.
-- $1 act: who acts, and the idempotency key
-- $2 items: as ledger.post_items takes them, as JSON
-- $3 is_atomic: whether one refusal refuses all (batch_refused)
-- $4 dry_run: whether nothing is kept
-- $5 place: pointer to an item in the request, its number in place of %s
-- $6 instance: path of the request
-- $7 problems: what the catalogue says of each refusal, by code, as JSON
-- nullable: version, location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
posted as (
  select ledger.post_many(act.business_id, $2::text::jsonb, $3, $4, $5, $6, $7::text::jsonb) as body from act)
select 200 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 200, body) as body
from posted;
