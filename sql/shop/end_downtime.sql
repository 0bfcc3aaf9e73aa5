-- A machine is no longer down. No row: not there. Refusals: those of shop.end_downtime.
-- $1 act: who acts, and the idempotency key
-- $2 machine_id: which machine
-- $3 time_log_id: which log
-- nullable: version, location
-- index: machines_pk, time_logs_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
ended as materialized (
  select shop.end_downtime(act.business_id, $2::uuid, $3::uuid) as body from act)
select 200 as status, null::int as version, null::text as location,
       core.end_act($1::text::jsonb, 200, body::text) as body
from ended where body is not null;
