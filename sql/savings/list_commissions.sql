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
-- Of agents each has its own place in an index, newest first, which is read as far as the page needs.
with agent as materialized (
  select case when $3::uuid is not null then array[$3] when $2::uuid is not null then savings.agents_of($1, $2) end as ids),
page as materialized (
  select f.c from (
    (select c from savings.commissions c
      where $2 is null and $3 is null and c.business_id = $1
        and ($4::date is null or c.earned_on >= $4) and ($5::date is null or c.earned_on <= $5)
        and ($6::text is null or (c.earned_on, c.id) < (($6::jsonb ->> 0)::date, ($6::jsonb ->> 1)::uuid))
      order by c.earned_on desc, c.id desc limit $7::int + 1)
    union all
    select l.c from agent cross join unnest(agent.ids) g (id) cross join lateral (
      select c from savings.commissions c
      where c.business_id = $1 and c.agent_id = g.id
        and ($2 is null or c.agent_id = any ((select savings.agents_of($1, $2))::uuid[]) or c.parent_agent_id = $2)
        and ($4::date is null or c.earned_on >= $4) and ($5::date is null or c.earned_on <= $5)
        and ($6::text is null or (c.earned_on, c.id) < (($6::jsonb ->> 0)::date, ($6::jsonb ->> 1)::uuid))
      order by c.earned_on desc, c.id desc limit $7::int + 1) l
    union all
    -- what accounts of others gave them a part of: those of sub-agents who have another agent by now
    select l.c from agent cross join lateral (
      select c from savings.commissions c
      where c.business_id = $1 and c.parent_agent_id = coalesce($3, $2) and c.agent_id <> all (agent.ids)
        and ($2 is null or c.agent_id = any ((select savings.agents_of($1, $2))::uuid[]) or c.parent_agent_id = $2)
        and ($4::date is null or c.earned_on >= $4) and ($5::date is null or c.earned_on <= $5)
        and ($6::text is null or (c.earned_on, c.id) < (($6::jsonb ->> 0)::date, ($6::jsonb ->> 1)::uuid))
      order by c.earned_on desc, c.id desc limit $7::int + 1) l) f
  order by (f.c).earned_on desc, (f.c).id desc limit $7 + 1),
numbered as (select c, row_number() over (order by (c).earned_on desc, (c).id desc) as position from page),
shown as (select * from numbered where position <= $7)
select coalesce((select json_agg(savings.commission_body(c) order by position) from shown), '[]')::text as data,
       (select count(*) > $7 from numbered) as has_more,
       (select json_build_array((c).earned_on, (c).id)::text from shown order by position desc limit 1) as last_key;
