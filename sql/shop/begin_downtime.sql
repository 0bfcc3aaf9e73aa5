-- A machine is down from now on. No row: not there. Refusals: those of shop.begin_downtime.
-- $1 act: who acts, and the idempotency key
-- $2 machine_id: which machine
-- $3 time_log_id: id of the new log
-- $4 kind: of the loss
-- $5 reason (nullable): why
-- nullable: version, location
-- index: machines_pk, time_logs_downtime_uq
with act as materialized (select * from core.begin_act($1::text::jsonb)),
begun as materialized (
  select shop.begin_downtime(act.business_id, $2::uuid, $3::uuid, $4::shop.time_kind, $5::text) as body from act)
select 201 as status, null::int as version, null::text as location,
       core.end_act($1::text::jsonb, 201, body::text) as body
from begun where body is not null;
