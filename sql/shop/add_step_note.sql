-- Writes a remark on a step. No row: there is no such step. Refusals: those of shop.add_note.
-- $1 act: who acts, and the idempotency key
-- $2 role: of who acts
-- $3 step_id: which step
-- $4 note_id: id of the new row
-- $5 note: what is remarked
-- nullable: version, location
-- index: job_steps_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
written as (
  select n.body::text as body
  from act, shop.add_note(act.business_id, act.member_id, $2::core.member_role, $3::uuid, $4::uuid, $5::text) n (body)
  where n.body is not null)
select 201 as status, null::int as version, null::text as location, core.end_act($1::text::jsonb, 201, body) as body
from written;
