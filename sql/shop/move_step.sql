-- Moves a step, with what that means for time, quantities, the steps that wait for it and its job. No row: there is none.
-- Refusals: those of shop.move_step.
-- $1 act: who acts, and the idempotency key
-- $2 role: of who acts
-- $3 step_id: which one
-- $4 version (nullable): the version that If-Match named; null for any
-- $5 action: start, pause, resume, block, unblock, complete, skip, reopen
-- $6 moves: every legal move, as JSON
-- $7 given: kind, reason, machine_id, qty_good and qty_scrap, as JSON
-- $8 next_id: id of the log, the report and the note that it makes
-- nullable: location
-- index: job_steps_pk, jobs_pk, dep_rev_ix, time_logs_open_ix, tl_machine_ix, tl_step_ix
with act as materialized (select * from core.begin_act($1::text::jsonb)),
moved as materialized (
  select s.version, s.body::text
  from act, shop.move_step(act.business_id, act.member_id, $2::core.member_role, $3::uuid, $4::int, $5::text,
    $6::text::jsonb, $7::text::jsonb, $8::uuid) s
  where s.body is not null)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from moved;
