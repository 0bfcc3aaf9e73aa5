-- Books a visit: 201 with its collection, or 200 with the one that the same client_ref and content became before. Refusals:
-- those of savings.collect.
-- $1 act: who acts, and the idempotency key
-- $2 own_user_id (nullable): a customer who pays online into accounts of their own
-- $3 own_agent_id (nullable): an agent; null for all accounts
-- $4 visit: a visit of savings.collect, as JSON
-- $5 checkouts: where methods other than cash are paid, as JSON
-- index: savings_accounts_pk, collections_client_ref_uq, markings_position_uq, agents_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
booked as materialized (
  select b.status, b.version, '/api/v1/collections/' || b.id as location, b.body
  from act, savings.collect_one(act.business_id, act.member_id, $2::uuid, $3::uuid, $4::text::jsonb, $5::text::jsonb) b)
select status, version, location, core.end_act($1::text::jsonb, status, body, location, version) as body from booked;
