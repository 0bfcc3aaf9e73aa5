-- One page of processes in their own order (sort, then code), with the number of machines in use that can do each.
-- A business has tens of processes, so the page is sorted in memory.
-- $1 business_id: the tenant
-- $2 is_active (nullable): true: those in use, false: archived ones, null: all
-- $3 after (nullable): the last_key of the page before, or null for the first page
-- $4 limit_rows: rows a page
-- nullable: last_key
-- index: processes_code_uq, mp_process_ix
with page as materialized (
  select p.* from shop.processes p
  where p.business_id = $1::uuid
    and ($2::boolean is null or p.is_active = $2::boolean)
    and ($3::text is null or (p.sort, p.code) > (($3::text::jsonb ->> 0)::int, $3::text::jsonb ->> 1))
  order by p.sort, p.code
  limit $4::int + 1
),
shown as (select * from page order by sort, code limit $4::int)
select
  coalesce((select json_agg(shop.process_body(p) order by p.sort, p.code) from shown s
    join shop.processes p on p.business_id = s.business_id and p.id = s.id), '[]')::text as data,
  (select count(*) > $4::int from page) as has_more,
  (select json_build_array(sort::text, code)::text from shown order by sort desc, code desc limit 1) as last_key;
