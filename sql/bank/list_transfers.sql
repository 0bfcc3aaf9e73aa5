-- A page of transfers, newest first. Ids are in the order of time, so pages go by them, and a range of days is a range of
-- ids too (with a day to spare: an id is made a moment before its row). With accounts (one that was asked for, or those of a
-- person) it is merged from two ordered scans for each. Runs on the lane `report`: filters that are null disappear.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): only movements of this person's accounts; null: all
-- $3 account_id (nullable): only movements of this account
-- $4 kinds (nullable): any of these; null or empty: all
-- $5 statuses (nullable): any of these; null or empty: all
-- $6 timezone: IANA zone of the business, in which days begin
-- $7 from (nullable): first day
-- $8 to (nullable): last day
-- $9 min (nullable): least amount, minor units
-- $10 max (nullable): largest amount
-- $11 category (nullable): this category
-- $12 q (nullable): part of the memo, or the beginning of the reference
-- $13 after (nullable): keyset of the last row seen: its id, as a JSON array
-- $14 limit_rows: rows a page
-- nullable: last_key
-- index: transfers_pk, btr_from_ix, btr_to_ix
with bounds as (
  select ($7::date)::timestamp at time zone $6::text as from_at, ($8::date + 1)::timestamp at time zone $6::text as to_at,
    core.like_pattern($12::text) as pattern,
    -- bounds that are always there are conditions of an index
    coalesce(least(($13::text::jsonb ->> 0)::uuid, case when $8::date is not null then
      core.first_id_at(($8::date + 2)::timestamp at time zone $6::text) end),
      'ffffffff-ffff-ffff-ffff-ffffffffffff') as before_id,
    case when $7::date is null then '00000000-0000-0000-0000-000000000000'
      else core.first_id_at(($7::date - 1)::timestamp at time zone $6::text) end as least_id),
own as materialized (
  select a.id from bank.accounts a
  where ($2::uuid is not null or $3::uuid is not null) and a.business_id = $1
    and ($3::uuid is null or a.id = $3)
    and ($2::uuid is null or a.customer_id in (
      select c.id from core.customers c where c.business_id = $1 and c.user_id = $2))),
found as (
  select t.* from bounds cross join lateral (
    select x.* from bank.transfers x
    where $2::uuid is null and $3::uuid is null and x.business_id = $1
      and x.id < before_id and x.id >= least_id
      and bank.fits(x, $4, $5, from_at, to_at, $9, $10, $11, pattern)
    order by x.id desc limit $14::int + 1) t
  union all
  select t.* from own cross join bounds cross join lateral (
    (select x.* from bank.transfers x where x.business_id = $1 and x.from_account_id = own.id
       and x.id < before_id and x.id >= least_id
       and bank.fits(x, $4, $5, from_at, to_at, $9, $10, $11, pattern)
     order by x.id desc limit $14::int + 1)
    union all
    (select x.* from bank.transfers x where x.business_id = $1 and x.to_account_id = own.id
       and x.id < before_id and x.id >= least_id
       and bank.fits(x, $4, $5, from_at, to_at, $9, $10, $11, pattern)
       -- both ends are theirs: the other scan has it
       and not coalesce(x.from_account_id in (select o.id from own o), false)
     order by x.id desc limit $14::int + 1)) t),
page as materialized (select * from found order by id desc limit $14::int + 1),
numbered as (select p.*, row_number() over (order by id desc) as position from page p)
select coalesce((select json_agg(bank.transfer_body(t) order by t.id desc)
         from bank.transfers t join numbered n on n.id = t.id and n.position <= $14 where t.business_id = $1), '[]')::text as data,
       (select count(*) > $14 from numbered) as has_more,
       (select json_build_array(id)::text from numbered where position <= $14 order by position desc limit 1) as last_key;
