-- Moves money many times in one request: all or nothing, or each by itself.
-- $1 act: who acts, and the idempotency key
-- $2 movements: array of bank.movement, as JSON
-- $3 is_atomic: whether one refusal refuses all (batch_refused)
-- $4 problems: what the catalogue says of each refusal, by code, as JSON
-- nullable: version, location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
moved as (
  select bank.move_batch($2::text::jsonb, $3, $4::text::jsonb) as body from act)
select 200 as status, null::int as version, null::text as location,
       core.end_act($1::text::jsonb, 200, body) as body
from moved;
