-- A page of collections, newest business date first, with what each of its days came to under the same filters (confirmed
-- ones). With accounts (one that was asked for, or those of a person) or agents it is merged from an ordered scan for each.
-- Runs on the lane `report`: filters that are null disappear.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): only of this person's accounts; null: all
-- $3 own_agent_id (nullable): only of this agent and their sub-agents; null: all
-- $4 agent_id (nullable): of this agent
-- $5 unit_id (nullable): of this unit
-- $6 savings_account_id (nullable): of this account
-- $7 from (nullable): first business date
-- $8 to (nullable): last business date
-- $9 method (nullable): by this method
-- $10 status (nullable): in this status
-- $11 after (nullable): keyset of the last row seen: business_date and id, as a JSON array
-- $12 limit_rows: rows a page
-- nullable: last_key
-- index: coll_page_ix, coll_account_ix, coll_agent_day_ix, coll_unit_ix
with bounds as (
  select coalesce($7::date, '-infinity') as from_date, coalesce($8::date, 'infinity') as to_date,
    coalesce(($11::text::jsonb ->> 0)::date, 'infinity') as before_date,
    coalesce(($11::text::jsonb ->> 1)::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') as before_id),
account as materialized (
  select a.id from savings.accounts a
  where ($2::uuid is not null or $6::uuid is not null) and a.business_id = $1 and ($6::uuid is null or a.id = $6)
    and ($2::uuid is null or a.customer_id in (
      select o.id from core.customers o where o.business_id = $1 and o.user_id = $2))),
agent as materialized (
  select m.id from core.memberships m
  where ($3::uuid is not null or $4::uuid is not null) and m.business_id = $1 and ($4::uuid is null or m.id = $4)
    and ($3::uuid is null or m.id = $3 or m.parent_member_id = $3)),
found as (
  select c.* from bounds cross join lateral (
    select x.* from savings.collections x
    where $2::uuid is null and $6::uuid is null and $3::uuid is null and $4::uuid is null and x.business_id = $1
      and (x.business_date, x.id) < (before_date, before_id) and x.business_date between from_date and to_date
      and savings.fits(x, $5, $9, $10)
    order by x.business_date desc, x.id desc limit $12::int + 1) c
  union all
  select c.* from account cross join bounds cross join lateral (
    select x.* from savings.collections x
    where x.business_id = $1 and x.savings_account_id = account.id
      and ($3::uuid is null and $4::uuid is null or x.agent_id in (select g.id from agent g))
      and (x.business_date, x.id) < (before_date, before_id) and x.business_date between from_date and to_date
      and savings.fits(x, $5, $9, $10)
    order by x.business_date desc, x.id desc limit $12::int + 1) c
  union all
  select c.* from agent cross join bounds cross join lateral (
    select x.* from savings.collections x
    where $2::uuid is null and $6::uuid is null and x.business_id = $1 and x.agent_id = agent.id
      and (x.business_date, x.id) < (before_date, before_id) and x.business_date between from_date and to_date
      and savings.fits(x, $5, $9, $10)
    order by x.business_date desc, x.id desc limit $12::int + 1) c),
numbered as materialized (
  select f.business_date, f.id, row_number() over (order by f.business_date desc, f.id desc) as position
  from found f order by f.business_date desc, f.id desc limit $12::int + 1),
day as (
  select d.business_date, t.* from (select distinct n.business_date from numbered n where n.position <= $12) d
  cross join lateral (
    select count(*) as collections, coalesce(sum(x.markings), 0) as markings, coalesce(sum(x.amount), 0) as amount,
      coalesce(sum(x.amount) filter (where x.method = 'cash'), 0) as cash
    from savings.collections x
    where x.business_id = $1 and x.business_date = d.business_date and x.status = 'confirmed'
      and ($6::uuid is null or x.savings_account_id = $6)
      and ($2::uuid is null or x.savings_account_id = any (array(select a.id from account a)))
      and ($3::uuid is null and $4::uuid is null or x.agent_id = any (array(select g.id from agent g)))
      and savings.fits(x, $5, $9, $10)) t)
select coalesce((
         select json_agg(savings.collection_body(c, a.tracking_number, array(
           select m.position from savings.markings m where m.business_id = c.business_id
             and m.savings_account_id = c.savings_account_id and m.collection_id = c.id order by m.position))
           order by n.position)
         from numbered n join savings.collections c on c.business_id = $1 and c.id = n.id
         join savings.accounts a on a.business_id = $1 and a.id = c.savings_account_id where n.position <= $12), '[]')::text
           as data,
       (select count(*) > $12 from numbered) as has_more,
       (select json_build_array(n.business_date, n.id)::text from numbered n where n.position <= $12
        order by n.position desc limit 1) as last_key,
       coalesce((select json_agg(d order by d.business_date desc) from day d), '[]')::text as totals;
