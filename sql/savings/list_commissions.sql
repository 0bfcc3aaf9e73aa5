-- A page of commissions, newest first. Runs on the lane `report`: a filter that is null disappears from the plan.
-- $1 business_id: the tenant
-- $2 own_agent_id (nullable): only what this agent or one of their sub-agents earned
-- $3 agent_id (nullable): only what this agent earned, by their own accounts or by those of their sub-agents
-- $4 from_date (nullable): earned on this day or later
-- $5 to_date (nullable): on this day at the latest
-- $6 after (nullable): keyset of the last row seen: its day and its id, as a JSON array
-- $7 limit_rows: rows a page
-- nullable: last_key
-- index: commissions_pk, comm_page_ix, comm_agent_ix, comm_parent_ix
with page as materialized (
  select c, c.earned_on, c.id from savings.commissions c
  where c.business_id = $1
    and ($2::uuid is null or c.agent_id = any ((select savings.agents_of($1, $2))::uuid[]) or c.parent_agent_id = $2)
    and ($3::uuid is null or c.agent_id = $3 or c.parent_agent_id = $3)
    and ($4::date is null or c.earned_on >= $4) and ($5::date is null or c.earned_on <= $5)
    and ($6::text is null or (c.earned_on, c.id) < (($6::jsonb ->> 0)::date, ($6::jsonb ->> 1)::uuid))
  order by c.earned_on desc, c.id desc limit $7::int + 1),
numbered as (select *, row_number() over (order by earned_on desc, id desc) as position from page),
shown as (select * from numbered where position <= $7)
select coalesce((select json_agg(savings.commission_body(c) order by position) from shown), '[]')::text as data,
       (select count(*) > $7 from numbered) as has_more,
       (select json_build_array(earned_on, id)::text from shown order by position desc limit 1) as last_key;
