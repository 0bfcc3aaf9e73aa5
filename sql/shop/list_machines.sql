-- One page of machines by code, with the processes each can do and what it is running now.
-- $1 business_id: the tenant
-- $2 is_active: true: those in use, false: archived ones
-- $3 status (nullable): machines in this state, or null
-- $4 process_id (nullable): machines that can do this process, or null
-- $5 after (nullable): the last_key of the page before, or null for the first page
-- $6 limit_rows: rows a page
-- nullable: last_key
-- index: machines_code_uq, machine_processes_pk, mp_process_ix, steps_machine_busy_ix, time_logs_downtime_uq
with page as materialized (
  select m.* from shop.machines m
  where m.business_id = $1::uuid and m.is_active = $2::boolean
    and ($3::shop.machine_status is null or m.status = $3::shop.machine_status)
    and ($4::uuid is null or exists (select from shop.machine_processes c
      where c.business_id = $1::uuid and c.process_id = $4::uuid and c.machine_id = m.id))
    and ($5::text is null or m.code > $5::text::jsonb ->> 0)
  order by m.code
  limit $6::int + 1
),
shown as (select * from page order by code limit $6::int)
select
  coalesce((select json_agg(shop.machine_body(m) order by m.code) from shown s
    join shop.machines m on m.business_id = s.business_id and m.id = s.id), '[]')::text as data,
  (select count(*) > $6::int from page) as has_more,
  (select json_build_array(max(code))::text from shown) as last_key;
