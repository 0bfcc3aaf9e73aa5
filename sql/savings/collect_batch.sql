-- Books many visits in one request: all or nothing, or each by itself.
-- $1 act: who acts, and the idempotency key
-- $2 own_agent_id (nullable): an agent; null for all accounts
-- $3 visits: visits of savings.collect, as a JSON array
-- $4 checkouts: where methods other than cash are paid, as JSON
-- $5 is_atomic: whether one refusal refuses all (batch_refused)
-- $6 problems: what the catalogue says of each refusal, as JSON
-- $7 instance: path of the request
-- nullable: version, location
-- index: savings_accounts_pk, collections_client_ref_uq, markings_position_uq, agents_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
booked as materialized (
  select savings.collect_batch(act.business_id, act.member_id, null, $2::uuid, $3::text::jsonb, $4::text::jsonb, $5,
    $6::text::jsonb, $7, $1::text::jsonb ->> 'request_id') as body
  from act)
select 200 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 200, body) as body
from booked;
